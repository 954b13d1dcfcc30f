package gateway

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"runtime/debug"
	"time"
)

// DefaultSendTime is Front.SendTime where it is not set.
const DefaultSendTime = time.Minute

// A Front stands before all other handlers. It keeps the books of an Exchange,
// ends the answers to clients that do not take them, a panic of a handler with
// 500, and the connection after a request that may be two for a proxy in front.
type Front struct {
	Next http.Handler
	// Done is told of every request when it is over; nil is nobody. It may be
	// called by several goroutines at once.
	Done func(*Exchange)
	// SendTime is how long a piece of the answer, of 256 KiB at most, may take
	// to be sent; 0 means DefaultSendTime, less no limit. For clients of HTTP/2
	// that read nothing at all it needs http.HTTP2Config.WriteByteTimeout, too: a
	// little more, so that this one comes first.
	SendTime time.Duration
}

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, x := Begin(r)
	out := &writer{ResponseWriter: w, control: *http.NewResponseController(w), x: x, limit: f.SendTime, h2: r.ProtoMajor == 2}
	if out.limit == 0 {
		out.limit = DefaultSendTime
	}
	if !out.h2 {
		out.arm() // net/http may have to say that it wants the body
	}
	defer f.end(out)
	f.Next.ServeHTTP(out, r)
}

// end tells of a request, however it ended.
func (f *Front) end(out *writer) {
	p, x := recover(), out.x
	if p != nil && p != http.ErrAbortHandler {
		x.Why = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		x.Cut = out.begun
		if !out.begun {
			x.fail(out, http.StatusInternalServerError, x.Why)
			p = nil
		} else {
			p = http.ErrAbortHandler
		}
	}
	if x.Status == 0 {
		out.begin(http.StatusOK) // of a handler that said nothing
	}
	if out.err != nil && x.Why == "" && !errors.Is(out.err, http.ErrBodyNotAllowed) {
		x.Cut, x.Why = true, whyUnsent(out.err)
	}
	out.arm() // for what net/http has not sent yet
	x.Took = time.Since(x.Began)
	if f.Done != nil {
		f.Done(x)
	}
	if p != nil {
		panic(p)
	}
}

// A writer is an answer on its way, counted and with a limit for each piece.
type writer struct {
	http.ResponseWriter
	control http.ResponseController
	x       *Exchange
	limit   time.Duration
	armed   time.Time // when the time limit was set the last time
	set     bool      // it is set
	h2      bool      // HTTP/2
	begun   bool
	err     error // the first of writing
}

// unsent keeps an error of writing, and returns what it means. Where a client of
// HTTP/2 takes nothing of the whole connection, not even that an answer has
// broken off, http.HTTP2Config.WriteByteTimeout closes it, which says nothing of
// the time.
func (w *writer) unsent(err error) error {
	if w.limit > 0 && time.Since(w.armed) >= w.limit {
		err = os.ErrDeadlineExceeded
	}
	if w.err == nil {
		w.err = err
	}
	return err
}

// whyUnsent is what there is to log of an answer that was not sent to its end.
func whyUnsent(err error) string {
	var file *fs.PathError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the client did not take the answer in time"
	case errors.As(err, &file):
		return "the file cannot be read: " + file.Err.Error()
	}
	return "the client closed the connection before the end of the answer"
}

// arm sets the time limit for what is written next. It is not set anew for
// every few bytes.
func (w *writer) arm() {
	if w.limit <= 0 {
		return
	}
	now := time.Now()
	if !w.set || now.Sub(w.armed) > w.limit/16 {
		w.armed, w.set = now, true
		_ = w.control.SetWriteDeadline(now.Add(w.limit)) // who cannot is no connection
	}
}

// begin keeps the status, just before the header is sent.
func (w *writer) begin(status int) {
	if w.begun {
		return
	}
	w.begun, w.x.Status = true, status
	if endsElsewhere(w.x.Request) {
		w.Header().Set("Connection", "close")
	}
}

// endsElsewhere reports whether a proxy in front may have seen the end of the
// request at another place, so that what follows on the connection is not what
// it takes for the next request. net/http leaves out a Transfer-Encoding in
// HTTP/1.0, and a Content-Length beside one in HTTP/1.1, and does not tell: RFC
// 9112, section 6.1, has the connection closed after both.
func endsElsewhere(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0)
}

// disarm is called when something was written. In HTTP/2 a deadline ends the
// answer when it comes, also if nobody is writing then, but waits for the
// application.
func (w *writer) disarm() {
	if w.h2 && w.set {
		w.set = false
		_ = w.control.SetWriteDeadline(time.Time{})
	}
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if status >= 200 {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	w.arm()
	defer w.disarm()
	n, err := w.ResponseWriter.Write(p)
	w.x.Bytes += int64(n)
	if err != nil {
		err = w.unsent(err)
	}
	return n, err
}

// FlushError is for http.ResponseController.
func (w *writer) FlushError() error {
	w.begin(http.StatusOK)
	w.arm()
	defer w.disarm()
	err := w.control.Flush()
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		err = w.unsent(err)
	}
	return err
}

// sendPiece is how much of a file is sent under one time limit.
const sendPiece = 256 << 10

// ReadFrom implements io.ReaderFrom, so that files are sent by the system.
func (w *writer) ReadFrom(src io.Reader) (n int64, err error) {
	w.begin(http.StatusOK)
	defer w.disarm()
	limit := int64(1<<63 - 1)
	if l, ok := src.(*io.LimitedReader); ok { // the system wants it to be the only one
		src, limit = l.R, l.N
		defer func() { l.N -= n }()
	}
	for n < limit {
		w.arm()
		piece := min(sendPiece, limit-n)
		m, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: src, N: piece})
		n += m
		w.x.Bytes += m
		if err != nil {
			return n, w.unsent(err)
		}
		if m < piece {
			return n, nil
		}
	}
	return n, nil
}
