package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// smallBody is how large a body may be to be taken in before the application
	// is asked: so the request is one write, can be sent again, and no worker
	// waits for the client.
	smallBody = 32 << 10
	// memoryBody is how much of a body whose size is not known is kept in memory.
	memoryBody = 256 << 10
)

// Errors of bodies.
var (
	errTooLarge = errors.New("the body is larger than the limit")
	errSlowBody = errors.New("no byte of the body came in time")
)

// A body is that of a request, on its way to the application.
type body struct {
	io.Reader       // nil: there is none
	size      int64 // bytes
	file      *os.File
	small     *[]byte
	stream    *patientReader // that it is read from while it is sent; nil if it is all there
}

// noBody is that of a request without one.
var noBody = &body{}

func (b *body) close() {
	if b.file != nil {
		_ = b.file.Close()
		_ = os.Remove(b.file.Name())
	}
	if b.small != nil {
		smallBodies.Put(b.small)
	}
}

var smallBodies = sync.Pool{New: func() any { b := make([]byte, smallBody); return &b }}

// body takes in what has to be there before the application is asked: small
// bodies, and those whose size it has to be told and that is not known.
func (a *App) body(w http.ResponseWriter, r *http.Request) (*body, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return noBody, nil
	}
	if a.MaxBody > 0 && r.ContentLength > a.MaxBody {
		return nil, errTooLarge
	}
	in := &patientReader{r: r.Body, control: http.NewResponseController(w), limit: a.bodyTime(), h2: r.ProtoMajor == 2}
	switch {
	case r.ContentLength < 0:
		return a.spool(in)
	case r.ContentLength <= smallBody:
		b := &body{small: smallBodies.Get().(*[]byte), size: r.ContentLength}
		piece := (*b.small)[:r.ContentLength]
		if _, err := io.ReadFull(in, piece); err != nil {
			b.close()
			return nil, err
		}
		// The end is read, too, so that net/http knows that it is there.
		_, _ = in.Read(make([]byte, 1))
		b.Reader = bytes.NewReader(piece)
		return b, nil
	}
	return &body{Reader: in, size: r.ContentLength, stream: in}, nil
}

// spool keeps a body: its beginning in memory, more of it in a temporary file
// that only this process can see.
func (a *App) spool(in io.Reader) (b *body, err error) {
	if a.MaxBody > 0 {
		in = &io.LimitedReader{R: in, N: max(a.MaxBody, a.MaxBody+1)} // of the largest there is no more
	}
	var memory bytes.Buffer
	n, err := io.CopyN(&memory, in, memoryBody+1)
	b = &body{size: n}
	defer func() {
		if err == nil && a.MaxBody > 0 && b.size > a.MaxBody {
			err = errTooLarge
		}
		if err != nil {
			b.close()
		}
	}()
	if err == io.EOF {
		b.Reader = bytes.NewReader(memory.Bytes())
		return b, nil
	}
	if err != nil {
		return b, err
	}
	if b.file, err = os.CreateTemp("", "fcgiscope-body-*"); err != nil {
		return b, &spoolError{err}
	}
	_ = os.Remove(b.file.Name()) // close does it where an open file cannot be removed
	if _, err = b.file.Write(memory.Bytes()); err != nil {
		return b, &spoolError{err}
	}
	src := &readErrors{r: in}
	m, err := io.Copy(b.file, src)
	b.size += m
	if err != nil && src.err == nil {
		err = &spoolError{err}
	}
	if err == nil {
		_, err = b.file.Seek(0, io.SeekStart)
	}
	b.Reader = b.file
	return b, err
}

// A spoolError says that a body could not be kept, which is not the client's
// fault.
type spoolError struct{ err error }

func (e *spoolError) Error() string {
	return fmt.Sprintf("keep the body in a temporary file: %v", e.err)
}
func (e *spoolError) Unwrap() error { return e.err }

// readErrors remembers that an error is the reader's.
type readErrors struct {
	r   io.Reader
	err error
}

func (e *readErrors) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		e.err = err
	}
	return n, err
}

// A patientReader reads a body as long as something of it comes in time.
type patientReader struct {
	r       io.Reader
	control *http.ResponseController
	limit   time.Duration // 0 or less: no limit
	h2      bool          // HTTP/2
	reading sync.Mutex    // held by Read
	mu      sync.Mutex
	over    bool // the end has been read
	stopped bool
	err     error // of reading
}

func (p *patientReader) Read(b []byte) (int, error) {
	p.reading.Lock()
	defer p.reading.Unlock()
	if !p.arm() {
		return 0, errSlowBody
	}
	n, err := p.r.Read(b)
	switch {
	case err == io.EOF:
		// What net/http reads from here on is the next request.
		p.disarm(true)
	case err == nil && p.h2:
		// A deadline ends the body when it comes, also if nobody is reading then,
		// but waits for the application.
		p.disarm(false)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSlowBody
	}
	if err != nil && err != io.EOF {
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
	}
	return n, err
}

// settle waits for a Read of a connection that has failed.
func (p *patientReader) settle() {
	p.reading.Lock()
	defer p.reading.Unlock()
}

// failure returns why the body could not be read; nil if it could.
func (p *patientReader) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *patientReader) arm() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if p.limit > 0 {
		_ = p.control.SetReadDeadline(time.Now().Add(p.limit))
	}
	return true
}

// disarm takes the time limit away; over: the end has been read.
func (p *patientReader) disarm(over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = over
	if p.limit > 0 && !p.stopped {
		_ = p.control.SetReadDeadline(time.Time{})
	}
}

// unread reports whether there is more of the body to come.
func (p *patientReader) unread() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.over
}

// stop ends a Read that waits, and all others.
func (p *patientReader) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	_ = p.control.SetReadDeadline(time.Unix(1, 0))
}

// stopIfUnread is stop unless all of the body has been read.
func (p *patientReader) stopIfUnread() {
	if p.unread() {
		p.stop()
	}
}
