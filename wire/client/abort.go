package client

import (
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
)

// Abort sends ABORT_REQUEST instead of what is left of the request, and goes on
// reading what the app makes of it. The connection is not kept. It is ErrClosed
// if the answer is over. See FastCGI 1.0, section 5.4.
func (r *Response) Abort() error {
	c := r.c
	c.mu.Lock()
	for !r.begun && !r.over { // it cannot be aborted before BEGIN_REQUEST
		c.room.Wait()
	}
	over := r.over
	r.wasAborted = true
	c.mu.Unlock()
	if over {
		return ErrClosed
	}
	return c.abort(r.id)
}

// cancel is called when the context has ended.
func (r *Response) cancel() {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.giveUp(fmt.Errorf("client: request aborted: %w", r.ctx.Err()))
}

// giveUp ends a request without the app. With mu.
func (r *Response) giveUp(err error) {
	c := r.c
	switch {
	case r.over:
	case c.exclusive() || r.sending.Load():
		// Where the other requests wait for a write that hangs, they are lost too.
		c.shut(func(x *Response) error {
			if x != r {
				return ErrClosed
			}
			return err
		})
	default:
		r.quit()
		r.fail(err)
		go func() { _ = c.abort(r.id) }()
	}
}

// quit makes the id one that is not used again, because more may come for it.
func (r *Response) quit() {
	if r.c.aborted == nil {
		r.c.aborted = make(map[uint16]struct{})
	}
	r.c.aborted[r.id] = struct{}{}
}

// abort sends ABORT_REQUEST for a request that nobody waits for.
func (c *Conn) abort(id uint16) error {
	select {
	case c.writing <- struct{}{}:
	case <-c.done:
		return ErrClosed
	}
	(*Layout)(nil).apply(c.w, wire.TypeAbortRequest)
	_ = c.w.WriteRecord(wire.AbortRecord(id))
	err := c.w.Flush()
	<-c.writing
	return err
}
