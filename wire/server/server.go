package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A Handler answers a request. It reads x.Params, x.Stdin and x.Data, writes a
// CGI response to x.Stdout, and returns; the request ends then. ctx is
// cancelled when the request is over for another reason, see context.Cause:
// ErrAborted, ErrPeerGone, ErrTimeLimit or ErrServerClosed. x and what can be
// reached through it are not to be used after the return. A panic is answered
// with 500.
type Handler func(ctx context.Context, x *Exchange)

// Why a request was over before its handler was: the causes of its context.
var (
	ErrAborted      = errors.New("server: request aborted")
	ErrPeerGone     = errors.New("server: connection closed by the peer")
	ErrTimeLimit    = errors.New("server: handler time limit")
	ErrServerClosed = errors.New("server: closed")
	ErrEnded        = errors.New("server: request has ended")
)

// A timeLimitError is ErrTimeLimit with what ran and the limit.
type timeLimitError struct {
	what  string
	limit time.Duration
}

func (e timeLimitError) Error() string { return "server: " + e.why() }

func (e timeLimitError) why() string { return fmt.Sprintf("%s ran for more than %v", e.what, e.limit) }

func (e timeLimitError) Is(target error) bool { return target == ErrTimeLimit }

// A Server answers FastCGI requests. Its fields are set before the first use
// and not changed after it; its methods may be called concurrently.
type Server struct {
	// Handler answers the requests; nil is one that answers all with 404.
	Handler Handler
	// Limits bound what peers can make the server hold.
	Limits Limits
	// OneAtATime refuses a second request on a connection that has one with
	// CANT_MPX_CONN. Told as FCGI_MPXS_CONNS=0.
	OneAtATime bool
	// Values is what GET_VALUES is told instead of what Limits and OneAtATime
	// say. Each name is told once, however often it is asked for.
	// See FastCGI 1.0, section 4.1.
	Values []wire.Pair
	// Allowed says who may connect; others, and those who do not come by TCP,
	// are disconnected at once. nil means everybody. It is meant for
	// FCGI_WEB_SERVER_ADDRS: see ParseAllowed and ServeInherited.
	// See FastCGI 1.0, section 3.2.
	Allowed []netip.Prefix
	// Fault, if not nil, is how answers break the protocol.
	Fault *Fault
	// Observe, if not nil, is called for each connection; what it returns, if
	// not nil, is told all that happens on it.
	Observe func(nc net.Conn) Observer
	// ErrorLog, if not nil, is told what went wrong beside the answers: it may
	// be called concurrently.
	ErrorLog func(err error)

	once     sync.Once
	limits   Limits // with defaults
	values   []wire.Pair
	begun    atomic.Int64 // requests
	inFlight atomic.Int64 // requests that have not been released
	buffered atomic.Int64 // bytes of input that are kept
	held     atomic.Int64 // bytes of bodies that echo keeps

	mu        sync.Mutex
	conns     map[*conn]struct{}
	listeners map[net.Listener]struct{}
	closed    bool          // Shutdown was called
	changed   chan struct{} // closed when conns shrinks; nil if nobody waits
	inline    inlineList
}

// An Observer is told what happens on a connection, one call at a time: every
// byte that was received, every byte that is about to be sent, and the end.
type Observer interface {
	// Bytes: p travels in direction dir. p is valid during the call.
	Bytes(dir wire.Direction, at time.Time, p []byte)
	// Closed is the last call.
	Closed(at time.Time, how flow.CloseKind, err error)
}

func (s *Server) start() {
	s.once.Do(func() {
		s.limits = s.Limits.withDefaults()
		s.values = s.Values
		if s.values == nil {
			s.values = s.limits.values(s.OneAtATime)
		}
		s.conns = make(map[*conn]struct{})
		s.listeners = make(map[net.Listener]struct{})
		if s.Handler == nil {
			s.Handler = func(_ context.Context, x *Exchange) { x.Respond(404, "no handler") }
		}
	})
}

// Serve accepts connections and serves them. It returns nil when Shutdown was
// called, which closes ln; an error when ln fails for good; and the cause of
// ctx when that is cancelled, after it has closed ln and the connections that
// it accepted and waited for their handlers.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.start()
	if !s.addListener(ln) {
		ln.Close()
		return ErrServerClosed
	}
	defer s.dropListener(ln)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	var conns sync.WaitGroup
	err := s.accept(ctx, ln, &conns)
	if err != nil {
		cancel(err)
	}
	conns.Wait()
	return err
}

// accept serves what ln brings until it fails.
func (s *Server) accept(ctx context.Context, ln net.Listener, conns *sync.WaitGroup) error {
	places := make(chan struct{}, min(s.limits.Conns, 1<<20))
	const pauseMax = time.Second
	pause := 5 * time.Millisecond
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.isClosed():
			return nil
		case !temporary(err):
			return fmt.Errorf("server: accept: %w", err)
		default: // out of descriptors: it may have some later
			s.report(fmt.Errorf("server: accept: %w", err))
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, pauseMax)
			<-places
			continue
		}
		conns.Add(1)
		s.serveConn(ctx, nc, func() { <-places; conns.Done() })
	}
}

// temporary: net has deprecated the method, but nothing else tells.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// ServeConn serves one connection. It returns when the connection is closed
// and its handlers have returned; cancelling ctx closes it.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) {
	s.start()
	done := make(chan struct{})
	s.serveConn(ctx, nc, func() { close(done) })
	<-done
}

// serveConn starts to serve nc and calls done when everything is over.
func (s *Server) serveConn(ctx context.Context, nc net.Conn, done func()) {
	if !s.allows(nc) {
		s.report(notLetIn(nc))
		nc.Close()
		done()
		return
	}
	c := newConn(ctx, s, nc, done)
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		c.kill(ErrServerClosed)
	}
	c.stop = context.AfterFunc(ctx, func() { c.kill(ErrServerClosed) })
	go c.loop()
}

// Shutdown closes the listeners and the idle connections, lets the requests
// that were begun end, and waits for that. When ctx is cancelled first, it
// closes all connections and returns the cause.
func (s *Server) Shutdown(ctx context.Context) error {
	s.start()
	s.mu.Lock()
	s.closed = true
	for ln := range s.listeners {
		ln.Close()
	}
	conns := s.connsLocked()
	s.mu.Unlock()
	for _, c := range conns {
		c.drain()
	}
	for {
		s.mu.Lock()
		if len(s.conns) == 0 {
			s.mu.Unlock()
			return nil
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed, conns := s.changed, s.connsLocked()
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			for _, c := range conns {
				c.kill(ErrServerClosed)
			}
			return context.Cause(ctx)
		}
	}
}

func (s *Server) connsLocked() []*conn {
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func (s *Server) dropConn(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

func (s *Server) addListener(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Server) dropListener(ln net.Listener) {
	ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Server) report(err error) {
	if s.ErrorLog != nil {
		s.ErrorLog(err)
	}
}

// allows: "if this check fails, for example because the connection didn't use
// TCP/IP transport, the application closes the connection." Section 3.2.
func (s *Server) allows(nc net.Conn) bool {
	if s.Allowed == nil {
		return true
	}
	tcp, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	peer := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range s.Allowed {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

func notLetIn(nc net.Conn) error {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return fmt.Errorf("server: %v is not among the allowed addresses", tcp)
	}
	return errors.New("server: a local peer is not among the allowed addresses, as it has none")
}

// ParseAllowed reads a list of addresses, or of networks as in 192.0.2.0/24,
// separated by commas: the form of FCGI_WEB_SERVER_ADDRS. An empty list is nil.
// See FastCGI 1.0, section 3.2.
func ParseAllowed(list string) ([]netip.Prefix, error) {
	var allowed []netip.Prefix
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	for _, item := range strings.Split(list, ",") {
		item = strings.TrimSpace(item)
		if strings.Contains(item, "/") {
			p, err := netip.ParsePrefix(item)
			if err != nil {
				return nil, notAllowed(item)
			}
			allowed = append(allowed, p)
			continue
		}
		a, err := netip.ParseAddr(item)
		if err != nil {
			return nil, notAllowed(item)
		}
		a = a.Unmap()
		allowed = append(allowed, netip.PrefixFrom(a, a.BitLen()))
	}
	return allowed, nil
}

func notAllowed(item string) error {
	return fmt.Errorf("server: allowed address %q: want one such as 192.0.2.1 or 2001:db8::1, or a network such as 192.0.2.0/24", item)
}
