package gateway

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// A Limiter lets so many requests at once go on to Next. Others wait for their
// turn, and get 503 when there are too many of them or it takes too long.
type Limiter struct {
	next    http.Handler
	places  chan struct{}
	waiting atomic.Int64
	most    int64 // that may wait
	wait    time.Duration
}

// NewLimiter returns a Limiter for n requests at once, n > 0. most is how many
// may wait, and wait for how long.
func NewLimiter(next http.Handler, n, most int, wait time.Duration) *Limiter {
	return &Limiter{next: next, places: make(chan struct{}, n), most: int64(most), wait: wait}
}

// ServeHTTP implements http.Handler.
func (l *Limiter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case l.places <- struct{}{}:
	default:
		if !l.enter(w, r) {
			return
		}
	}
	defer func() { <-l.places }()
	l.next.ServeHTTP(w, r)
}

// enter waits for a place; if there is none, the request is answered.
func (l *Limiter) enter(w http.ResponseWriter, r *http.Request) bool {
	r, x := Begin(r)
	defer l.waiting.Add(-1)
	if n := l.waiting.Add(1); n > l.most {
		x.fail(w, http.StatusServiceUnavailable, fmt.Sprintf("as many requests are at work as may be, %d, and as many wait, %d", cap(l.places), l.most))
		return false
	}
	timer := time.NewTimer(l.wait)
	defer timer.Stop()
	select {
	case l.places <- struct{}{}:
		return true
	case <-timer.C:
		x.fail(w, http.StatusServiceUnavailable, fmt.Sprintf("as many requests are at work as may be, %d, and none of them ended within %v", cap(l.places), l.wait))
	case <-r.Context().Done():
		if cause := causeOf(r); cause != nil {
			x.fail(w, http.StatusServiceUnavailable, cause.Error()+" before the request had its turn")
			return false
		}
		x.fail(w, statusClientGone, "the client closed the connection while it waited for its turn")
		panic(http.ErrAbortHandler) // or net/http would answer with 200
	}
	return false
}
