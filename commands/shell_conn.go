package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// maxShellConns is how many connections a session may have, one after the other
// or at once.
const maxShellConns = 1000

// maxShown is how many requests that have ended a connection remembers.
const maxShown = 100

// A shellConn is a connection of a session. What is not fixed is under shell.mu.
type shellConn struct {
	s      *shellSession
	n      int
	addr   string // as it was given
	target target
	conn   net.Conn
	done   chan struct{} // closed when the goroutine that reads has ended

	trace     *trace
	last      time.Time // of the last byte, either way
	spoke     bool      // something came
	alien     bool      // what came is no FastCGI, which was told of
	closed    bool
	byUs      bool
	how       string // the end, in words
	begun     map[uint16]bool
	requests  []flow.Request // in order; of those that have ended the last maxShown
	questions int            // management records that were not answered
	lastID    uint16         // of the last record that we sent
}

// connect makes a new connection, the current one from then on.
func (s *shellSession) connect(ctx context.Context, addr string) error {
	if len(s.conns) == maxShellConns {
		return usagef("connect: this session had %d connections, which is as many as it may have", maxShellConns)
	}
	t, known := s.targets[addr]
	if !known {
		parsed, err := parseTarget(addr)
		if err != nil {
			return err
		}
		if t, err = parsed.open(ctx, s.env, time.Duration(s.o.timing.connect)); err != nil {
			return err
		}
		s.targets[addr] = t
	}
	if t.app != nil { // it ends with its connection, not with the command
		ctx = context.WithoutCancel(ctx)
	}
	nc, err := t.dial(ctx, s.env, time.Duration(s.o.timing.connect))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now()
	c := &shellConn{s: s, n: len(s.conns), addr: addr, target: t, conn: nc, done: make(chan struct{}), last: now, begun: map[uint16]bool{}}
	s.conns = append(s.conns, c)
	c.trace = s.shown.connection(t, nc, now)
	s.current = c
	s.notify()
	go c.read()
	return nil
}

// name is that of the connection in messages.
func (c *shellConn) name() string {
	if len(c.s.conns) == 1 {
		return "the connection to " + c.target.String()
	}
	return fmt.Sprintf("connection %d to %v", c.n, c.target)
}

// read shows what comes until the connection ends.
func (c *shellConn) read() {
	defer close(c.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := c.conn.Read(buf)
		c.s.mu.Lock()
		if n > 0 {
			c.last = c.s.env.Now()
			c.trace.bytes(wire.ToServer, c.last, buf[:n])
			if hint := wire.Hint(buf[:n]); !c.spoke && hint != "" {
				c.noFastCGI(hint)
			}
			c.spoke = true
		}
		if err != nil {
			c.end(err)
		}
		c.s.notify()
		c.s.mu.Unlock()
		if err != nil {
			c.conn.Close()
			return
		}
	}
}

// noFastCGI notes that what came is none; hint, which may be "", says what it
// looks like. s.mu is held.
func (c *shellConn) noFastCGI(hint string) {
	if c.alien {
		return
	}
	c.alien = true
	c.s.broken = fmt.Sprintf("%v: what came is no FastCGI", c.target)
	if hint != "" {
		c.s.broken += ": it " + hint
	}
}

// end notes that the connection has ended. s.mu is held.
func (c *shellConn) end(err error) {
	if c.closed {
		return
	}
	how := flow.CloseByApp
	switch {
	case errors.Is(err, io.EOF):
		c.how, err = "the application closed it", nil
	case errors.Is(err, syscall.ECONNRESET):
		how, c.how, err = flow.ResetByApp, "the application reset it", nil
	default:
		how, c.how = flow.CloseUnknown, "it broke: "+brief(err).Error()
	}
	switch open := len(c.begun); {
	case c.alien: // which is why
	case open > 0:
		c.s.broken = fmt.Sprintf("%v: closed without END_REQUEST for %s%s", c.target, plural(open, "request", ""), c.closedAfter())
	case c.questions > 0:
		c.s.broken = fmt.Sprintf("%v: closed without an answer", c.target)
	}
	c.over(how, err)
}

// closedAfter names the request after whose answer the application was to close
// the connection: what was begun behind it gets no answer, and that is lawful.
// It is "" where there is none. s.mu is held. See FastCGI 1.0, section 5.1.
func (c *shellConn) closedAfter() string {
	for i := range c.requests {
		if r := &c.requests[i]; r.Complete && r.Flags&wire.KeepConn == 0 {
			return fmt.Sprintf("; request %d did not ask to keep the connection", r.ID)
		}
	}
	return ""
}

// over ends what is shown of the connection. s.mu is held.
func (c *shellConn) over(how flow.CloseKind, err error) {
	c.closed = true
	clear(c.begun)
	c.questions = 0
	_ = c.trace.close(c.s.env.Now(), how, err)
	c.s.notify()
}

// hangUp closes the connection from our side, which may have ended already, and
// waits for the goroutine that reads it.
func (c *shellConn) hangUp(how flow.CloseKind) {
	c.s.mu.Lock()
	if !c.closed {
		c.byUs, c.how = true, "it was closed"
		c.over(how, nil)
	}
	c.s.mu.Unlock()
	if tcp, ok := c.conn.(*net.TCPConn); ok && how == flow.ResetByServer {
		_ = tcp.SetLinger(0)
	}
	c.conn.Close()
	<-c.done
}

func (c *shellConn) isClosed() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.closed
}

// waiting counts what the application has not answered. s.mu is held.
func (c *shellConn) waiting() int { return len(c.begun) + c.questions }

// note keeps the state of a request. s.mu is held.
func (c *shellConn) note(r *flow.Request) {
	i := slices.IndexFunc(c.requests, func(q flow.Request) bool { return q.Seq == r.Seq })
	if i < 0 {
		if len(c.requests) >= maxShown {
			if old := slices.IndexFunc(c.requests, func(q flow.Request) bool { return !q.EndedAt.IsZero() }); old >= 0 {
				c.requests = slices.Delete(c.requests, old, old+1)
			}
		}
		i, c.requests = len(c.requests), append(c.requests, flow.Request{})
	}
	c.requests[i] = *r
	c.requests[i].Method, c.requests[i].URI, c.requests[i].Script = bytes.Clone(r.Method), bytes.Clone(r.URI), nil
	if r.EndedAt.IsZero() {
		c.begun[r.ID] = true
	} else {
		delete(c.begun, r.ID)
	}
}

// manage counts questions and answers. s.mu is held.
func (c *shellConn) manage(e *flow.Event) {
	if e.Header.RequestID != 0 {
		return
	}
	asks := e.Header.Type == wire.TypeGetValues || !e.Header.Type.Known()
	switch {
	case e.Dir == wire.ToApp && asks:
		c.questions++
	case e.Dir == wire.ToServer && c.questions > 0:
		c.questions--
	}
}

// refresh notes what has changed in the requests that are open since the last
// event about them. s.mu is held.
func (c *shellConn) refresh() { c.trace.active(c.note) }

// ids returns the ids of the requests that are open and are so, in order. s.mu is
// held.
func (c *shellConn) ids(so func(*flow.Request) bool) []uint16 {
	var ids []uint16
	for i := range c.requests {
		if r := &c.requests[i]; r.EndedAt.IsZero() && so(r) {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// freeID is the lowest id from first on that is not open.
func (c *shellConn) freeID(first uint16) uint16 {
	for id := first; id != 0; id++ {
		if !c.begun[id] {
			return id
		}
	}
	return first
}

// write sends bytes, and shows them.
func (c *shellConn) write(ctx context.Context, p []byte) error {
	s := c.s
	s.mu.Lock()
	if c.closed {
		s.mu.Unlock()
		_, err := s.using()
		return err
	}
	c.last = s.env.Now()
	c.trace.bytes(wire.ToApp, c.last, p)
	if len(p) >= wire.HeaderLen {
		c.lastID = wire.ParseHeader((*[wire.HeaderLen]byte)(p)).RequestID
	}
	s.notify()
	s.mu.Unlock()
	deadline := time.Time{}
	if limit := s.settings.limit; limit > 0 {
		deadline = time.Now().Add(limit)
	}
	_ = c.conn.SetWriteDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := c.conn.Write(p)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return timeoutError{placed{c.target, fmt.Errorf("the application does not take it: nothing could be sent for %v", s.settings.limit)}}
	}
	<-c.done // the goroutine that reads knows why
	if _, err := s.using(); err != nil {
		return err
	}
	return peerError{placed{c.target, errors.New("the application has closed the connection before it took all")}}
}

// halfClose ends our direction of the connection.
func (c *shellConn) halfClose() error {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || c.target.app != nil {
		return usagef("%s has no half: a built-in application is in this process", c.name())
	}
	return half.CloseWrite()
}
