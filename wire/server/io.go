package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// Setting a deadline for each read and write would cost more than many a
// handler. So it is set for an eighth longer, and again when less than the
// limit is left of it.

// readSide is what the wire.Reader of a conn reads from.
type readSide struct{ c *conn }

func (s readSide) Read(p []byte) (int, error) {
	c := s.c
	limit := c.srv.limits.IdleTime
	now := time.Now()
	c.expireParams(now)
	c.mu.Lock()
	if c.lastLocked() && !c.closing {
		c.mu.Unlock()
		c.close()
		return 0, errClosing
	}
	c.reading = true
	if limit > 0 && !c.closing && c.readBy.Sub(now) < limit {
		c.readBy = now.Add(limit + limit/8)
		c.nc.SetReadDeadline(c.readBy)
	}
	c.mu.Unlock()
	n, err := c.nc.Read(p)
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	if n > 0 {
		c.observe(wire.ToApp, p[:n])
	}
	return n, err
}

// errClosing: the last answer was given.
var errClosing = errors.New("server: closing")

// writeSide is what the wire.Writer of a conn writes to, under wmu.
type writeSide struct{ c *conn }

func (s writeSide) Write(p []byte) (int, error) {
	c := s.c
	limit := c.srv.limits.WriteTime
	if limit > 0 {
		if now := time.Now(); c.writeBy.Sub(now) < limit {
			c.writeBy = now.Add(limit + limit/8)
			c.nc.SetWriteDeadline(c.writeBy)
		}
	}
	c.observe(wire.ToServer, p)
	n, err := c.nc.Write(p)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.report(0, fmt.Errorf("the peer has not read what was sent for %v", limit))
		}
		c.kill(ErrPeerGone)
	}
	return n, err
}

func (c *conn) observe(dir wire.Direction, p []byte) {
	if c.obs != nil {
		c.obsMu.Lock()
		defer c.obsMu.Unlock()
		c.obs.Bytes(dir, time.Now(), p)
	}
}

// readFailed decides what it means that no record can be read: nil to go on.
func (c *conn) readFailed(err error) error {
	if err == errClosing {
		return nil
	}
	if c.isClosing() {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.idle(err)
	}
	var cut *wire.TruncatedError
	if errors.As(err, &cut) {
		c.report(0, fmt.Errorf("closed by the peer: %w", err))
	}
	c.mu.Lock()
	c.readOver = true
	if c.how = flow.CloseByServer; errors.Is(err, syscall.ECONNRESET) {
		c.how = flow.ResetByServer
	}
	c.closeAfter = true
	busy, due := c.busy > 0, c.dueLocked()
	c.mu.Unlock()
	switch {
	case !busy:
		c.close()
	case due == nil && err == io.EOF && !gone(c.nc):
		c.mu.Lock()
		if limit := c.srv.limits.HalfCloseTime; limit > 0 {
			c.halfClosed = time.AfterFunc(limit, func() { c.kill(ErrPeerGone) })
		}
		c.mu.Unlock()
	default:
		if due != nil && cut == nil {
			c.report(due.ID, errors.New("closed by the peer before the end of the request"))
		}
		c.kill(ErrPeerGone)
	}
	return err
}

// idle: nothing came for IdleTime. That is no fault where nothing is due.
func (c *conn) idle(err error) error {
	c.mu.Lock()
	c.readBy = time.Time{}
	due, working := c.dueLocked(), len(c.active) > 0
	c.mu.Unlock()
	switch {
	case due != nil:
		c.report(due.ID, fmt.Errorf("nothing received for %v, and the request is not complete", c.srv.limits.IdleTime))
		c.kill(ErrPeerGone)
	case working:
		return nil
	default:
		c.close()
	}
	return err
}

// dueLocked returns a request that is not complete, if there is one.
func (c *conn) dueLocked() *Exchange {
	for _, x := range c.active {
		if !x.started || !x.inputComplete() {
			return x
		}
	}
	return nil
}

// discard reads what the peer still sends after the last answer, if it was
// sending then, until it closes or lingerTime is over.
func (c *conn) discard() {
	c.mu.Lock()
	lingers := c.lingers && c.dead == nil
	c.mu.Unlock()
	if lingers {
		var buf [4 << 10]byte
		for {
			if _, err := (readSide{c}).Read(buf[:]); err != nil {
				break
			}
		}
	}
	c.mu.Lock()
	unanswered := len(c.active) > 0
	c.mu.Unlock()
	if unanswered { // a fault has closed the connection
		c.kill(errFault)
	}
	c.nc.Close()
}

// gone reports whether nobody can read any more what would be written to nc.
// Writing nothing fails if so: at once on a Unix socket that the peer has
// closed, and on TCP when a reset has come.
func gone(nc net.Conn) bool {
	switch nc.(type) {
	case *net.UnixConn, *net.TCPConn:
		_, err := nc.Write(nil)
		return err != nil
	}
	return true
}
