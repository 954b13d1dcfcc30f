package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// defaultIdleTimeout is Pool.IdleTimeout where it is not set.
const defaultIdleTimeout = 30 * time.Second

// A Pool sends requests, each over a connection of its own, and keeps
// connections for the next ones. Only Dial is needed. The fields must not be
// changed after the first request; the methods may be called concurrently.
//
// An idle connection keeps a worker of php-fpm busy: MaxIdle should be well
// below pm.max_children.
type Pool struct {
	// Dial connects to the app.
	Dial func(context.Context) (net.Conn, error)
	// Options are those of the connections, but for InFlight and Linger.
	Options Options
	// MaxIdle is how many connections are kept while they are not used; 0
	// means 2, less none.
	MaxIdle int
	// MaxOpen is how many there may be in all; requests wait for their turn. 0
	// is no limit.
	MaxOpen int
	// IdleTimeout is how long a connection is kept without being used; 0 means
	// 30 s.
	IdleTimeout time.Duration

	mu     sync.Mutex
	turns  chan struct{} // one for each request, MaxOpen of them
	done   chan struct{} // closed by Close
	idle   []*pooled     // the one used last is the last
	timer  *time.Timer   // closes what is idle for too long
	stats  Stats
	closed bool
}

// Stats are the numbers of a Pool.
type Stats struct {
	Open, Idle int // connections
	Waiting    int // requests that wait for a connection

	Dialed  int64 // connections that were made
	Reused  int64 // requests on a connection that was there
	Stale   int64 // kept connections that the app had closed
	Retried int64 // requests that were sent again because of that
	Expired int64 // connections that were idle for too long
}

// A pooled connection. Its fields belong to Pool.mu.
type pooled struct {
	*Conn
	busy  bool      // a request has it, and its turn
	back  bool      // it came back, or was closed, since it was taken
	since time.Time // when it became idle
}

// Do sends a request; see Conn.Do. Keep is always set. It waits for the first
// bytes of the answer if the connection was used before: when the app has
// closed it instead, the request is sent again over a new one, once, if no byte
// of an answer has come, Stdin and Data can be rewound (io.Seeker), and the
// method is safe (GET, HEAD, OPTIONS, TRACE) or Request.Retry is set.
func (p *Pool) Do(ctx context.Context, req Request) (*Response, error) {
	req.Keep = true
	again := rewinder(req.Stdin, req.Data)
	if err := p.takeTurn(ctx); err != nil {
		return nil, err
	}
	r, fresh, err := p.first(ctx, req)
	if err != nil || fresh {
		return r, err
	}
	if !r.stale() || again == nil || !req.Retry && !safe(req.Params) {
		return r, nil
	}
	if err := p.takeTurn(ctx); err != nil {
		return nil, err
	}
	if err := r.waitSender(ctx, again); err != nil {
		p.giveTurn()
		return nil, err
	}
	p.count(func(s *Stats) { s.Stale++; s.Retried++ })
	return p.fresh(ctx, req)
}

// first sends the request over a kept connection, or a fresh one. A kept one
// that shows that it is stale before anything is sent costs nothing.
func (p *Pool) first(ctx context.Context, req Request) (r *Response, fresh bool, err error) {
	for c := p.takeIdle(); c != nil; c = p.takeIdle() {
		r, err := c.Do(ctx, req)
		switch {
		case err == nil:
			p.use(c)
			return r, false, nil
		case errors.Is(err, ErrStale), errors.Is(err, ErrClosed):
			p.count(func(s *Stats) { s.Stale++ })
		default:
			if !p.after(c, true) {
				c.Close()
			}
			p.giveTurn()
			return nil, false, err
		}
	}
	r, err = p.fresh(ctx, req)
	return r, true, err
}

// fresh sends the request over a new connection. It has the turn of the
// request, and gives it up in case of an error.
func (p *Pool) fresh(ctx context.Context, req Request) (*Response, error) {
	nc, err := p.Dial(ctx)
	if err != nil {
		p.giveTurn()
		return nil, err
	}
	o := p.Options
	o.InFlight, o.Linger = 1, 0
	c := &pooled{Conn: NewConn(nc, o), busy: true}
	c.after = func(usable bool) bool { return p.after(c, usable) }
	p.count(func(s *Stats) { s.Dialed++; s.Open++ })
	r, err := c.Do(ctx, req)
	if err != nil {
		c.Close()
	}
	return r, err
}

// after takes a connection back, or notes that it is closed. It is called with
// the connection's mu.
func (p *Pool) after(c *pooled, usable bool) (keep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maxIdle := p.MaxIdle
	if maxIdle == 0 {
		maxIdle = 2
	}
	if keep = usable && !p.closed && len(p.idle) < maxIdle; keep {
		c.since = time.Now()
		p.idle = append(p.idle, c)
		if p.timer == nil {
			p.timer = time.AfterFunc(p.idleTimeout(), p.expire)
		}
	}
	if !usable {
		p.stats.Open--
	}
	if c.busy {
		p.release()
	}
	c.busy, c.back = false, true
	return keep
}

// takeIdle takes the connection that was used last, nil if there is none.
func (p *Pool) takeIdle() *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	c.back = false
	return c
}

// use gives the turn to a connection that was taken; it may be back already.
func (p *Pool) use(c *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Reused++
	if c.back {
		p.release()
	} else {
		c.busy = true
	}
}

// takeTurn waits until there may be one more request.
func (p *Pool) takeTurn(ctx context.Context) error {
	p.mu.Lock()
	if p.done == nil {
		p.done = make(chan struct{})
		if p.MaxOpen > 0 {
			p.turns = make(chan struct{}, p.MaxOpen)
		}
	}
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.mu.Unlock()
	if p.turns == nil {
		return nil
	}
	p.count(func(s *Stats) { s.Waiting++ })
	defer p.count(func(s *Stats) { s.Waiting-- })
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-p.done:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("client: wait for a connection: %w", ctx.Err())
	}
}

func (p *Pool) giveTurn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release()
}

func (p *Pool) release() {
	if p.turns != nil {
		<-p.turns
	}
}

func (p *Pool) count(f func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}

func (p *Pool) idleTimeout() time.Duration {
	if p.IdleTimeout == 0 {
		return defaultIdleTimeout
	}
	return p.IdleTimeout
}

// expire closes what has been idle for too long, and comes again for the rest.
func (p *Pool) expire() {
	p.mu.Lock()
	limit := time.Now().Add(-p.idleTimeout())
	n := 0
	for n < len(p.idle) && !p.idle[n].since.After(limit) {
		n++
	}
	old := append([]*pooled(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.stats.Expired += int64(n)
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		p.timer = time.AfterFunc(p.idle[0].since.Sub(limit), p.expire)
	}
	p.mu.Unlock()
	for _, c := range old {
		c.Close()
	}
}

// Stats returns the numbers as they are now.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Idle = len(p.idle)
	return s
}

// Close closes the connections that are idle, and those in use when their
// answers are over. Requests that wait, and later ones, fail with ErrClosed.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	if !p.closed && p.done != nil {
		close(p.done)
	}
	p.closed = true
	p.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
	return nil
}
