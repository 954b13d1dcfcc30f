package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// Defaults and bounds.
const (
	defaultIdle   = time.Minute // Options.Idle
	defaultBuffer = 256 << 10   // Options.MaxBuffer
	defaultStderr = 64 << 10    // Options.MaxStderr
	maxAborted    = 1024        // ids that were aborted; no new requests on the connection after so many
	maxViolations = 16          // kept for an answer
)

// Options say how a Conn behaves. The zero value is a good choice.
type Options struct {
	// InFlight is how many requests the connection carries at once, 1 if it is
	// not set. More is for apps that can multiplex; see InFlight.
	InFlight int
	// Idle is how long an answer may take without a byte on the connection in
	// either direction; 0 means a minute, less no limit. Contexts limit the
	// whole.
	Idle time.Duration
	// Linger is how long to go on reading after END_REQUEST, to see what should
	// not come, unless the app closes before. The connection is not kept then.
	Linger time.Duration
	// MaxStdout is how many bytes of STDOUT an answer may have; 0 is no limit.
	MaxStdout int64
	// MaxStderr is how many bytes of STDERR are kept of an answer; 0 means 64
	// KiB. Request.Stderr gets all of it.
	MaxStderr int
	// MaxBuffer is how many bytes of a multiplexed answer may wait to be read;
	// 0 means 256 KiB. See ErrBehind.
	MaxBuffer int
	// Backpressure makes the connection wait, where the buffer of an answer is
	// full, until that is read, instead of failing with ErrBehind. An answer
	// that nobody reads then stops all others.
	Backpressure bool
	// Observe is told every byte sent and received; nil is nobody.
	Observe Observer
}

// A Conn is a connection to an app. Its methods may be called concurrently.
type Conn struct {
	link   link
	opts   Options
	places chan struct{} // one for each request in flight
	done   chan struct{} // closed with the connection

	writing chan struct{} // held by who writes
	w       *wire.Writer

	mu      sync.Mutex
	rd      *wire.Reader // used by the leader, or with mu where there is none
	leader  *Response    // whose goroutine reads for all
	room    sync.Cond    // with mu: something was taken of an answer, or it is over
	active  map[uint16]*Response
	aborted map[uint16]struct{} // ids that are not used again: late answers may come
	lastID  uint16
	err     error // why the connection takes no more requests
	used    bool  // there was a request
	closed  bool

	// after is called with mu when a request was answered (usable: whether to
	// keep the connection is up to it), and once when the connection is closed.
	after func(usable bool) (keep bool)
}

// Dial connects to an app. ctx limits the connecting only; the error is a
// *transport.DialError.
func Dial(ctx context.Context, a transport.Addr, o Options) (*Conn, error) {
	c, err := transport.Dial(ctx, a)
	if err != nil {
		return nil, err
	}
	return NewConn(c, o), nil
}

// NewConn returns a Conn over c, which belongs to it from now on.
func NewConn(c net.Conn, o Options) *Conn {
	if o.InFlight < 1 {
		o.InFlight = 1
	}
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.MaxStderr == 0 {
		o.MaxStderr = defaultStderr
	}
	if o.MaxBuffer == 0 {
		o.MaxBuffer = defaultBuffer
	}
	conn := &Conn{
		link:    link{Conn: c, idle: o.Idle, observe: o.Observe, strict: true},
		opts:    o,
		places:  make(chan struct{}, o.InFlight),
		done:    make(chan struct{}),
		writing: make(chan struct{}, 1),
		active:  make(map[uint16]*Response, 1),
	}
	conn.room.L = &conn.mu
	conn.rd = wire.NewReader(&conn.link)
	conn.w = wire.NewWriter(&conn.link)
	return conn
}

// exclusive: one request at a time. Its reader can then take what came out of
// the buffer of the connection, and giving it up is closing.
func (c *Conn) exclusive() bool { return c.opts.InFlight == 1 }

// A Request is what an app is asked.
type Request struct {
	Role   wire.Role   // 0 is RESPONDER
	Keep   bool        // KEEP_CONN; always set where InFlight is more than 1
	Params []wire.Pair // in order; package cgi makes them
	// Stdin is the body, which must have CONTENT_LENGTH bytes; nil is none. A
	// goroutine may read from it until Stdin.Read returns, even if the answer
	// is over before.
	Stdin io.Reader
	// Data is the DATA stream of a FILTER, which must have FCGI_DATA_LENGTH
	// bytes; nil is none.
	Data io.Reader
	// Stderr is written each piece of STDERR as it comes, by the goroutine that
	// reads the connection; nil is nobody. Its errors are ignored.
	Stderr io.Writer
	// ID is the request id; 0 is 1, or where several are in flight the next.
	ID uint16
	// NoStdinEnd leaves out the empty record that ends STDIN, to see what an
	// app does then.
	NoStdinEnd bool
	// Layout is how it is cut into records and writes; nil is a good choice.
	Layout *Layout
	// Retry lets a Pool send the request again although its method is not safe.
	Retry bool
}

// Do sends a request. It waits for a place in flight, and until the request is
// sent if it is small; it does not wait for the answer. ctx governs all of the
// exchange: when it ends, the request is aborted, and reading the answer fails
// with its error. The answer must be read to its end, or given up with
// Response.Close.
//
// An error means that nothing was sent: ErrClosed, ErrStale, that of ctx, or a
// mistake in the request.
func (c *Conn) Do(ctx context.Context, req Request) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	select {
	case c.places <- struct{}{}: // as usual
	default:
		select {
		case c.places <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("client: wait for a place in flight: %w", ctx.Err())
		case <-c.done:
			return nil, ErrClosed
		}
	}
	r, err := c.begin(ctx, req)
	if err != nil {
		<-c.places
		return nil, err
	}
	if r.fitsOneWrite() {
		r.sending.Store(true)
		r.send()
		r.sending.Store(false)
	} else {
		r.sender = make(chan struct{})
		go func() {
			defer close(r.sender)
			r.send()
		}()
	}
	return r, nil
}

// begin makes the request active.
func (c *Conn) begin(ctx context.Context, req Request) (*Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case len(c.aborted) >= maxAborted:
		return nil, ErrClosed
	case c.used && c.exclusive() && c.link.stirred():
		c.shut(func(*Response) error { return ErrStale })
		return nil, ErrStale
	}
	id, err := c.freeID(req.ID)
	if err != nil {
		return nil, err
	}
	if req.Role == 0 {
		req.Role = wire.Responder
	}
	req.Keep = req.Keep || !c.exclusive()
	r := &Response{c: c, id: id, req: req, before: c.link.received.Load(), ctx: ctx, times: Times{Begin: time.Now()}}
	r.Stdout = (*stdout)(r)
	c.active[id] = r
	c.used = true
	if ctx.Done() != nil {
		r.stop = context.AfterFunc(ctx, r.cancel)
	}
	return r, nil
}

func (c *Conn) freeID(want uint16) (uint16, error) {
	if want != 0 {
		if c.taken(want) {
			return 0, fmt.Errorf("client: request id %d is in use", want)
		}
		return want, nil
	}
	// In turn, so that what an app sends too much for one request does not soon
	// find another one under its id; but small.
	last := 1
	if !c.exclusive() {
		last = min(max(255, 4*c.opts.InFlight)+len(c.aborted), 1<<16-1)
	}
	for range last {
		c.lastID = uint16(int(c.lastID)%last + 1)
		if !c.taken(c.lastID) {
			return c.lastID, nil
		}
	}
	return 0, errors.New("client: all request ids are in use")
}

func (c *Conn) taken(id uint16) bool {
	_, aborted := c.aborted[id]
	return aborted || c.active[id] != nil
}

// Close closes the connection; requests in flight fail with ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut(func(*Response) error { return ErrClosed })
	return nil
}

// Usable reports whether the connection takes another request.
func (c *Conn) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && len(c.aborted) < maxAborted
}

// shut closes the connection and fails what is active, each request with its
// own error. With mu.
func (c *Conn) shut(reason func(*Response) error) {
	if c.err == nil {
		c.err = ErrClosed
	}
	for _, r := range c.active {
		r.fail(reason(r))
	}
	if !c.closed {
		c.closed = true
		close(c.done)
		c.link.Close()
		if c.after != nil {
			c.after(false)
		}
	}
}
