package server

import (
	"sync"
	"time"
)

// handOver is how long a handler may run on the goroutine that reads its
// connection. After it, twice it at the most, another goroutine reads on, so
// that an abort, a further request and the peer's going are noticed.
const handOver = 2 * time.Millisecond

// An inlineList holds the connections whose goroutine runs a handler. Most
// handlers are done before anybody could have switched to another goroutine,
// and one timer for all of them costs less than one for each.
type inlineList struct {
	mu    sync.Mutex
	first *conn
	epoch int
	timer *time.Timer
	armed bool
}

// enter: c's goroutine is going to run a handler and does not read.
func (l *inlineList) enter(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.inlined, c.epoch = true, l.epoch
	if c.nextInline = l.first; l.first != nil {
		l.first.prevInline = c
	}
	l.first = c
	if !l.armed {
		l.armed = true
		if l.timer == nil {
			l.timer = time.AfterFunc(handOver, l.sweep)
		} else {
			l.timer.Reset(handOver)
		}
	}
}

// leave: the handler has returned. It reports whether the goroutine still has
// to read the connection.
func (l *inlineList) leave(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.inlined {
		return false
	}
	l.remove(c)
	return true
}

// release lets another goroutine read c now.
func (l *inlineList) release(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.inlined {
		l.remove(c)
		c.handedOver()
	}
}

// sweep does so for those that have been here too long.
func (l *inlineList) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := l.first; c != nil; {
		next := c.nextInline
		if c.epoch < l.epoch {
			l.remove(c)
			c.handedOver()
		}
		c = next
	}
	l.epoch++
	if l.armed = l.first != nil; l.armed {
		l.timer.Reset(handOver)
	}
}

func (l *inlineList) remove(c *conn) {
	c.inlined = false
	if c.prevInline != nil {
		c.prevInline.nextInline = c.nextInline
	} else {
		l.first = c.nextInline
	}
	if c.nextInline != nil {
		c.nextInline.prevInline = c.prevInline
	}
	c.nextInline, c.prevInline = nil, nil
}
