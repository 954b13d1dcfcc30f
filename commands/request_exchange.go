package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// An exchange is one request and its answer.
type exchange struct {
	env      *Env
	o        *requestOptions
	target   target
	request  client.Request
	bodySize int64 // of STDIN
	stderr   messages
	response *client.Response // nil before it is sent
	answer   answer
	end      wire.EndRequest
	ended    bool // END_REQUEST came

	tries     int       // how often it failed before
	connects  int       // connections that were made for it
	start     time.Time // before it connected
	connected time.Time // zero if the connection was there
	finished  time.Time
	err       error // what became of it
}

// run sends the request over conn and prints the answer. It says who ended the
// connection, if that is over.
func (x *exchange) run(ctx context.Context, conn *client.Conn) flow.CloseKind {
	how, err := x.converse(ctx, conn)
	x.err = err
	x.stderr.flush()
	x.finished = x.env.Now()
	return how
}

func (x *exchange) converse(ctx context.Context, conn *client.Conn) (flow.CloseKind, error) {
	x.stderr.env = x.env
	x.request.Stderr = &x.stderr
	response, err := conn.Do(ctx, x.request)
	if err != nil {
		return flow.CloseByServer, x.failed(ctx, err)
	}
	defer response.Close()
	x.response = response
	aborted, stop := x.abortLater()
	defer stop()
	if err := x.answer.copy(response); err != nil {
		return flow.CloseByServer, err
	}
	x.end, err = response.Wait()
	x.ended = err == nil
	x.stderr.flush() // before what is said about it
	stop()
	abort := x.tellAbort(aborted)
	if err != nil {
		return closedBy(err), x.failed(ctx, err)
	}
	how := flow.CloseByServer
	if response.ClosedAfter() {
		how = flow.CloseByApp
	}
	if abort && x.end == (wire.EndRequest{}) {
		// As it should be, whatever had come of the response.
		x.tellViolations()
		return how, nil
	}
	return how, x.judge(x.end)
}

// closedBy tells who ended the connection from the error of an answer.
func closedBy(err error) flow.CloseKind {
	var closed *client.ClosedError
	if errors.As(err, &closed) {
		return flow.CloseByApp
	}
	return flow.CloseByServer
}

// abortLater sends ABORT_REQUEST when it is time. The channel tells when that
// was; stop has to be called.
func (x *exchange) abortLater() (aborted <-chan time.Time, stop func()) {
	if !x.o.sending.abort.given {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	sent, done := make(chan time.Time, 1), make(chan struct{})
	go func() {
		defer close(done)
		if sleep(ctx, time.Duration(x.o.sending.abort.after)) != nil {
			return
		}
		at := x.env.Now()
		if x.response.Abort() == nil {
			sent <- at
		}
	}()
	return sent, func() { cancel(); <-done }
}

// tellAbort says what came of --abort-after, and whether it was sent.
func (x *exchange) tellAbort(aborted <-chan time.Time) bool {
	if aborted == nil {
		return false
	}
	select {
	case at := <-aborted:
		after := shortTime(x.times().End.Sub(at))
		if x.ended {
			complain(x.env, fmt.Sprintf("END_REQUEST came %s after ABORT_REQUEST", after))
		} else {
			complain(x.env, fmt.Sprintf("no END_REQUEST came for ABORT_REQUEST, %s after it the exchange was over", after))
		}
		return true
	default:
		complain(x.env, fmt.Sprintf("the answer was over before --abort-after %v", time.Duration(x.o.sending.abort.after)))
		return false
	}
}

// shortTime is a length of time with three digits that count.
func shortTime(d time.Duration) string {
	for unit := 1000 * time.Second; unit > 100; unit /= 10 {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}

// judge says whether an answer that is complete is a good one.
func (x *exchange) judge(end wire.EndRequest) error {
	switch {
	case end.Status != wire.RequestComplete:
		return withHint(answerError{fmt.Errorf("%v: the application refused the request: protocolStatus %v", x.target, end.Status)}, refusals[end.Status])
	case end.AppStatus != 0:
		return answerError{fmt.Errorf("%v: the application reports a failure: appStatus %d", x.target, end.AppStatus)}
	}
	x.tellViolations()
	hint, err := x.hint(), x.answer.judge()
	if err != nil {
		return withHint(placed{x.target, err}, hint)
	}
	if hint != "" {
		complain(x.env, "hint: "+hint)
	}
	return nil
}

// refusals is what the protocol statuses mean.
var refusals = map[wire.ProtocolStatus]string{
	wire.CantMultiplex: "it takes one request at a time on a connection",
	wire.Overloaded:    "it is out of workers, memory or the like: try again later, or give it more",
	wire.UnknownRole:   "it does not know the role; most applications are RESPONDERs only",
}

// tellViolations says that the application broke rules without harm to its
// answer; -v says it too, and where.
func (x *exchange) tellViolations() {
	broken := x.response.Violations()
	if linger := time.Duration(x.o.sending.linger); linger > 0 && len(broken) == 0 && !x.o.verbose {
		how := "left the connection open"
		if x.response.ClosedAfter() {
			how = "closed the connection"
		}
		complain(x.env, fmt.Sprintf("nothing came for %v after END_REQUEST; the application %s", linger, how))
	}
	if len(broken) > 0 && !x.o.verbose {
		complain(x.env, fmt.Sprintf("the application broke rule %s at offset %d of its answer", broken[0].Rule, broken[0].Offset))
		complain(x.env, fmt.Sprintf("hint: -v shows where, fcgiscope rules %s what it says", broken[0].Rule))
	}
}

// What follows is for --write-out, --timing and the summary.

func (x *exchange) times() client.Times {
	if x.response == nil {
		return client.Times{}
	}
	return x.response.Times()
}

// since is the time from the start to t, 0 if that never came.
func (x *exchange) since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return t.Sub(x.start)
}

// status is the HTTP status, 0 if there is no response.
func (x *exchange) status() int {
	if x.headerSize() == 0 {
		return 0
	}
	return x.answer.header.Status()
}

func (x *exchange) headerSize() int64 {
	if x.answer.header == nil {
		return 0
	}
	return int64(x.answer.header.BodyStart())
}

func (x *exchange) field(name string) string {
	if x.answer.header == nil {
		return ""
	}
	value, _ := x.answer.header.Get(name)
	return string(value)
}

func (x *exchange) param(name string) string {
	value, _ := wire.Lookup(x.request.Params, name)
	return string(value)
}

func (x *exchange) message() string {
	if x.err == nil {
		return ""
	}
	return plain(x.err)
}

func (x *exchange) protocolStatus() string {
	if !x.ended {
		return ""
	}
	return x.end.Status.String()
}

func (x *exchange) records() int64 {
	if x.response == nil {
		return 0
	}
	return int64(x.response.Records())
}

func (x *exchange) stderrSize() int64 {
	if x.response == nil {
		return 0
	}
	_, size := x.response.Stderr()
	return size
}

// tellTiming prints when what happened, on stderr.
func (x *exchange) tellTiming(w io.Writer) error {
	times := x.times()
	rows := [][]string{}
	last := x.start
	for _, m := range []struct {
		what string
		at   time.Time
	}{
		{"connected", x.connected},
		{"request sent", times.Sent},
		{"first record", times.First},
		{"first byte of the body", x.answer.firstBody},
		{"END_REQUEST", endOf(x, times)},
	} {
		at, step := "-", "-"
		if !m.at.IsZero() {
			at, step = shortTime(m.at.Sub(x.start)), "+"+shortTime(max(0, m.at.Sub(last)))
			last = m.at
		}
		rows = append(rows, []string{m.what, at, step})
	}
	return pretty.TableIn(w, x.env.Terminal.columns(), []string{"what", "at", "step"}, rows)
}

func endOf(x *exchange, t client.Times) time.Time {
	if !x.ended {
		return time.Time{}
	}
	return t.End
}
