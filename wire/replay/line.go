package replay

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A line is a connection of a conversation. One goroutine sends, and one
// receives.
type line struct {
	*conversation
	net.Conn
	observe Observer
	stop    func() bool
	gone    chan struct{} // closed when nothing more is received

	received int64 // bytes, by who receives

	mu      sync.Mutex
	open    []*playing // that have not ended, in the order in which they began
	over    bool
	changed chan struct{} // closed and made anew when open gets empty
	armed   time.Time
	heard   time.Time
}

// dialled begins to receive.
func dialled(ctx context.Context, c *conversation, nc net.Conn) *line {
	l := &line{conversation: c, Conn: nc, gone: make(chan struct{}), changed: make(chan struct{})}
	if c.Observe != nil {
		l.observe = c.Observe(nc)
	}
	l.stop = context.AfterFunc(ctx, func() { nc.Close() })
	go l.receive(ctx)
	return l
}

// hangUp ends the connection.
func (l *line) hangUp() {
	l.stop()
	l.Conn.Close()
	<-l.gone
}

func (l *line) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

func (l *line) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open) == 0
}

// begin says that a request is about to be sent.
func (l *line) begin(r *Request) {
	x := newPlaying(r, &l.plan.store, &l.Compare)
	l.mu.Lock()
	l.open = append(l.open, x)
	l.heard = x.result.At
	over := l.over
	if over {
		l.open = l.open[:len(l.open)-1]
	}
	l.mu.Unlock()
	if over {
		x.result.Ending, x.result.Err = ClosedEarly, ErrClosed
		l.finish(x)
	}
}

func (l *line) write(p []byte) error {
	now := time.Now()
	if l.observe != nil {
		l.observe.Bytes(wire.ToApp, now, p)
	}
	if l.Idle > 0 {
		l.arm(now)
		_ = l.SetWriteDeadline(now.Add(l.Idle))
	}
	_, err := l.Conn.Write(p)
	return err
}

// arm sets when the silence has lasted too long. What has been set a short
// while ago is good enough, see silent.
func (l *line) arm(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = now
	if now.Sub(l.armed) > l.Idle/8 {
		l.armed = now
		_ = l.SetReadDeadline(now.Add(l.Idle))
	}
}

// silent reports whether the silence has lasted too long, and sets when to look
// again if it has not.
func (l *line) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.open) == 0 {
		l.armed = time.Time{}
		_ = l.SetReadDeadline(time.Time{})
		return false
	}
	if now.Sub(l.heard) >= l.Idle {
		return true
	}
	l.armed = l.heard
	_ = l.SetReadDeadline(l.heard.Add(l.Idle))
	return false
}

// Read implements io.Reader for the records that are received.
func (l *line) Read(p []byte) (int, error) {
	for {
		n, err := l.Conn.Read(p)
		if n > 0 {
			now := time.Now()
			if l.observe != nil {
				l.observe.Bytes(wire.ToServer, now, p[:n])
			}
			if l.Idle > 0 {
				l.arm(now)
			}
			// The "record" that something else begins with may never be complete.
			if first := l.received == 0; first && p[0] != wire.Version1 {
				return 0, ErrForeign
			}
			l.received += int64(n)
		}
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !l.silent() {
			continue
		}
		return n, err
	}
}

// receive takes what the application sends until the connection ends.
func (l *line) receive(ctx context.Context) {
	defer close(l.gone)
	r := wire.NewReader(l)
	var err error
	for err == nil {
		var rec wire.Record
		if rec, err = r.ReadRecord(); err == nil {
			err = l.record(rec)
		}
	}
	l.mu.Lock()
	l.over = true
	open := l.open
	l.open = nil
	l.notify()
	l.mu.Unlock()
	how := err
	ours := errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
	if ours {
		how = nil
	}
	if l.observe != nil {
		l.observe.Close(time.Now(), how)
	}
	for _, x := range open {
		if ours && ctx.Err() != nil {
			continue // interrupted: nobody knows what would have come
		}
		x.result.Ending, x.result.Err = ClosedEarly, ErrClosed
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			x.result.Ending, x.result.Err = Missing, ErrSilent
		case errors.Is(err, ErrForeign):
			x.result.Err = ErrForeign
		}
		l.finish(x)
	}
	l.Conn.Close()
}

// record takes a record.
func (l *line) record(rec wire.Record) error {
	if rec.Version != wire.Version1 {
		return ErrForeign
	}
	l.mu.Lock()
	var x *playing
	for _, one := range l.open {
		if one.answers(rec) {
			x = one
			break
		}
	}
	if x != nil && !x.began {
		x.began = true
		if x.came != nil {
			close(x.came)
		}
	}
	l.mu.Unlock()
	if x == nil {
		return nil // late, or nobody asked
	}
	over, err := x.take(rec)
	if err != nil {
		l.fail(err)
		return err
	}
	if !over {
		return nil
	}
	l.mu.Lock()
	for i, one := range l.open {
		if one == x {
			l.open = append(l.open[:i], l.open[i+1:]...)
			break
		}
	}
	if len(l.open) == 0 {
		l.notify()
	}
	l.mu.Unlock()
	l.finish(x)
	return nil
}

// notify wakes who waits for the end of all requests. It is called with mu.
func (l *line) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// finish lets go on who waits for the end of x, compares the answer, and tells
// the result: the next request need not wait for that.
func (l *line) finish(x *playing) {
	x.result.Took = time.Since(x.result.At)
	if l.gate != nil {
		l.gate.done(x.request.end)
	} else {
		l.own.done(x.request.endOwn)
	}
	runtime.Gosched() // who sends the next one does so at once, on this processor
	if err := x.judge(); err != nil {
		l.fail(err)
	}
	l.tell(&x.result)
}

// wait waits until all requests have ended.
func (l *line) wait(ctx context.Context) {
	for {
		l.mu.Lock()
		changed, none := l.changed, len(l.open) == 0
		l.mu.Unlock()
		if none {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// hear waits until something of the answer to r has come.
func (l *line) hear(ctx context.Context, r *Request) error {
	for {
		l.mu.Lock()
		var x *playing
		for _, one := range l.open {
			if one.request == r {
				x = one
			}
		}
		var came chan struct{}
		if x != nil && !x.began {
			if x.came == nil {
				x.came = make(chan struct{})
			}
			came = x.came
		}
		over := l.over
		l.mu.Unlock()
		if came == nil || over {
			return ctx.Err()
		}
		select {
		case <-came:
		case <-l.gone:
			return ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
