package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// serve returns a connection to a server, and how to wait for its end.
func serve(ctx context.Context, s *server.Server) (net.Conn, func()) {
	near, far := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { s.ServeConn(ctx, far) })
	return near, wg.Wait
}

const faultBody = "Content-Type: text/plain\r\n\r\nhello"

func answerAll(_ context.Context, x *server.Exchange) {
	io.Copy(io.Discard, x.Stdin)
	fmt.Fprint(x.Stderr, "oops")
	fmt.Fprint(x.Stdout, faultBody)
}

// outcomes is how the client sees a fault of the server: the error of Wait.
// Those that are not here change nothing that matters to it.
var outcomes = map[string]string{
	"no-end": "closed", "no-end-open": "timeout",
	"version-0": "protocol", "version-2": "protocol",
	"wrong-id": "protocol", "id-high-byte": "protocol", "id-0": "protocol", "foreign-records": "protocol",
	"length-too-long": "timeout or closed", "length-too-short": "protocol or closed or timeout",
	"close-at-once": "closed", "close-in-header": "closed", "close-in-record": "closed", "close-in-answer": "closed", "reset": "closed",
	"stall": "timeout", "stall-in-record": "timeout", "stall-in-answer": "timeout",
	"flood": "limit",
	"http":  "protocol", "garbage": "protocol", "cgi": "protocol",
}

func outcome(err error) string {
	var (
		closed   *ClosedError
		protocol *ProtocolError
		timeout  *TimeoutError
		limit    *LimitError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &closed):
		return "closed"
	case errors.As(err, &protocol):
		return "protocol"
	case errors.As(err, &timeout):
		return "timeout"
	case errors.As(err, &limit):
		return "limit"
	}
	return err.Error()
}

// Every way to break the protocol ends in time, and with the right error.
func TestFaults(t *testing.T) {
	faults := server.Faults()
	if len(faults) < 20 {
		t.Fatalf("%d faults", len(faults))
	}
	known := make(map[string]bool)
	for _, fault := range faults {
		known[fault.ID] = true
		for _, keep := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				nc, wait := serve(t.Context(), &server.Server{Handler: answerAll, Fault: &fault})
				c := NewConn(nc, Options{Idle: 10 * time.Second, MaxStdout: 1 << 20})
				start := time.Now()
				r := mustDo(t, c, Request{Keep: keep})
				b, _ := io.ReadAll(r.Stdout)
				_, err := r.Wait()
				got, want := outcome(err), outcomes[fault.ID]
				if got != want && (got == "" || !strings.Contains(want, got)) {
					t.Errorf("%s: %v, want %q; %q", fault.ID, err, outcomes[fault.ID], b)
				}
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("%s: %v", fault.ID, took)
				}
				if err != nil && c.Usable() {
					t.Errorf("%s: the connection is kept after %v", fault.ID, err)
				}
				c.Close()
				wait()
			})
		}
	}
	for id := range outcomes {
		if !known[id] {
			t.Errorf("no fault %s", id)
		}
	}
}

// A fault in one answer does not harm the others that are multiplexed with it,
// unless it is one of the connection. (Not in a bubble: the server waits for a
// mutex while it writes, which stops the clock there.)
func TestFaultsMultiplexed(t *testing.T) {
	for _, fault := range server.Faults() {
		fault.When = func(_ *server.Exchange, number int) bool { return number == 2 }
		nc, wait := serve(t.Context(), &server.Server{Handler: answerAll, Fault: &fault})
		c := NewConn(nc, Options{InFlight: 3, MaxStdout: 1 << 20, MaxBuffer: 1 << 20})
		var wg sync.WaitGroup
		var wrong atomic.Int32
		for range 3 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				r, err := c.Do(ctx, Request{Params: getParams})
				if err != nil {
					return
				}
				b, err := io.ReadAll(r.Stdout)
				if err == nil && string(b) != faultBody {
					wrong.Add(1)
				}
			})
		}
		wg.Wait()
		c.Close()
		wait()
		// An answer under another id makes two wrong.
		if n := wrong.Load(); n > 2 || n > 1 && fault.ID != "foreign-records" && fault.ID != "wrong-id" {
			t.Errorf("%s: %d wrong answers", fault.ID, n)
		}
	}
}

// Random requests, at once, given up at random: each gets its own answer, whole,
// or an error that says why not.
func TestRandomSchedules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		requests := rapid.SliceOfN(rapid.Custom(drawPlan), 1, 12).Draw(rt, "requests")
		inFlight := rapid.IntRange(1, 5).Draw(rt, "in flight")
		closeAfter := max(0, time.Duration(rapid.IntRange(-100, 50).Draw(rt, "close after"))*moment)
		var mu sync.Mutex
		var failed []string
		nc, wait := serve(t.Context(), &server.Server{Handler: obey})
		c := NewConn(nc, Options{InFlight: inFlight, MaxBuffer: 1 << 20})
		var wg sync.WaitGroup
		for i, p := range requests {
			wg.Go(func() {
				if s := p.run(t.Context(), c, fmt.Sprint(i)); s != "" {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, fmt.Sprintf("request %d %+v: %s", i, p, s))
				}
			})
		}
		if closeAfter > 0 {
			time.Sleep(closeAfter)
			c.Close()
		}
		wg.Wait()
		c.Close()
		wait()
		for _, s := range failed {
			rt.Error(s)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.active) != 0 || len(c.places) != 0 || c.leader != nil {
			rt.Errorf("%d active, %d places, leader %v", len(c.active), len(c.places), c.leader)
		}
	})
}

// moment is the unit of the plans. They have no timing that matters: it makes
// the orders in which things happen many.
const moment = 50 * time.Microsecond

// A plan is what is done with a request.
type plan struct {
	Body, Answer int           // bytes
	Think        time.Duration // of the app
	Start, Quit  time.Duration // when it is begun, and given up; 0: never
	Slow         time.Duration // between two reads
}

func drawPlan(t *rapid.T) plan {
	some := func(most int, name string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * moment
	}
	return plan{
		Body: rapid.SampledFrom([]int{0, 1, 1000, 100 << 10}).Draw(t, "body"), Answer: rapid.SampledFrom([]int{0, 1, 5000, 200 << 10}).Draw(t, "answer"),
		Think: some(50, "think"), Start: some(50, "start"), Quit: some(100, "quit"), Slow: some(3, "slow"),
	}
}

// obey is an app that does what the parameters say.
func obey(ctx context.Context, x *server.Exchange) {
	var answer int
	var think time.Duration
	fmt.Sscan(x.Param("ANSWER"), &answer)
	fmt.Sscan(x.Param("THINK"), (*int64)(&think))
	n, _ := io.Copy(io.Discard, x.Stdin)
	select {
	case <-time.After(think):
	case <-ctx.Done():
		return
	}
	fmt.Fprintf(x.Stdout, "%s %d ", x.Param("NAME"), n)
	io.WriteString(x.Stdout, strings.Repeat("x", answer))
}

// run does what is planned, and says what is wrong.
func (p plan) run(ctx context.Context, c *Conn, name string) string {
	time.Sleep(p.Start)
	if p.Quit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Quit)
		defer cancel()
	}
	r, err := c.Do(ctx, Request{
		Keep: true,
		Params: []wire.Pair{
			wire.NewPair("NAME", name), wire.NewPair("ANSWER", fmt.Sprint(p.Answer)), wire.NewPair("THINK", fmt.Sprint(int64(p.Think))),
			wire.NewPair("CONTENT_LENGTH", fmt.Sprint(p.Body)),
		},
		Stdin: io.LimitReader(zeroes{}, int64(p.Body)),
	})
	var b []byte
	if err == nil {
		b, err = io.ReadAll(slowly{r.Stdout, p.Slow})
	}
	switch {
	case err == nil:
		if want := fmt.Sprintf("%s %d %s", name, p.Body, strings.Repeat("x", p.Answer)); string(b) != want {
			return fmt.Sprintf("%.60q…, %d bytes, want %.60q…, %d bytes", b, len(b), want, len(want))
		}
	case ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrClosed), errors.Is(err, ErrStale):
	default:
		return err.Error()
	}
	return ""
}

type slowly struct {
	io.Reader
	wait time.Duration
}

func (s slowly) Read(p []byte) (int, error) { time.Sleep(s.wait); return s.Reader.Read(p) }
