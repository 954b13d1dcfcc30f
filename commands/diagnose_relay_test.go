//go:build unix

package commands

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A relay stands between a web server and an application and judges what
// passes.
type relay struct {
	addr      string // for the web server
	app       string
	ln        net.Listener
	mu        sync.Mutex
	collector *diagnose.Collector
	facts     chan *diagnose.Facts
	open      map[net.Conn]bool
	n         int
	used      chan struct{} // closed with the first connection
	running   sync.WaitGroup
}

// startRelay passes connections on to the application at app.
func startRelay(t *testing.T, app string) *relay {
	t.Helper()
	r := &relay{app: app, facts: make(chan *diagnose.Facts, 100), open: map[net.Conn]bool{}, used: make(chan struct{})}
	r.collector = diagnose.NewCollector(func(_ *flow.ConnInfo, f *diagnose.Facts) { r.facts <- f })
	r.addr = filepath.Join(wiretest.SocketDir(t), "relay.sock")
	if err := os.Chmod(filepath.Dir(r.addr), 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.ln, err = net.Listen("unix", r.addr); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(r.addr, 0o666); err != nil {
		t.Fatal(err)
	}
	r.running.Go(r.serve)
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.ln.Close()
	r.mu.Lock()
	for c := range r.open {
		c.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}

func (r *relay) serve() {
	for {
		web, err := r.ln.Accept()
		if err != nil {
			return
		}
		app, err := net.Dial(networkOf(r.app), r.app)
		if err != nil {
			web.Close()
			continue
		}
		r.mu.Lock()
		r.open[web], r.open[app] = true, true
		conn := &flow.Conn{Info: &flow.ConnInfo{N: r.n, Server: r.app, Fd: -1}}
		if r.n++; r.n == 1 {
			close(r.used)
		}
		r.mu.Unlock()
		var once sync.Once
		r.running.Go(func() { r.pass(conn, &once, wire.ToApp, app, web) })
		r.running.Go(func() { r.pass(conn, &once, wire.ToServer, web, app) })
	}
}

// pass copies one direction. The end that closes first closes the other.
func (r *relay) pass(conn *flow.Conn, once *sync.Once, dir wire.Direction, to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		r.mu.Lock()
		if n > 0 {
			conn.Feed(dir, time.Now(), b[:n], r.event)
		}
		if err != nil {
			how := map[wire.Direction]flow.CloseKind{wire.ToApp: flow.CloseByServer, wire.ToServer: flow.CloseByApp}[dir]
			if errors.Is(err, syscall.ECONNRESET) {
				how += flow.ResetByApp - flow.CloseByApp
			}
			once.Do(func() { conn.Close(time.Now(), how, nil, r.event) })
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
		_, _ = to.Write(b[:n]) // where that fails, what comes is still of interest
	}
}

func (r *relay) event(e *flow.Event) { _ = r.collector.Event(e) }

// next returns the facts of the next request whose connection has ended.
func (r *relay) next(t *testing.T) *diagnose.Facts {
	t.Helper()
	select {
	case f := <-r.facts:
		return f
	case <-time.After(30 * time.Second):
		t.Fatal("no request has ended")
		return nil
	}
}

func networkOf(addr string) string {
	if strings.Contains(addr, "/") {
		return "unix"
	}
	return "tcp"
}

// converse sends bytes to an application and reads what comes until it closes,
// or for as long as patience lasts, and returns the facts of the last request.
func converse(t *testing.T, addr string, patience time.Duration, pieces ...[]byte) *diagnose.Facts {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, networkOf(addr), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := newWitness()
	var lastErr error
	b := make([]byte, 64<<10)
	for i, piece := range pieces {
		w.bytes(wire.ToApp, time.Now(), piece)
		if _, err := c.Write(piece); err != nil {
			lastErr = err
			break
		}
		for ended := false; !ended; {
			if i == len(pieces)-1 {
				_ = c.SetReadDeadline(time.Now().Add(patience))
			} else {
				_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			}
			n, err := c.Read(b)
			if n > 0 {
				w.bytes(wire.ToServer, time.Now(), b[:n])
				ended = i < len(pieces)-1 && len(w.facts) == 0 && endsRequest(b[:n])
			}
			if err != nil {
				lastErr = err
				ended = true
			}
		}
	}
	w.mu.Lock()
	how, late := flow.CloseByServer, false
	switch {
	case errors.Is(lastErr, io.EOF):
		how = flow.CloseByApp
	case errors.Is(lastErr, syscall.ECONNRESET), errors.Is(lastErr, syscall.EPIPE):
		how = flow.ResetByApp
	case errors.Is(lastErr, os.ErrDeadlineExceeded):
		late = true
	}
	w.flow.Close(time.Now(), how, nil, w.event)
	w.mu.Unlock()
	if len(w.facts) == 0 {
		t.Fatal("no request was seen")
	}
	f := w.facts[len(w.facts)-1]
	f.Timeout = late && !f.Request.Complete
	return f
}

// endsRequest: the last of the records is END_REQUEST, as it is when an answer
// that is short has come.
func endsRequest(b []byte) bool {
	return len(b) >= 16 && b[len(b)-16] == wire.Version1 && wire.Type(b[len(b)-15]) == wire.TypeEndRequest
}
