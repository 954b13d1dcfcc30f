package replay

import (
	"context"
	"sync"
)

// A gate lets pass who waits for the first n of some requests to be over.
type gate struct {
	mu      sync.Mutex
	over    []bool
	first   int // that is not over
	waiting map[int]chan struct{}
}

func newGate(n int) *gate {
	return &gate{over: make([]bool, n), waiting: map[int]chan struct{}{}}
}

// wait waits for the first n, or until ctx is done.
func (g *gate) wait(ctx context.Context, n int) error {
	g.mu.Lock()
	if g.first >= n {
		g.mu.Unlock()
		return ctx.Err()
	}
	open := g.waiting[n]
	if open == nil {
		open = make(chan struct{})
		g.waiting[n] = open
	}
	g.mu.Unlock()
	select {
	case <-open:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// done says that request i is over.
func (g *gate) done(i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over[i] = true
	for g.first < len(g.over) && g.over[g.first] {
		g.first++
		if open := g.waiting[g.first]; open != nil {
			close(open)
			delete(g.waiting, g.first)
		}
	}
}
