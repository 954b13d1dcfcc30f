package commands

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// TestRequestRetry: the waits are curl's, and it ends when it works, when the
// tries are used up, or when the time is.
func TestRequestRetry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fails  int // dials
		change func(*requestOptions)
		dials  int
		took   time.Duration
		code   int
	}{
		{"works in the end", 2, func(o *requestOptions) { o.retrying.times = 5 }, 3, 3 * time.Second, 0},
		{"used up", 9, func(o *requestOptions) { o.retrying.times = 3 }, 4, 7 * time.Second, 5},
		{"delay", 9, func(o *requestOptions) { o.retrying.times, o.retrying.delay = 3, duration(time.Minute) }, 4, 3 * time.Minute, 5},
		{"out of time", 9, func(o *requestOptions) { o.retrying.times, o.timing.whole = 5, duration(2*time.Second) }, 2, 2 * time.Second, 5},
		{"not at all", 9, func(*requestOptions) {}, 1, 0, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				env, stdout, _ := testEnv("")
				dialing(t, env, badPeers["stray"])
				dial, dials := env.Dial, 0
				env.Dial = func(ctx context.Context, a transport.Addr) (net.Conn, error) {
					if dials++; dials <= tt.fails {
						return nil, &transport.DialError{Addr: a, Reason: transport.Refused}
					}
					return dial(ctx, a)
				}
				o := requestTo("127.0.0.1:9000", "/")
				o.retrying.refused = true
				tt.change(&o)
				start := time.Now()
				err := request(t.Context(), env, o)
				if took := time.Since(start); dials != tt.dials || took != tt.took || exitCode(err) != tt.code {
					t.Errorf("%d dials in %v, error %v; want %d in %v, exit code %d", dials, took, err, tt.dials, tt.took, tt.code)
				}
				if tt.code == 0 && stdout.String() != "ours\n" {
					t.Errorf("stdout %q", stdout)
				}
			})
		})
	}
}

// TestRequestRepeatInterrupted: nobody is told of the request that Ctrl-C ended.
func TestRequestRepeatInterrupted(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--repeat", "3"}, {"--mux", "3"}} {
		synctest.Test(t, func(t *testing.T) {
			env, stdout, stderr := testEnv("")
			dialing(t, env, badPeers["silent"])
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			code := Main(ctx, append([]string{"fcgiscope", "request", "127.0.0.1:9000"}, args...), env)
			if code != 130 || stdout.Len() > 0 || stderr.String() != "fcgiscope: interrupted\n" {
				t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
			}
		})
	}
}

// TestSendPace: when each record is sent.
func TestSendPace(t *testing.T) {
	t.Parallel()
	const paced = "@at +5s\n> raw 01\n@at +6s\n> raw 02\n> raw 03\n@at +6.5s\n> raw 04\n"
	for _, tt := range []struct {
		args, script string
		want         []time.Duration
	}{
		{"", paced, []time.Duration{0, 0, 0, 0}},
		{"--delay 2", paced, []time.Duration{0, 2 * time.Second, 4 * time.Second, 6 * time.Second}},
		{"--paced", paced, []time.Duration{0, time.Second, time.Second, 1500 * time.Millisecond}},
		{"--paced", "@at +5s\n> raw 01\n@at +1s\n> raw 02\n", []time.Duration{0, 0}},
	} {
		synctest.Test(t, func(t *testing.T) {
			env, _, stderr := testEnv(tt.script)
			start := time.Now()
			var came []time.Duration
			dialing(t, env, func(c net.Conn, _ <-chan struct{}) {
				b := make([]byte, 8)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					came = append(came, time.Since(start))
				}
			})
			code := Main(t.Context(), append([]string{"fcgiscope", "send", "127.0.0.1:9000", "-"}, strings.Fields(tt.args)...), env)
			synctest.Wait()
			last := tt.want[len(tt.want)-1]
			if !slices.Equal(came, tt.want) || code != 6 || time.Since(start) != last+2*time.Second {
				t.Errorf("%s: at %v, exit code %d after %v, want %v; %s", tt.args, came, code, time.Since(start), tt.want, stderr)
			}
		})
	}
}

// TestRequestStale: a kept connection that the application has closed since is
// replaced: nothing was sent on it.
func TestRequestStale(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	env, printed, said := testEnv("")
	dials := 0
	env.Dial = func(ctx context.Context, a transport.Addr) (net.Conn, error) {
		dials++
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return nil, err
		}
		far, err := l.Accept()
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { far.Close() })
		// It has answered and closed, as far as the client can tell, when the client begins.
		if _, err := far.Write(out(stdout(okHeader+"ok\n"), end(0, wire.RequestComplete))); err != nil {
			return nil, err
		}
		return near, far.(*net.TCPConn).CloseWrite()
	}
	o := requestTo("127.0.0.1:9000", "/")
	o.sending.keep, o.sending.repeat = true, 3
	if err := request(t.Context(), env, o); err != nil || printed.String() != "ok\nok\nok\n" || dials != 3 {
		t.Errorf("%v, %d dials, stdout %q", err, dials, printed)
	}
	if n := strings.Count(said.String(), "has closed the kept connection, connecting again\n"); n != 2 {
		t.Errorf("said %d times: %s", n, said)
	}
}
