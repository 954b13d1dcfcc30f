package client

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Write writes what a Conn would send for req, byte for byte, and sends
// nothing: for those who want to see it or to keep it. observe, which may be
// nil, is told each write.
func Write(ctx context.Context, w io.Writer, req Request, observe Observer) error {
	paper := &paper{w: w, done: make(chan struct{})}
	c := NewConn(paper, Options{Idle: -1, Observe: observe})
	defer c.Close()
	r, err := c.Do(ctx, req)
	if err != nil {
		return err
	}
	if err := r.WaitSent(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.err == nil {
		return paper.err
	}
	return r.err
}

// A paper is a connection to nobody: what is written to it goes to w, and
// nothing ever comes.
type paper struct {
	w    io.Writer
	err  error // of w, its first
	done chan struct{}
	once sync.Once
}

func (p *paper) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if p.err == nil {
		p.err = err
	}
	return n, err
}

func (p *paper) Read([]byte) (int, error) {
	<-p.done
	return 0, net.ErrClosed
}

func (p *paper) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *paper) LocalAddr() net.Addr              { return nobody{} }
func (p *paper) RemoteAddr() net.Addr             { return nobody{} }
func (p *paper) SetDeadline(time.Time) error      { return nil }
func (p *paper) SetReadDeadline(time.Time) error  { return nil }
func (p *paper) SetWriteDeadline(time.Time) error { return nil }

// nobody is the address of a paper.
type nobody struct{}

func (nobody) Network() string { return "none" }
func (nobody) String() string  { return "nobody" }
