package server

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A conn is a connection. One goroutine at a time reads it; handlers run on
// that goroutine or on ones of their own, see start.
type conn struct {
	srv  *Server
	nc   net.Conn
	ctx  context.Context // the base of the handlers' contexts
	stop func() bool     // ends the watch over ctx
	done func()

	// For the goroutine that reads.
	r     *wire.Reader
	ready *Exchange // its PARAMS are complete, its handler not started

	// For srv.inline.
	inlined                bool
	epoch                  int
	inlineX                *Exchange
	prevInline, nextInline *conn

	obsMu sync.Mutex
	obs   Observer

	wmu     sync.Mutex
	w       *wire.Writer
	writeBy time.Time // the deadline that is set
	fault   *breaker  // nil where the protocol is kept

	mu         sync.Mutex
	changed    sync.Cond   // input came, was read, or is not wanted any more
	active     []*Exchange // begun and not ended
	busy       int         // begun, and their END_REQUEST not written
	open       int         // begun, and not released
	running    int         // handlers
	goroutines int
	readBy     time.Time // the deadline that is set
	reading    bool      // nothing that was read waits to be handled
	readOver   bool      // nothing can be read any more
	draining   bool      // no new requests
	closeAfter bool      // close after the last request
	stays      bool      // it is not closed then: a fault
	closing    bool      // no record is handled any more
	lingers    bool      // but what comes is read for a while
	dead       error     // why the connection was closed before its time
	how        flow.CloseKind
	halfClosed *time.Timer
}

func newConn(ctx context.Context, s *Server, nc net.Conn, done func()) *conn {
	c := &conn{srv: s, nc: nc, ctx: ctx, done: done, goroutines: 1, how: flow.CloseByApp}
	c.changed.L = &c.mu
	c.r = wire.NewReader(readSide{c})
	c.w = wire.NewWriter(writeSide{c})
	if s.Fault != nil {
		c.fault = &breaker{c: c, fault: s.Fault}
	}
	if s.Observe != nil {
		c.obs = s.Observe(nc)
	}
	return c
}

// loop reads the connection until it is over, or until another goroutine has
// taken that over while this one ran a handler.
func (c *conn) loop() {
	defer c.leave()
	for {
		if x := c.ready; x != nil && !c.recordBuffered() {
			c.ready = nil
			if !c.start(x) {
				return
			}
			continue
		}
		if c.isClosing() {
			c.discard()
			break
		}
		rec, err := c.r.ReadRecord()
		switch {
		case err != nil:
			err = c.readFailed(err)
		case !c.isClosing():
			err = c.handle(rec)
		}
		if err != nil {
			break
		}
	}
	c.abandon()
}

// abandon ends the requests that no handler knows of.
func (c *conn) abandon() {
	c.mu.Lock()
	active := append([]*Exchange(nil), c.active...)
	c.mu.Unlock()
	for _, x := range active {
		if !x.started {
			c.end(x, ErrPeerGone)
		}
	}
}

// recordBuffered reports whether a whole record has been read already.
func (c *conn) recordBuffered() bool {
	_, n := wire.Split(c.r.Buffered())
	return n > 0
}

// start runs the handler of x: on this goroutine if x is alone and has all its
// input, which saves the switch to another one; on its own otherwise. It
// reports whether this goroutine has to read on.
func (c *conn) start(x *Exchange) bool {
	if limit := c.srv.limits.HandlerTime; limit > 0 {
		x.ctx.deadline = time.Now().Add(limit)
	}
	c.mu.Lock()
	if x.over {
		c.mu.Unlock()
		return true
	}
	x.started = true
	alone := x.inputComplete() && len(c.r.Buffered()) == 0 && len(c.active) == 1 && c.running == 0
	c.running++
	if !alone {
		c.goroutines++
	}
	c.mu.Unlock()
	if alone {
		return c.runInline(x)
	}
	c.watch(x)
	go func() {
		defer c.leave()
		c.run(x)
	}()
	return true
}

// runInline runs the handler of x on the goroutine that reads. It reports
// whether nobody else has taken that over.
func (c *conn) runInline(x *Exchange) (reads bool) {
	c.inlineX = x
	c.srv.inline.enter(c)
	returned := false
	defer func() {
		if reads = c.srv.inline.leave(c); reads {
			c.inlineX = nil
		}
		if reads && !returned { // the handler has ended this goroutine
			c.enter()
			go c.loop()
		}
	}()
	c.run(x)
	returned = true
	return
}

// handedOver: another goroutine reads while the handler runs on. It is called
// under srv.inline's lock.
func (c *conn) handedOver() {
	c.watch(c.inlineX)
	c.enter()
	go c.loop()
}

// watch ends x when its time is up.
func (c *conn) watch(x *Exchange) {
	if d := x.ctx.deadline; !d.IsZero() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !x.returned {
			x.timer = time.AfterFunc(time.Until(d), func() { c.end(x, timeLimitError{"the handler", c.srv.limits.HandlerTime}) })
		}
	}
}

// run runs the handler and ends the request.
func (c *conn) run(x *Exchange) {
	finished := false
	defer func() {
		if !finished {
			c.panicked(x, recover())
		}
		c.mu.Lock()
		c.running--
		x.returned = true
		if x.timer != nil {
			x.timer.Stop()
		}
		c.mu.Unlock()
		c.end(x, nil)
		c.release(x)
	}()
	c.srv.Handler(&x.ctx, x)
	finished = true
}

// end ends a request, once: with what the handler wrote if why is nil, or
// because of why.
func (c *conn) end(x *Exchange, why error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if !c.deactivate(x) {
		return
	}
	cause := why
	if cause == nil {
		cause = ErrEnded
	}
	x.ctx.end(cause)
	x.writeEnd(why)
	c.w.Flush()
	c.mu.Lock()
	started := x.started
	c.busy--
	c.lingers = c.lingers || !x.stdin.ended && (why != ErrAborted || c.halves() != nil)
	last := c.lastLocked() && (c.reading || c.readOver)
	c.mu.Unlock()
	if !started {
		c.release(x)
	}
	if last {
		c.close()
	}
}

// deactivate ends the activity of x, if that is not over. An id may be used
// again as soon as END_REQUEST is read, so this comes before that is written.
func (c *conn) deactivate(x *Exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.over {
		return false
	}
	x.over = true
	for i, other := range c.active {
		if other == x {
			c.active = append(c.active[:i], c.active[i+1:]...)
			break
		}
	}
	c.closeAfter = c.closeAfter || !x.KeepConn
	c.changed.Broadcast()
	return true
}

// lastLocked reports whether the last answer was given. Requests that have been
// read but not handled yet are served before the connection is closed for it.
func (c *conn) lastLocked() bool {
	return c.busy == 0 && c.closeAfter && !c.stays
}

// release gives back what x held, when its handler will not look at it again.
func (c *conn) release(x *Exchange) {
	c.mu.Lock()
	c.open--
	c.mu.Unlock()
	x.free()
	c.srv.inFlight.Add(-1)
}

// close closes the connection after its last answer. If the peer may still be
// sending, what it sends is read for a while: a connection that is closed over
// unread bytes is reset, and the peer may lose the answer.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return
	}
	c.closing = true
	c.changed.Broadcast()
	if c.lingers = c.lingers && !c.readOver; !c.lingers {
		c.nc.Close()
		return
	}
	if half := c.halves(); half != nil {
		half.CloseWrite()
	}
	c.nc.SetReadDeadline(time.Now().Add(lingerTime))
}

// halves is the connection if each direction can be ended by itself, and nil if
// not, as with net.Pipe: that keeps no bytes a close could lose, and until it is
// closed the peer cannot know that it was answered for the last time.
func (c *conn) halves() interface{ CloseWrite() error } {
	half, _ := c.nc.(interface{ CloseWrite() error })
	return half
}

// kill closes the connection and cancels its handlers.
func (c *conn) kill(why error) {
	c.mu.Lock()
	if c.dead == nil {
		c.dead = why
	}
	c.closing = true
	active := append([]*Exchange(nil), c.active...)
	c.changed.Broadcast()
	c.mu.Unlock()
	c.nc.Close()
	for _, x := range active {
		x.ctx.end(why)
	}
}

// drain closes the connection if it is idle, and else after its last request.
func (c *conn) drain() {
	c.mu.Lock()
	c.closeAfter, c.draining = true, true
	idle := c.busy == 0
	c.mu.Unlock()
	if idle {
		c.close()
	}
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

func (c *conn) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goroutines++
}

// leave: a goroutine is done with the connection. The last one ends it.
func (c *conn) leave() {
	c.mu.Lock()
	c.goroutines--
	last := c.goroutines == 0
	how, dead := c.how, c.dead
	c.mu.Unlock()
	if !last {
		return
	}
	c.nc.Close()
	if c.stop != nil {
		c.stop()
	}
	if c.halfClosed != nil {
		c.halfClosed.Stop()
	}
	if c.obs != nil {
		c.obsMu.Lock()
		c.obs.Closed(time.Now(), how, dead)
		c.obsMu.Unlock()
	}
	c.srv.dropConn(c)
	c.done()
}

func (c *conn) report(id uint16, err error) {
	if c.srv.ErrorLog == nil {
		return
	}
	peer := "a local peer"
	if a := c.nc.RemoteAddr(); a != nil && a.String() != "" && a.String() != "@" && a.String() != "pipe" {
		peer = a.String()
	}
	if id != 0 {
		err = fmt.Errorf("request %d: %w", id, err)
	}
	c.srv.ErrorLog(fmt.Errorf("server: %s: %w", peer, err))
}
