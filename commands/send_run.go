package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A sender sends a script over one connection.
type sender struct {
	env     *Env
	o       *sendOptions
	target  target
	script  *script
	conn    net.Conn
	outcome *outcome

	sent chan struct{} // closed when nothing more is going to be sent
	last time.Time     // when that was
	rst  bool          // we reset the connection
}

// An ending is how a connection ended.
type ending struct {
	how flow.CloseKind // CloseByServer: by us, because nothing more came
	err error          // of a connection that broke in another way
	at  time.Time
}

// run sends the script, shows what comes, and says how it ended.
func (s *sender) run(ctx context.Context, tr *trace) error {
	s.sent = make(chan struct{})
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	endings := make(chan ending, 1)
	open, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	go func() {
		end := s.receive(tr)
		ended(errEnded)
		endings <- end
	}()
	sendErr := s.send(open, tr)
	s.last = s.env.Now()
	close(s.sent)
	_ = s.conn.SetReadDeadline(s.until(s.last))
	end := <-endings
	s.conn.Close()
	err := tr.close(end.at, end.how, end.err)
	switch {
	case ctx.Err() != nil:
		return placed{s.target, context.Cause(ctx)}
	case err != nil:
		return outputError{err}
	case sendErr != nil:
		complain(s.env, plain(sendErr))
	}
	s.tell(end)
	return s.judge(end)
}

// errEnded stops the sending when the application has ended the connection.
var errEnded = errors.New("the connection had ended")

// until is when silence since t has lasted long enough; zero: never.
func (s *sender) until(t time.Time) time.Time {
	if s.o.wait == 0 {
		return time.Time{}
	}
	return t.Add(time.Duration(s.o.wait))
}

// send sends step by step; what the application does meanwhile is no error, but
// that it cannot take any more is.
func (s *sender) send(ctx context.Context, tr *trace) error {
	for i, x := range s.script.steps {
		var err error
		if i > 0 {
			err = sleep(ctx, s.pause(s.script.steps[i-1], x))
		}
		if err == nil {
			err = s.do(x, tr)
		}
		if err != nil {
			return fmt.Errorf("%s of %d could not be sent: %w", s.name(i), len(s.script.steps), brief(err))
		}
	}
	return nil
}

// name is that of a step in messages.
func (s *sender) name(i int) string {
	if line := s.script.steps[i].line; line > 0 {
		return fmt.Sprintf("record %d (line %d)", i+1, line)
	}
	return fmt.Sprintf("record %d", i+1)
}

// pause is how long to wait between two steps.
func (s *sender) pause(before, next scriptStep) time.Duration {
	if s.o.paced {
		return max(0, next.at.Sub(before.at))
	}
	return time.Duration(s.o.delay)
}

func (s *sender) do(x scriptStep, tr *trace) error {
	switch x.kind {
	case capture.ChunkFin:
		half, ok := s.conn.(interface{ CloseWrite() error })
		if !ok {
			return errors.New("the connection cannot be half closed")
		}
		return half.CloseWrite()
	case capture.ChunkRst:
		s.rst = true
		if c, ok := s.conn.(*net.TCPConn); ok {
			_ = c.SetLinger(0)
		}
		return s.conn.Close()
	}
	tr.bytes(wire.ToApp, s.env.Now(), x.data)
	_ = s.conn.SetWriteDeadline(s.until(s.env.Now()))
	_, err := s.conn.Write(x.data)
	return err
}

// receive shows what comes, until the connection ends, or nothing has come for
// as long as the user wants to wait, after all was sent.
func (s *sender) receive(tr *trace) ending {
	buf := make([]byte, 64<<10)
	for {
		n, err := s.conn.Read(buf)
		now := s.env.Now()
		if n > 0 {
			tr.bytes(wire.ToServer, now, buf[:n])
		}
		select {
		case <-s.sent:
			_ = s.conn.SetReadDeadline(s.until(now))
		default:
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return ending{how: flow.CloseByApp, at: now}
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed) && !s.rst, errors.Is(err, io.ErrClosedPipe):
			return ending{how: flow.CloseByServer, at: now}
		case errors.Is(err, net.ErrClosed):
			return ending{how: flow.ResetByServer, at: now}
		case errors.Is(err, syscall.ECONNRESET):
			return ending{how: flow.ResetByApp, at: now}
		default:
			return ending{how: flow.CloseUnknown, err: err, at: now}
		}
	}
}

// brief is err without what the user knows: the addresses.
func brief(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the application does not take it")
	case errors.As(err, &errno):
		return errno
	}
	return err
}

// tell says how the connection ended.
func (s *sender) tell(end ending) {
	after := shortTime(max(0, end.at.Sub(s.last)))
	var text string
	switch end.how {
	case flow.CloseByApp:
		text = fmt.Sprintf("the application closed the connection (FIN), %s after all was sent", after)
		if end.at.Before(s.last) {
			text = "the application closed the connection (FIN) before all was sent"
		}
	case flow.ResetByApp:
		text = "the application reset the connection (RST)"
	case flow.ResetByServer:
		text = "the connection was reset, as the script says"
	case flow.CloseByServer:
		text = fmt.Sprintf("nothing more came for %v, the application leaves the connection open", time.Duration(s.o.wait))
		if s.outcome.bytes == 0 {
			text = fmt.Sprintf("nothing came for %v, the application leaves the connection open", time.Duration(s.o.wait))
		}
	default:
		text = "the connection broke: " + brief(end.err).Error()
	}
	complain(s.env, text)
}

// judge gives the exit code.
func (s *sender) judge(end ending) error {
	o := s.outcome
	fail := func(format string, args ...any) error { return placed{s.target, fmt.Errorf(format, args...)} }
	silent := end.how == flow.CloseByServer
	switch {
	case end.how == flow.ResetByServer:
		return nil
	case o.foreign != "":
		return withHint(peerError{fail("what came is no FastCGI%s", o.foreign)}, strangerHint(strings.TrimPrefix(o.foreign, ": it ")))
	case o.bytes == 0 && silent:
		return withHint(timeoutError{fail("no answer")}, "--wait waits longer")
	case o.bytes == 0:
		return peerError{fail("closed without an answer")}
	case o.refused != "":
		return answerError{fail("%s", o.refused)}
	case o.open > 0 && silent:
		return withHint(timeoutError{fail("no END_REQUEST for %s", plural(o.open, "request", ""))}, "--wait waits longer")
	case o.open > 0:
		return peerError{fail("closed without END_REQUEST for %s", plural(o.open, "request", ""))}
	}
	return nil
}

// An outcome is a sink that notes what matters to the exit code.
type outcome struct {
	bytes   int64  // that the application sent, in records or not
	open    int    // requests that have begun and not ended
	foreign string // what came that is no FastCGI, if it did
	refused string // the first END_REQUEST that says no
}

// Event implements pretty.Sink.
func (o *outcome) Event(e *flow.Event) error {
	switch e.Kind {
	case flow.KindRecord:
		if e.Dir == wire.ToServer {
			o.bytes += int64(e.Header.Len())
		}
	case flow.KindDesync, flow.KindTruncated:
		if e.Dir != wire.ToServer {
			break
		}
		o.bytes += int64(len(e.Data))
		if e.Kind == flow.KindDesync {
			o.foreign = ", but something else"
			if e.Hint != "" {
				o.foreign = ": it " + e.Hint
			}
		}
	case flow.KindRequestEnded:
		r := e.Request
		switch {
		case !r.Complete:
			o.open++
		case o.refused != "":
		case r.ProtocolStatus != wire.RequestComplete:
			o.refused = fmt.Sprintf("the application refused request %d: protocolStatus %v", r.ID, r.ProtocolStatus)
		case r.AppStatus != 0:
			o.refused = fmt.Sprintf("the application reports a failure of request %d: appStatus %d", r.ID, r.AppStatus)
		}
	}
	return nil
}

// Close implements pretty.Sink.
func (o *outcome) Close() error { return nil }
