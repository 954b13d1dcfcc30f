package tap

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// DefaultDialTimeout is how long connecting to the application may take.
const DefaultDialTimeout = 5 * time.Second

// A Proxy passes connections on to an application. Its fields are not to be
// changed once it serves.
type Proxy struct {
	// Dial connects to the application.
	Dial func(context.Context) (net.Conn, error)
	// DialTimeout limits it; 0 is DefaultDialTimeout.
	DialTimeout time.Duration
	// Server is the application's address as watchers are told it; "" is the one
	// that the web server has connected to.
	Server string
	// Watchers are told what passes.
	Watchers []*Watcher
	// Failed, if not nil, is told of connections that could not be passed on.
	// It is called by several goroutines.
	Failed func(client net.Addr, err error)

	once    sync.Once
	buffers *lender
	n       atomic.Int64
	mu      sync.Mutex
	open    map[*relay]struct{}
	closing bool
	running sync.WaitGroup
}

func (p *Proxy) init() {
	p.once.Do(func() {
		p.buffers = newLender()
		p.open = make(map[*relay]struct{})
	})
}

// Serve takes connections from l and passes them on until ctx is done or l is
// closed, or its deadline is over, and closes l. Connections that are open go on; see Shutdown. The
// error is one of l, nil if ctx ended it.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	p.init()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	wait := time.Duration(0)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			wait = 0
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case !temporary(err):
			return err
		default: // out of descriptors: others may close some
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		r := &relay{p: p, ends: [2]net.Conn{c}}
		if !p.add(r) {
			c.Close()
			return nil
		}
		go r.run(context.WithoutCancel(ctx))
	}
}

// temporary reports whether accepting may go on after err.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (p *Proxy) add(r *relay) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.open[r] = struct{}{}
	p.running.Add(1)
	return true
}

func (p *Proxy) remove(r *relay) {
	p.mu.Lock()
	delete(p.open, r)
	p.mu.Unlock()
	p.running.Done()
}

// Open returns how many connections are open.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// Shutdown takes no more connections and waits until those that are open have
// ended. When ctx is done they are reset, and the error is ctx's.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.init()
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		p.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	for r := range p.open {
		r.cancel()
	}
	p.mu.Unlock()
	<-done
	return ctx.Err()
}

// info describes a connection to watchers.
func (p *Proxy) info(client net.Conn) *flow.ConnInfo {
	info := &flow.ConnInfo{N: int(p.n.Add(1) - 1), Network: client.LocalAddr().Network(), Server: p.Server, Fd: -1, Opened: time.Now()}
	if info.Server == "" {
		info.Server = client.LocalAddr().String()
	}
	if info.Network != "unix" {
		info.Client = client.RemoteAddr().String()
	}
	return info
}
