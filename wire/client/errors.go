package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// ErrClosed says that the connection was closed by our side, or had been closed
// before the request.
var ErrClosed = errors.New("client: connection is closed")

// ErrStale says that the app has closed a kept connection, or sent something
// that nobody asked for, before the request. Nothing was sent.
var ErrStale = errors.New("client: kept connection is stale")

// errForeign is what link.Read says of a first byte that is no FastCGI.
var errForeign = errors.New("client: not FastCGI")

// ErrBehind says that the reader of a multiplexed answer was so slow that
// Options.MaxBuffer was reached; the request was aborted, the others go on.
var ErrBehind = errors.New("client: reader of a multiplexed answer fell behind")

// A ClosedError says that the app closed the connection before END_REQUEST.
// What had come of STDOUT and STDERR can be read.
type ClosedError struct {
	Received       int64 // bytes on the connection since the request was begun
	Stdout, Stderr int64 // bytes of the request's answer
	Err            error // io.EOF, a *wire.TruncatedError, a reset …
}

// Error says how much had come, and why no more did.
func (e *ClosedError) Error() string {
	s := fmt.Sprintf("client: connection closed without END_REQUEST, after %d bytes (%d of STDOUT, %d of STDERR)", e.Received, e.Stdout, e.Stderr)
	if e.Received == 0 {
		s = "client: connection closed without an answer"
	}
	var errno syscall.Errno
	switch {
	case errors.As(e.Err, &errno): // without the addresses, which the user knows
		return s + ": " + errno.Error()
	case e.Err == io.EOF: // that is what closed means
		return s
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ClosedError) Unwrap() error { return e.Err }

// A ProtocolError says that what came is no FastCGI, or belongs to no request
// of ours, so that the connection cannot be used.
type ProtocolError struct {
	Rule   wire.RuleID // that is broken
	Offset int64       // of the record in what the app sent on the connection
	Header wire.Header // of the record
	Hint   string      // what the bytes look like, or ""
}

// Error says what came instead, and where.
func (e *ProtocolError) Error() string {
	s := fmt.Sprintf("client: offset %d: ", e.Offset)
	switch e.Rule {
	case wire.RuleVersion:
		s += fmt.Sprintf("not FastCGI: version %d instead of 1 (%q)", e.Header.Version, e.Header.Append(nil))
	default:
		s += fmt.Sprintf("%v for request id %d, which is not ours", e.Header.Type, e.Header.RequestID)
	}
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// A TimeoutError says that no byte came or went for Idle.
type TimeoutError struct {
	Idle     time.Duration // Options.Idle
	Received int64         // bytes on the connection since the request was begun
}

// Error says how long nothing came.
func (e *TimeoutError) Error() string {
	if e.Received == 0 {
		return fmt.Sprintf("client: no answer for %v", e.Idle)
	}
	return fmt.Sprintf("client: nothing for %v, after %d bytes", e.Idle, e.Received)
}

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns os.ErrDeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return os.ErrDeadlineExceeded }

// A LimitError says that an answer has more STDOUT than Options.MaxStdout. So
// much of it can be read.
type LimitError struct {
	Limit int64 // bytes
}

// Error says which limit it is.
func (e *LimitError) Error() string {
	return fmt.Sprintf("client: more than %d bytes of STDOUT", e.Limit)
}

// A SendError says that the input of a request could not be read.
type SendError struct {
	Stream wire.Type // STDIN or DATA
	Err    error     // of the reader
}

// Error says which stream could not be read, and why.
func (e *SendError) Error() string {
	return fmt.Sprintf("client: read %v to send: %v", e.Stream, e.Err)
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// A Violation is something that the app did wrong and that did not keep us from
// reading on.
type Violation struct {
	Rule   wire.RuleID // that is broken
	Offset int64       // of the record in what the app sent on the connection
	Header wire.Header // of the record
}
