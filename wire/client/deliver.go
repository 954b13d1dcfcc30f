package client

import (
	"errors"
	"os"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// Delivering: what the leader has read becomes a part of the answer it belongs
// to, and END_REQUEST its end.

// deliver gives a record to its request.
func (c *Conn) deliver(r *Response, v Violation, rec wire.Record) {
	if r.records++; r.records == 1 {
		r.times.First = time.Now()
	}
	switch rec.Type {
	case wire.TypeStdout:
		if r.stdoutEnded {
			v.Rule = wire.RuleStreamEnded
			c.note(r, v)
		}
		r.stdoutEnded = r.stdoutEnded || len(rec.Content) == 0
		r.addStdout(rec.Content)
	case wire.TypeStderr:
		if r.stderrEnded {
			v.Rule = wire.RuleStreamEnded
			c.note(r, v)
		}
		r.stderrEnded = r.stderrEnded || len(rec.Content) == 0
		r.addStderr(rec.Content)
	case wire.TypeEndRequest:
		end, err := wire.ParseEndRequest(rec.Content)
		if err != nil {
			v.Rule = wire.RuleBodyLength
			c.note(r, v)
		}
		r.finish(end)
	default:
		v.Rule = wire.RuleUnknownType
		if s := rec.Type.Spec(); s != nil {
			v.Rule = wire.RuleDirection
			if s.Management {
				v.Rule = wire.RuleManagementID
			}
		}
		c.note(r, v)
	}
}

// addStdout takes a piece of STDOUT. With mu, which it gives up while it waits
// for room.
func (r *Response) addStdout(p []byte) {
	c := r.c
	limit := c.opts.MaxStdout
	tooMuch := limit > 0 && r.stdout+int64(len(p)) > limit
	if tooMuch {
		p = p[:limit-r.stdout]
	}
	r.stdout += int64(len(p))
	for c.opts.Backpressure && !c.exclusive() && !r.discard && !r.over && len(r.unread) > 0 && len(r.unread)+len(p) > c.opts.MaxBuffer {
		c.room.Wait()
	}
	switch {
	case r.over:
	case r.discard || len(p) == 0:
	case c.exclusive():
		// Nothing is read before this has been taken.
		r.unread = p
	case len(r.unread)+len(p) > c.opts.MaxBuffer && !c.opts.Backpressure:
		r.giveUp(ErrBehind)
	default:
		r.buf = append(append(r.buf[:0], r.unread...), p...)
		r.unread = r.buf
		r.signal()
	}
	if tooMuch {
		r.giveUp(&LimitError{Limit: limit})
	}
}

// addStderr takes a piece of STDERR. With mu, which it gives up while it tells
// others.
func (r *Response) addStderr(p []byte) {
	r.stderr += int64(len(p))
	room := r.c.opts.MaxStderr - len(r.errBuf)
	r.errBuf = append(r.errBuf, p[:min(len(p), max(room, 0))]...)
	if r.req.Stderr != nil && len(p) > 0 {
		r.c.mu.Unlock()
		_, _ = r.req.Stderr.Write(p)
		r.c.mu.Lock()
	}
}

// finish ends r with END_REQUEST. With mu.
func (r *Response) finish(end wire.EndRequest) {
	c := r.c
	r.end, r.complete = end, true
	extra := len(c.rd.Buffered()) > 0
	if len(c.active) == 1 {
		// What came before has been taken: this is the last that was read.
		c.rd.Release()
	}
	r.leave()
	switch {
	case !c.exclusive():
		if !r.sent || r.wasAborted {
			r.quit()
		}
	case c.opts.Linger > 0:
		r.lingers = true
		c.err = ErrClosed
	case !r.req.Keep || !r.sent || r.wasAborted || extra || len(r.violations) > 0:
		// Not one byte more: what comes would be taken for the next answer.
		c.shut(nil)
	case c.after != nil && !c.after(true):
		c.shut(nil)
	}
}

// linger reads on after END_REQUEST, and closes. With mu, which it gives up.
func (c *Conn) linger(r *Response) {
	c.leader = r
	_ = c.link.SetReadDeadline(time.Now().Add(c.opts.Linger))
	c.mu.Unlock()
	var late []Violation
	closed := false
	for len(late) < maxViolations {
		at := c.rd.Offset()
		rec, err := c.rd.ReadRecord()
		if err != nil {
			closed = !errors.Is(err, os.ErrDeadlineExceeded)
			break
		}
		v := Violation{Rule: wire.RuleOutputInactive, Offset: at, Header: rec.Header}
		if rec.Type == wire.TypeEndRequest {
			v.Rule = wire.RuleEndInactive
		}
		late = append(late, v)
	}
	c.mu.Lock()
	c.leader = nil
	r.violations = append(r.violations, late...)
	r.closedAfter = closed
	c.shut(nil)
}
