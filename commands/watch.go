package commands

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/redact"
)

// The bounds of what a watcher holds.
const (
	watchBytes = 8 << 20         // of traffic that waits to be shown
	watchPiece = 64 << 10        // the largest piece of it
	watchEnd   = 2 * time.Second // how long showing the rest may take at the end
)

// A watcher shows what happens on live connections and never makes them wait:
// what travels over them is copied into a queue with a bound, and one goroutine
// shows it. Where that cannot keep up bytes are left out, which is shown as a
// gap. Its methods may be called concurrently.
type watcher struct {
	view *view
	idle chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	queue  []note
	held   int   // bytes of the buffers in queue
	conns  int   // connections so far
	missed int64 // connections of which nothing could be taken
	closed bool
	wake   chan struct{}
}

// A note is what the watcher is told about a connection.
type note struct {
	conn *watchedConn
	dir  wire.Direction
	at   time.Time
	lost int64   // bytes that were left out before data
	data *[]byte // nil if there is none
	end  bool    // the connection is closed
	how  flow.CloseKind
	err  error
}

// smallPieces and largePieces are buffers for pieces of traffic.
var (
	smallPieces = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}
	largePieces = sync.Pool{New: func() any { b := make([]byte, 0, watchPiece); return &b }}
)

func copyOf(p []byte) *[]byte {
	b := smallPieces.Get().(*[]byte)
	if cap(*b) < len(p) {
		smallPieces.Put(b)
		b = largePieces.Get().(*[]byte)
	}
	*b = append((*b)[:0], p...)
	return b
}

func release(b *[]byte) {
	if cap(*b) < watchPiece {
		smallPieces.Put(b)
	} else {
		largePieces.Put(b)
	}
}

// watch starts a watcher that shows what it is told through v.
func watch(v *view) *watcher {
	w := &watcher{view: v, idle: make(chan struct{}), wake: make(chan struct{}, 1)}
	go w.run()
	return w
}

// close shows what is left and ends the watcher; v is closed then. It does not
// wait for ever for somebody who does not read what is shown.
func (w *watcher) close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.rouse()
	timer := time.NewTimer(watchEnd)
	defer timer.Stop()
	select {
	case <-w.idle:
		return w.view.close()
	case <-timer.C:
		return errors.New("the output is not read: the end of it is missing")
	}
}

func (w *watcher) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run shows the queue until the watcher is closed.
func (w *watcher) run() {
	defer close(w.idle)
	var batch []note
	for {
		w.mu.Lock()
		batch, w.queue = w.queue, batch[:0]
		missed := w.missed
		w.missed = 0
		closed := w.closed
		w.mu.Unlock()
		for i := range batch {
			w.show(&batch[i])
			batch[i] = note{}
		}
		if missed > 0 {
			w.view.lost(missed)
		}
		if len(batch) > 0 {
			continue
		}
		w.view.flush()
		if closed {
			return
		}
		<-w.wake
	}
}

func (w *watcher) show(n *note) {
	c := &n.conn.flow
	if n.lost > 0 {
		c.Lost(n.dir, n.lost, n.at, w.view.event)
	}
	if n.data != nil {
		c.Feed(n.dir, n.at, *n.data, w.view.event)
		size := cap(*n.data)
		release(n.data)
		w.mu.Lock()
		w.held -= size
		w.mu.Unlock()
	}
	if n.end {
		c.Close(n.at, n.how, n.err, w.view.event)
	}
}

// observe returns what is to be told about nc, a connection that was accepted.
func (w *watcher) observe(nc net.Conn) *watchedConn {
	info := &flow.ConnInfo{Fd: -1, Opened: time.Now()}
	if a := nc.LocalAddr(); a != nil {
		info.Network, info.Server = a.Network(), a.String()
	}
	if a := nc.RemoteAddr(); a != nil && info.Network == "tcp" {
		info.Client = a.String()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	info.N = w.conns
	w.conns++
	return &watchedConn{w: w, flow: flow.Conn{Info: info, Whole: w.view.whole}}
}

// A watchedConn is a connection that is watched: a server.Observer.
type watchedConn struct {
	w    *watcher
	flow flow.Conn // for the goroutine that shows
	// Under w.mu.
	lost  [2]int64 // bytes that were left out, by direction
	known bool     // something of it was taken
}

// Bytes implements server.Observer.
func (c *watchedConn) Bytes(dir wire.Direction, at time.Time, p []byte) {
	for len(p) > 0 {
		part := p[:min(len(p), watchPiece)]
		p = p[len(part):]
		c.take(dir, at, part)
	}
	c.w.rouse()
}

func (c *watchedConn) take(dir wire.Direction, at time.Time, p []byte) {
	data := copyOf(p)
	w := c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held+cap(*data) > watchBytes {
		c.lost[dir] += int64(len(p))
		release(data)
		return
	}
	c.known = true
	w.held += cap(*data)
	w.queue = append(w.queue, note{conn: c, dir: dir, at: at, lost: c.lost[dir], data: data})
	c.lost[dir] = 0
}

// Closed implements server.Observer.
func (c *watchedConn) Closed(at time.Time, how flow.CloseKind, err error) {
	w := c.w
	w.mu.Lock()
	if c.known {
		for dir, n := range c.lost {
			if n > 0 {
				w.queue = append(w.queue, note{conn: c, dir: wire.Direction(dir), at: at, lost: n})
			}
		}
		w.queue = append(w.queue, note{conn: c, at: at, end: true, how: how, err: err})
	} else if c.lost != [2]int64{} {
		w.missed++
	}
	w.mu.Unlock()
	w.rouse()
}

// A view is where what is watched is shown and kept. It is for one goroutine.
type view struct {
	whole  bool             // records have to be passed on whole
	sink   pretty.Sink      // what takes events: chooses, and passes on to outlets
	mask   *redact.Redactor // nil if nothing is to be masked
	chosen *pretty.Chooser  // nil if all is
	all    outlets
}

func (v *view) event(e *flow.Event) {
	if v.mask != nil {
		v.mask.Event(e)
	}
	_ = v.sink.Event(e) // outlets keep their errors
}

// lost shows that so many connections could not be watched.
func (v *view) lost(n int64) {
	v.event(&flow.Event{Kind: flow.KindLost, Length: n, Hint: "of connections that came too fast to be shown"})
}

func (v *view) flush() { _ = pretty.Flush(v.sink) }

// close closes the outlets. The error is one that the user was told of.
func (v *view) close() error {
	_ = v.sink.Close()
	for _, o := range v.all {
		if o.err != nil && !isReaderGone(outputError{o.err}) {
			return silenced{o.err}
		}
	}
	return nil
}

// outlets is a sink that passes on to several, which do not fail for each
// other's errors.
type outlets []*outlet

// Event implements pretty.Sink.
func (s outlets) Event(e *flow.Event) error {
	for _, o := range s {
		o.do(func() error { return o.sink.Event(e) })
	}
	return nil
}

// Flush implements pretty.Flusher.
func (s outlets) Flush() error {
	for _, o := range s {
		o.do(func() error { return pretty.Flush(o.sink) })
	}
	return nil
}

// Close implements pretty.Sink.
func (s outlets) Close() error {
	for _, o := range s {
		if o.err != nil {
			_ = o.sink.Close() // what it owns
			continue
		}
		o.do(o.sink.Close)
	}
	return nil
}

// An outlet is a sink that is left alone after its first error.
type outlet struct {
	sink   pretty.Sink
	err    error
	failed func(error)
}

func (o *outlet) do(f func() error) {
	if o.err != nil {
		return
	}
	if o.err = f(); o.err != nil {
		o.failed(o.err)
	}
}
