package client

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// A Response is the answer to a request. It belongs to one goroutine at a time.
type Response struct {
	// Stdout is the STDOUT stream, as it comes: the CGI header and the body. It
	// ends with io.EOF at END_REQUEST; until then, errors are those of Wait.
	// Everything that came before an error can be read before it.
	Stdout io.Reader

	c       *Conn
	id      uint16
	req     Request
	ctx     context.Context
	before  int64         // bytes received on the connection before the request
	sending atomic.Bool   // Do is writing
	sender  chan struct{} // closed when the goroutine that sends has ended; nil if there is none
	stop    func() bool   // ends the watch on ctx
	head    []byte        // STDOUT that Header took and that is no header

	// The rest belongs to c.mu.

	turn    chan struct{} // where a follower waits
	waits   bool
	unread  []byte // STDOUT for the reader
	buf     []byte // unread's memory, if it is not the connection's
	spare   []byte
	discard bool // nobody reads STDOUT any more

	stdout, stderr           int64 // bytes that came
	stdoutEnded, stderrEnded bool
	errBuf                   []byte // STDERR, its beginning
	begun                    bool   // nobody writes before BEGIN_REQUEST any more
	sent                     bool   // all of the request
	wasAborted               bool
	over                     bool // END_REQUEST, or err
	complete                 bool // END_REQUEST
	lingers                  bool
	end                      wire.EndRequest
	err                      error
	violations               []Violation
	times                    Times
	records                  int  // that came
	closedAfter              bool // the app closed while we lingered
}

// Times are the moments of an exchange; one that has not come is zero.
type Times struct {
	Begin time.Time // Do was called and had its place in flight
	Sent  time.Time // all of the request was given to the operating system
	First time.Time // the first record of the answer was read
	End   time.Time // END_REQUEST was read, or it became certain that it does not come
}

// Times returns when what happened so far.
func (r *Response) Times() Times {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.times
}

// Records returns how many records of the answer have come.
func (r *Response) Records() int {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.records
}

// WaitSent waits until nothing more of the request is going to be sent: because
// all of it is, or because the answer is over, or ctx.
func (r *Response) WaitSent(ctx context.Context) error {
	if r.sender == nil {
		return nil
	}
	select {
	case <-r.sender:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("client: %w", ctx.Err())
	}
}

// ClosedAfter reports whether the app closed the connection while Wait lingered
// after END_REQUEST; see Options.Linger.
func (r *Response) ClosedAfter() bool {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.closedAfter
}

// ID returns the request id.
func (r *Response) ID() uint16 { return r.id }

type stdout Response

func hasOutput(r *Response) bool { return len(r.unread) > 0 || r.over }

func (s *stdout) Read(p []byte) (int, error) {
	r := (*Response)(s)
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	r.c.await(r, hasOutput)
	defer r.c.mu.Unlock()
	if len(r.unread) > 0 {
		n := copy(p, r.unread)
		r.unread = r.unread[n:]
		r.c.room.Broadcast()
		return n, nil
	}
	return 0, r.ending()
}

// WriteTo writes what there is as it comes, without a copy in between.
func (s *stdout) WriteTo(w io.Writer) (n int64, err error) {
	r := (*Response)(s)
	for {
		piece, err := r.next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := w.Write(piece)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

// next takes the STDOUT that is there, at least one byte, or an error. It is
// valid until the next call.
func (r *Response) next() ([]byte, error) {
	if len(r.head) > 0 {
		piece := r.head
		r.head = nil
		return piece, nil
	}
	r.c.await(r, hasOutput)
	defer r.c.mu.Unlock()
	piece := r.unread
	if len(piece) == 0 {
		return nil, r.ending()
	}
	r.unread = nil
	r.c.room.Broadcast()
	// What comes in the meantime goes elsewhere.
	r.buf, r.spare = r.spare[:0], r.buf
	return piece, nil
}

// Ready reports whether Stdout can be read without waiting for the app, because
// there is output of it or the answer is over.
func (r *Response) Ready() bool {
	if len(r.head) > 0 {
		return true
	}
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if hasOutput(r) || c.leader != nil {
		return hasOutput(r)
	}
	for b := c.rd.Buffered(); ; {
		rec, n := wire.Split(b)
		switch {
		case n == 0:
			return false
		case rec.RequestID == r.id && (rec.Type == wire.TypeEndRequest || rec.Type == wire.TypeStdout && len(rec.Content) > 0):
			return true
		}
		b = b[n:]
	}
}

func (r *Response) ending() error {
	if r.err != nil {
		return r.err
	}
	return io.EOF
}

// Header reads the CGI header from Stdout, which then goes on with the body. An
// error is that of Stdout; the header is what came before it. What is wrong
// with the header is in Header.Problem.
func (r *Response) Header() (*cgi.Header, error) {
	h := new(cgi.Header)
	for {
		piece, err := r.next()
		if err != nil {
			h.End()
			r.head = h.Bytes()[h.BodyStart():]
			if err == io.EOF {
				err = nil
			}
			return h, err
		}
		n, done := h.Feed(piece)
		if !done {
			continue
		}
		h.Detach()
		// The rest of the piece is unread again.
		r.head = piece[n:]
		if before := h.Bytes()[h.BodyStart():]; len(before) > 0 {
			r.head = append(before[:len(before):len(before)], r.head...)
		}
		return h, nil
	}
}

func isOver(r *Response) bool { return r.over }

// Wait returns how the request ended, after reading what is left of the answer;
// STDOUT that was not read is lost. The error is nil if END_REQUEST came; that
// the app says something else than success in it is no error. Otherwise it is a
// *ClosedError, *ProtocolError, *TimeoutError, *LimitError, *SendError,
// ErrBehind, ErrClosed, or that of the context.
func (r *Response) Wait() (wire.EndRequest, error) {
	r.c.mu.Lock()
	r.discard, r.unread = true, nil
	r.c.room.Broadcast()
	r.c.mu.Unlock()
	r.c.await(r, isOver)
	defer r.c.mu.Unlock()
	if r.lingers {
		r.lingers = false
		r.c.linger(r)
	}
	return r.end, r.err
}

// Close gives the answer up, if it is not over, as the end of the context does.
// It is not needed after Stdout has ended, or after Wait.
func (r *Response) Close() error {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.discard, r.unread = true, nil
	r.giveUp(ErrClosed)
	if r.lingers {
		r.lingers = false
		r.c.shut(func(*Response) error { return ErrClosed })
	}
	return nil
}

// Stderr returns what came of STDERR so far, the first Options.MaxStderr bytes
// of it, and how many bytes there were.
func (r *Response) Stderr() (kept []byte, size int64) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.errBuf, r.stderr
}

// Violations returns what the app did wrong while the request was active, as
// far as the client noticed, the first 16 of it. Package flow notices more.
func (r *Response) Violations() []Violation {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.violations
}

// fail ends r with an error. With mu.
func (r *Response) fail(err error) {
	if r.over {
		return
	}
	r.err = err
	r.leave()
	if r.c.leader == r {
		_ = r.c.link.SetReadDeadline(past)
	}
}

// leave takes r out of those that are active.
func (r *Response) leave() {
	r.over = true
	r.c.room.Broadcast()
	r.times.End = time.Now()
	if r.stop != nil {
		r.stop()
	}
	delete(r.c.active, r.id)
	<-r.c.places
	r.signal()
}

// past is a deadline that makes a read return at once.
var past = time.Unix(1, 0)
