package server

import (
	"context"
	"sync"
	"time"
)

// A requestContext is the context of a handler. Most handlers never look at
// it, so what costs is made when it is asked for.
type requestContext struct {
	base     context.Context
	deadline time.Time // zero for none
	watched  func()    // called when the handler wants to know about the end

	mu     sync.Mutex
	real   context.Context // nil until somebody needs it
	cancel context.CancelCauseFunc
	over   bool
	cause  error
}

func (c *requestContext) get() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.real, c.cancel = context.WithCancelCause(c.base)
		if c.over {
			c.cancel(c.cause)
		}
	}
	return c.real
}

// end cancels the context; the first cause counts.
func (c *requestContext) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over, c.cause = true, cause
	if c.cancel != nil {
		c.cancel(cause)
	}
}

// Deadline returns when the handler's time is up.
func (c *requestContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done also sees to it that somebody reads the connection, so that an abort
// and the peer's going are noticed.
func (c *requestContext) Done() <-chan struct{} {
	c.watched()
	return c.get().Done()
}

func (c *requestContext) Err() error {
	c.mu.Lock()
	over := c.over
	c.mu.Unlock()
	if over {
		return context.Canceled
	}
	return c.base.Err()
}

func (c *requestContext) Value(key any) any { return c.get().Value(key) }
