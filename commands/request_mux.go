package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// mux sends the request n times at once, on one connection. All requests have
// begun before the first STDIN is ended, so that an application cannot take one
// after the other.
func (r *runner) mux(ctx context.Context, n int) error {
	first := r.exchange()
	if !r.connect(ctx, first) {
		r.report(first)
		return first.err
	}
	gate := &gate{missing: n, open: make(chan struct{})}
	all, spools := make([]*exchange, n), make([]spool, n)
	ends := make([]flow.CloseKind, n)
	var running sync.WaitGroup
	for i := range all {
		x := r.exchange()
		x.start, x.connected = first.start, first.connected
		x.request.ID = uint16(int(r.o.sending.id) + i)
		x.answer.out = &spools[i]
		defer spools[i].close()
		body := x.request.Stdin
		if body == nil {
			body = strings.NewReader("")
		}
		begun := make(chan struct{})
		arrive := sync.OnceFunc(func() { close(begun); gate.arrive() })
		x.request.Stdin = &held{body, arrive, gate.open}
		all[i] = x
		running.Go(func() {
			defer arrive()
			ends[i] = x.run(ctx, r.conn)
		})
		<-begun // in the order of their ids
	}
	running.Wait()
	how := flow.CloseByServer
	for _, end := range ends {
		if end == flow.CloseByApp {
			how = end
		}
	}
	r.hangUp(how)
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	all[0].connects = 1
	var t tally
	for i, x := range all {
		name := fmt.Sprintf("id %d", x.request.ID)
		r.label(name, x, &spools[i])
		r.report(x)
		if isReaderGone(x.err) {
			return x.err
		}
		t.add(r.env, name, x)
	}
	return t.tell(r.env)
}

// label prints an answer under a line that says whose it is.
func (r *runner) label(name string, x *exchange, answer *spool) {
	if x.headerSize() == 0 {
		return
	}
	fmt.Fprintf(r.out, "==> %s: %s, %s <==\n", name, x.outcome(), shortTime(x.finished.Sub(x.start)))
	if err := answer.copy(r.out); err != nil {
		x.err = errors.Join(x.err, err)
	}
	if answer.last != '\n' {
		fmt.Fprintln(r.out)
	}
}

// A gate opens when everybody has arrived.
type gate struct {
	mu      sync.Mutex
	missing int
	open    chan struct{}
}

func (g *gate) arrive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.missing--; g.missing == 0 {
		close(g.open)
	}
}

// held is a body that waits at a gate before it is read.
type held struct {
	io.Reader
	arrive func()
	open   <-chan struct{}
}

func (h *held) Read(p []byte) (int, error) {
	h.arrive()
	<-h.open
	return h.Reader.Read(p)
}
