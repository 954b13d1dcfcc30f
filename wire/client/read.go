package client

import (
	"errors"
	"os"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// Reading: the goroutine that needs something for its answer leads, that is, it
// reads records for all until it has got it; then another one that waits takes
// over. There is no leader when nobody waits, so nothing is read then.

// await returns when ready holds for r, with mu held.
func (c *Conn) await(r *Response, ready func(*Response) bool) {
	c.mu.Lock()
	var start time.Time
	for !ready(r) {
		if start.IsZero() {
			start = time.Now()
		}
		if c.leader == nil {
			c.lead(r, start)
			continue
		}
		if r.turn == nil {
			r.turn = make(chan struct{}, 1)
		}
		r.waits = true
		c.mu.Unlock()
		<-r.turn
		c.mu.Lock()
		r.waits = false
	}
	if c.leader != nil || c.exclusive() {
		return
	}
	for _, next := range c.active {
		if next.waits {
			next.signal()
			return
		}
	}
}

// signal wakes r if it waits. With mu.
func (r *Response) signal() {
	if !r.waits {
		return
	}
	select {
	case r.turn <- struct{}{}:
	default:
	}
}

// lead reads one record for all; r has waited since start. With mu, which it
// gives up while it reads.
func (c *Conn) lead(r *Response, start time.Time) {
	c.leader = r
	if _, n := wire.Split(c.rd.Buffered()); n == 0 {
		c.link.armRead(start)
	}
	c.mu.Unlock()
	at := c.rd.Offset()
	rec, err := c.rd.ReadRecord()
	c.mu.Lock()
	switch {
	case err == nil:
		c.dispatch(at, rec)
	case c.err != nil && len(c.active) == 0:
		// We closed it ourselves.
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.link.readLate()
		// It may have been meant for somebody who led before, or for us because
		// we shall give up; or bytes went out in the meantime.
		if !r.over && c.link.readSilent(start) {
			c.salvage()
			c.shut(c.silence)
		}
	case errors.Is(err, errForeign):
		c.foreign(at, c.rd.Buffered())
	default:
		c.salvage()
		c.shut(func(r *Response) error {
			return &ClosedError{Received: c.link.received.Load() - r.before, Stdout: r.stdout, Stderr: r.stderr, Err: err}
		})
	}
	c.leader = nil
}

// silence is the error of a request when the connection was silent too long.
func (c *Conn) silence(r *Response) error {
	return &TimeoutError{Idle: c.opts.Idle, Received: c.link.received.Load() - r.before}
}

// foreign ends a connection on which b came, which is no FastCGI.
func (c *Conn) foreign(at int64, b []byte) {
	err := foreignError(at, b)
	c.shut(func(*Response) error { return err })
}

func foreignError(at int64, b []byte) error {
	var head [wire.HeaderLen]byte
	copy(head[:], b)
	return &ProtocolError{Rule: wire.RuleVersion, Offset: at, Header: wire.ParseHeader(&head), Hint: wire.Hint(b)}
}

// salvage hands out what there is of a record that will not be complete.
func (c *Conn) salvage() {
	b := c.rd.Buffered()
	if len(b) <= wire.HeaderLen || b[0] != wire.Version1 {
		return
	}
	rec, _ := wire.Split(b)
	r := c.active[rec.RequestID]
	if r == nil {
		return
	}
	b = b[wire.HeaderLen:]
	b = b[:min(len(b), int(rec.ContentLength))]
	switch rec.Type {
	case wire.TypeStdout:
		r.addStdout(b)
	case wire.TypeStderr:
		r.addStderr(b)
	}
}

// dispatch gives a record to whom it belongs. With mu.
func (c *Conn) dispatch(at int64, rec wire.Record) {
	v := Violation{Offset: at, Header: rec.Header}
	r := c.active[rec.RequestID]
	_, aborted := c.aborted[rec.RequestID]
	switch {
	case rec.Version != wire.Version1:
		c.foreign(at, rec.Append(nil))
	case rec.RequestID == 0 && (!rec.Type.Known() || rec.Type.Spec().Management):
		v.Rule = managementRules[rec.Type]
		c.note(nil, v)
	case r != nil:
		c.deliver(r, v, rec)
	case aborted:
		// An answer to what was aborted, as was to be expected.
	default:
		v.Rule = wire.RuleOutputInactive
		if rec.Type == wire.TypeEndRequest {
			v.Rule = wire.RuleEndInactive
		}
		c.note(nil, v)
		if c.exclusive() {
			// The answer to our request, probably, under a wrong id.
			c.shut(func(*Response) error { return &ProtocolError{Rule: v.Rule, Offset: at, Header: rec.Header} })
		}
	}
}

// managementRules are the rules that management records break which nobody
// asked for. The other types are in RuleUnknownType, the zero value's place.
var managementRules = map[wire.Type]wire.RuleID{
	wire.TypeGetValues:       wire.RuleDirection,
	wire.TypeGetValuesResult: wire.RuleGetValuesAnswer,
	wire.TypeUnknownType:     wire.RuleUnknownTypeAnswer,
}

// note keeps a violation with the request it belongs to, or with all if that is
// not known.
func (c *Conn) note(r *Response, v Violation) {
	if v.Rule == "" {
		v.Rule = wire.RuleUnknownType
	}
	for _, x := range c.active {
		if (r == nil || r == x) && len(x.violations) < maxViolations {
			x.violations = append(x.violations, v)
		}
	}
}
