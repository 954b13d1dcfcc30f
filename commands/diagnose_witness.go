package commands

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A witness makes the facts of one connection from its bytes.
type witness struct {
	mu        sync.Mutex
	flow      flow.Conn
	collector *diagnose.Collector
	facts     []*diagnose.Facts
}

func newWitness() *witness {
	w := &witness{}
	w.collector = diagnose.NewCollector(func(_ *flow.ConnInfo, f *diagnose.Facts) { w.facts = append(w.facts, f) })
	return w
}

// bytes is a client.Observer.
func (w *witness) bytes(dir wire.Direction, at time.Time, p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow.Feed(dir, at, p, w.event)
}

func (w *witness) event(e *flow.Event) { _ = w.collector.Event(e) }

// close ends the connection, which err ended, and returns the facts of its last
// request; at is when the application closed it, or when we did.
func (w *witness) close(at time.Time, err error) *diagnose.Facts {
	w.mu.Lock()
	defer w.mu.Unlock()
	how, late := howEnded(err)
	w.flow.Close(at, how, err, w.event)
	_ = w.collector.Close()
	f := &diagnose.Facts{First: -1, Total: -1, After: -1}
	if n := len(w.facts); n > 0 {
		f = w.facts[n-1]
	}
	f.Timeout = late && !f.Request.Complete
	return f
}

// howEnded tells how a connection ended from the error of the exchange, and
// whether it was patience that ended.
func howEnded(err error) (how flow.CloseKind, late bool) {
	var closed *client.ClosedError
	var idle *client.TimeoutError
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return flow.ResetByApp, false
	case errors.As(err, &closed):
		return flow.CloseByApp, false
	case errors.As(err, &idle), errors.Is(err, context.DeadlineExceeded):
		return flow.CloseByServer, true
	}
	return flow.CloseByServer, false
}

// ask sends one request on a connection of its own, reads the answer to its
// end, closes and returns what was seen. linger is how long to go on reading
// after END_REQUEST.
func (p *prober) ask(ctx context.Context, req client.Request, linger time.Duration) *diagnose.Facts {
	nc, err := p.target.dial(ctx, p.env, time.Duration(p.o.timing.connect))
	if err != nil {
		return p.unreachable(err)
	}
	w := newWitness()
	conn := client.NewConn(nc, client.Options{Idle: p.o.timing.idleLimit(), Observe: w.bytes, Linger: linger})
	defer conn.Close()
	response, err := conn.Do(ctx, req)
	var after time.Duration
	if err == nil {
		_, err = io.Copy(io.Discard, response.Stdout)
		ended := time.Now()
		if _, waitErr := response.Wait(); err == nil {
			err = waitErr
		}
		after = time.Since(ended)
		response.Close()
	}
	f := w.close(p.env.Now(), err)
	f.Addr = p.target.addr
	if linger > 0 && f.Request.Complete {
		f.After = after
		if after < linger {
			f.Close = flow.CloseByApp
		}
	}
	return f
}
