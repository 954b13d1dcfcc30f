package tap

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/capture"
)

// A relay is one connection that is passed on: two sockets and a goroutine for
// each direction.
type relay struct {
	p       *Proxy
	ends    [2]net.Conn // by capture.Side: the web server, the application
	watched []*Watched

	mu     sync.Mutex
	reset  bool // both ends are given up
	halted context.CancelFunc
	gone   bool // cancel was called
}

// run connects to the application and passes on what comes, until both ends
// have closed or one has reset.
func (r *relay) run(ctx context.Context) {
	defer r.p.remove(r)
	defer r.ends[capture.A].Close()
	ctx, cancel := context.WithTimeout(ctx, r.limit())
	defer cancel()
	if !r.haltBy(cancel) {
		return
	}
	info := r.p.info(r.ends[capture.A])
	app, err := r.p.Dial(ctx)
	if err != nil {
		// The web server is to see that its connection leads nowhere.
		abort(r.ends[capture.A])
		if r.p.Failed != nil {
			r.p.Failed(r.ends[capture.A].RemoteAddr(), err)
		}
		return
	}
	defer app.Close()
	r.mu.Lock()
	r.ends[capture.B] = app
	gone := r.gone
	r.mu.Unlock()
	if gone {
		return
	}
	for _, w := range r.p.Watchers {
		r.watched = append(r.watched, w.Open(info))
	}
	var both sync.WaitGroup
	both.Go(func() { r.pass(capture.B) })
	r.pass(capture.A)
	both.Wait()
	for _, w := range r.watched {
		w.End(capture.A, capture.ChunkEnd, time.Now(), nil)
	}
}

func (r *relay) limit() time.Duration {
	if r.p.DialTimeout > 0 {
		return r.p.DialTimeout
	}
	return DefaultDialTimeout
}

// haltBy says what ends the connecting; false: it is not to begin.
func (r *relay) haltBy(cancel context.CancelFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.halted = cancel
	return !r.gone
}

// cancel ends the connection at once.
func (r *relay) cancel() {
	r.mu.Lock()
	r.gone = true
	if r.halted != nil {
		r.halted()
	}
	for _, c := range r.ends {
		if c != nil {
			c.Close()
		}
	}
	r.mu.Unlock()
}

// pass passes on what side sends, and how it ends.
func (r *relay) pass(side capture.Side) {
	from, to := r.ends[side], r.ends[side.Other()]
	in := newInput(from, r.p.buffers)
	for {
		p, err := in.read()
		if len(p) > 0 {
			// Before it is written: an answer must not be seen before its request.
			now := time.Now()
			for _, w := range r.watched {
				w.Data(side, now, p)
			}
			_, werr := to.Write(p)
			in.done()
			if werr != nil {
				r.writeFailed(side)
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			r.finish(side)
			return
		default:
			r.fail(side, err)
			return
		}
	}
}

// finish passes on that side has closed: its direction, or, where the socket
// tells that, both.
func (r *relay) finish(side capture.Side) {
	r.tell(side, capture.ChunkFin)
	to := r.ends[side.Other()]
	if closedWholly(r.ends[side]) {
		// A read of the other direction ends, too: nobody is left to take it.
		to.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return
	}
	to.Close()
}

// fail passes on that side has reset the connection.
func (r *relay) fail(side capture.Side, err error) {
	if errors.Is(err, syscall.ECONNRESET) && r.first() {
		r.tell(side, capture.ChunkRst)
	}
	abort(r.ends[side.Other()])
	r.ends[side].Close()
}

// writeFailed is told that what side sent is not taken any more: the other end
// has closed. Without a proxy, side would be reset.
func (r *relay) writeFailed(side capture.Side) {
	if r.first() {
		r.tell(side.Other(), capture.ChunkRst)
	}
	abort(r.ends[side])
	r.ends[side.Other()].Close()
}

// first reports whether the connection has not been reset before.
func (r *relay) first() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.reset && !r.gone
	r.reset = true
	return first
}

func (r *relay) tell(side capture.Side, kind capture.ChunkKind) {
	now := time.Now()
	for _, w := range r.watched {
		w.End(side, kind, now, nil)
	}
}

// abort closes c, on TCP with RST.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Close()
}
