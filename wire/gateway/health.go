package gateway

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Health answers for two paths and passes all others on to Next: /healthz, 200
// as long as the program answers, and /readyz, 200 if the application can be
// asked, else 503 with the reason.
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
			say(w, http.StatusServiceUnavailable, "draining")
		} else if err := h.ready(r.Context()); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
		} else {
			say(w, http.StatusOK, "ok")
		}
	default:
		h.Next.ServeHTTP(w, r)
	}
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
