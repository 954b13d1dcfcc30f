package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A Health answers for two paths and passes all others on to Next: /healthz, 200
// as long as the program answers, and /readyz, 200 if the application can be
// asked, else 503. Who asks is told no more than that: the reason, which may have
// addresses and paths in it, is the Exchange's Why.
type Health struct {
	Next http.Handler
	// Ready asks whether the application can be asked; nil is yes. It is called
	// by one goroutine at a time, and its answer counts for a second.
	Ready func(context.Context) error

	draining atomic.Bool
	mu       sync.Mutex
	at       time.Time
	last     error
}

// How long an answer of Ready counts, and how long it may take.
const (
	readyFor  = time.Second
	readyTime = 5 * time.Second
)

// Drain makes /readyz answer 503 from now on, so that whoever watches it sends
// no more requests.
func (h *Health) Drain() { h.draining.Store(true) }

// ServeHTTP implements http.Handler.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		say(w, http.StatusOK, "ok")
	case "/readyz":
		if h.draining.Load() {
			say(w, http.StatusServiceUnavailable, "not ready: ending")
		} else if err := h.ready(r.Context()); err != nil {
			_, x := Begin(r)
			x.Why = err.Error()
			say(w, http.StatusServiceUnavailable, "not ready: "+unready(err))
		} else {
			say(w, http.StatusOK, "ready")
		}
	default:
		h.Next.ServeHTTP(w, r)
	}
}

// unready is what everybody may know of why an application is not ready.
func unready(err error) string {
	if dial := (*transport.DialError)(nil); errors.As(err, &dial) {
		return "cannot reach the application"
	}
	return "the application does not answer as it should"
}

// ready asks, unless somebody just has.
func (h *Health) ready(ctx context.Context) error {
	if h.Ready == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) < readyFor {
		return h.last
	}
	// Whoever comes next gets the same answer, even if this client goes.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
	defer cancel()
	h.last = h.Ready(ctx)
	h.at = time.Now()
	return h.last
}

func say(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
