package replay

import (
	"context"
	"errors"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An Observer is told what travels over a connection, sent bytes before they
// are sent, and how it ended: err is nil if we closed it, and io.EOF if the
// application did. Bytes calls may be concurrent in the two directions.
type Observer interface {
	Bytes(dir wire.Direction, at time.Time, p []byte)
	Close(at time.Time, err error)
}

// The errors of a Result.
var (
	// ErrClosed says that the application closed the connection before
	// END_REQUEST.
	ErrClosed = errors.New("replay: the application closed the connection without END_REQUEST")
	// ErrSilent says that nothing came for Player.Idle.
	ErrSilent = errors.New("replay: nothing came")
	// ErrForeign says that what came is no FastCGI.
	ErrForeign = errors.New("replay: what came is no FastCGI")
)

// A conversation is a talk that is being played.
type conversation struct {
	*pass
	talk *talk
	own  *gate // of its requests; nil where the pass has one for all
	line *line
	last *Request // that was begun, and is none of management
}

// converse plays a talk.
func (ps *pass) converse(ctx context.Context, t *talk) {
	c := &conversation{pass: ps, talk: t}
	if ps.gate == nil {
		n := 0
		for _, s := range t.steps {
			if r := s.request; r != nil && r.first == s {
				n = max(n, r.endOwn+1)
			}
		}
		c.own = newGate(n)
	}
	defer func() {
		if c.line != nil {
			c.line.hangUp()
		}
	}()
	var buf []byte
	for _, s := range t.steps {
		begins := s.request != nil && s.request.first == s
		if c.turn(s) != nil || begins && !ps.may() {
			break
		}
		if err := c.ready(ctx, s, begins); err != nil {
			ps.fail(err)
			return
		}
		if c.line == nil {
			continue // the rest of a request whose connection has ended
		}
		if begins {
			c.line.begin(s.request)
			if s.request.Type == wire.TypeBeginRequest {
				c.last = s.request
			}
		}
		if err := c.write(s, &buf); err != nil {
			ps.fail(err)
			return
		}
	}
	if c.line != nil {
		c.line.wait(ctx)
	}
}

// turn waits until s is to be sent.
func (c *conversation) turn(s *step) error {
	var err error
	if c.own != nil {
		err = c.own.wait(c.sending, s.own)
	} else {
		err = c.gate.wait(c.sending, s.after)
	}
	if err == nil {
		err = c.pace(s)
	}
	if err == nil && s.heard && c.line != nil {
		err = c.line.hear(c.sending, s.request)
	}
	return err
}

// ready makes sure that there is a connection for s: a new one where a request
// begins and the old one is over, or is not to be kept.
func (c *conversation) ready(ctx context.Context, s *step, begins bool) error {
	if c.line != nil && (c.line.isOver() || begins && c.last != nil && !c.last.keep && !c.plan.Exact && c.line.idle()) {
		c.line.hangUp()
		c.line = nil
	}
	if c.line != nil || !begins && s.request != nil {
		return nil
	}
	nc, err := c.Dial(ctx)
	if err != nil {
		return err
	}
	c.line = dialled(ctx, c, nc)
	return nil
}

// write sends the bytes of a step. That the application does not take them is
// seen by who reads.
func (c *conversation) write(s *step, buf *[]byte) error {
	r := c.plan.store.reader(s.bytes)
	r.buf = *buf
	for {
		p, err := r.piece(copying)
		if err != nil || len(p) == 0 {
			*buf = r.buf
			return err
		}
		if c.line.write(p) != nil {
			return nil
		}
	}
}
