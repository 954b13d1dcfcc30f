package commands

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/redact"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/tap"
)

// watchEnd is how long showing the rest may take at the end.
const watchEnd = 2 * time.Second

// A watcher shows what happens on the live connections of a server, and never
// makes them wait (see tap.Watcher). Its methods may be called concurrently.
type watcher struct {
	tap.Watcher
	view  *view
	conns atomic.Int64  // so far
	done  chan struct{} // closed when all is shown
}

// watch starts a watcher that shows what it is told through v.
func watch(v *view) *watcher {
	w := &watcher{view: v, done: make(chan struct{})}
	shown := newFlows(v)
	go func() {
		defer close(w.done)
		w.Run(context.Background(), shown.piece, v.flush)
	}()
	return w
}

// close shows what is left and ends the watcher; the view is closed then. It
// does not wait for ever for somebody who does not read what is shown.
func (w *watcher) close() error {
	w.Watcher.Close()
	timer := time.NewTimer(watchEnd)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		return errors.New("the output is not read: the end of it is missing")
	}
	if n := w.Missed().Connections; n > 0 {
		w.view.lost(n)
	}
	return w.view.close()
}

// observe returns what is to be told about nc, a connection that was accepted.
func (w *watcher) observe(nc net.Conn) server.Observer {
	info := &flow.ConnInfo{N: int(w.conns.Add(1) - 1), Fd: -1, Opened: time.Now()}
	if a := nc.LocalAddr(); a != nil {
		info.Network, info.Server = a.Network(), a.String()
	}
	if a := nc.RemoteAddr(); a != nil && info.Network == "tcp" {
		info.Client = a.String()
	}
	return observer{w.Open(info)}
}

// An observer tells a watcher what a server tells it.
type observer struct{ *tap.Watched }

// Bytes implements server.Observer.
func (o observer) Bytes(dir wire.Direction, at time.Time, p []byte) {
	o.Data(sideOf(dir), at, p)
}

// Closed implements server.Observer.
func (o observer) Closed(at time.Time, how flow.CloseKind, err error) {
	side := capture.A
	if how == flow.CloseByApp || how == flow.ResetByApp {
		side = capture.B
	}
	switch how {
	case flow.CloseByServer, flow.CloseByApp:
		o.End(side, capture.ChunkFin, at, nil)
	case flow.ResetByServer, flow.ResetByApp:
		o.End(side, capture.ChunkRst, at, nil)
	}
	o.End(side, capture.ChunkEnd, at, err)
}

// sideOf is who sends in a direction.
func sideOf(dir wire.Direction) capture.Side {
	if dir == wire.ToServer {
		return capture.B
	}
	return capture.A
}

// flows turns what a watcher shows into the events of a view.
type flows struct {
	view  *view
	conns map[*flow.ConnInfo]*watchedFlow
}

// A watchedFlow is one connection of them.
type watchedFlow struct {
	flow.Conn
	how flow.CloseKind
}

func newFlows(v *view) *flows { return &flows{view: v, conns: make(map[*flow.ConnInfo]*watchedFlow)} }

func (f *flows) piece(p *tap.Piece) {
	c := f.conns[p.Conn]
	if c == nil {
		c = &watchedFlow{Conn: flow.Conn{Info: p.Conn, Whole: f.view.whole}}
		f.conns[p.Conn] = c
	}
	dir := wire.ToApp
	if p.Side == capture.B {
		dir = wire.ToServer
	}
	switch p.Kind {
	case capture.ChunkData:
		c.Feed(dir, p.At, p.Data, f.view.event)
	case capture.ChunkGap:
		c.Lost(dir, p.Lost, p.At, f.view.event)
	case capture.ChunkFin:
		c.ended(dir, flow.CloseByServer, flow.CloseByApp)
	case capture.ChunkRst:
		c.ended(dir, flow.ResetByServer, flow.ResetByApp)
	case capture.ChunkEnd:
		c.Close(p.At, c.how, p.Err, f.view.event)
		delete(f.conns, p.Conn)
	}
}

// ended keeps how the connection ended: what came first.
func (c *watchedFlow) ended(dir wire.Direction, byServer, byApp flow.CloseKind) {
	if c.how != flow.CloseUnknown {
		return
	}
	c.how = byServer
	if dir == wire.ToServer {
		c.how = byApp
	}
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
