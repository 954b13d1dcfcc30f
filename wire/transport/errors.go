package transport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// A Reason says why there is no connection.
type Reason uint8

// The reasons.
const (
	Other       Reason = iota // none of those below; see Err
	Refused                   // nobody listens there
	NotFound                  // the socket, or a directory before it, is missing
	Permission                // the socket, or a directory before it, is not ours to use
	NotSocket                 // there is a file, or a descriptor, that is no stream socket
	NoHost                    // the name does not resolve
	Unreachable               // there is no route to the host
	Backlog                   // the queue of the Unix socket is full
	Timeout                   // no answer in time
)

// reasons has a row for each Reason: what to say for a Unix socket, for TCP,
// and what to do about it.
var reasons = [...]struct{ unix, tcp, hint string }{
	Other:       {},
	Refused:     {"nobody listens on the socket", "connection refused", "is the application running, and does it listen on this address?"},
	NotFound:    {"no such socket", "not found", "is the application running? php-fpm names its socket in the pool's listen ="},
	Permission:  {"permission denied", "permission denied", "run it as the socket's owner or group; php-fpm has listen.owner, listen.group and listen.mode"},
	NotSocket:   {"not a stream socket", "not a stream socket", "the path of the application's socket is needed, not that of a script or a directory"},
	NoHost:      {"no such host", "the name does not resolve", "check the host's name; inside a container it is that of the service"},
	Unreachable: {"unreachable", "no route to the host", "check the host's address and the network"},
	Backlog:     {"the queue of waiting connections is full", "the queue of waiting connections is full", "all workers are busy: raise pm.max_children, or listen.backlog"},
	Timeout:     {"no answer in time", "no answer in time", "a firewall may drop the packets, or all workers are busy"},
}

// A DialError says why there is no connection to Addr.
type DialError struct {
	Addr   Addr   // what was dialled
	Reason Reason // the kind of failure
	Err    error  // that of the system
}

// Error says in words what Reason means for Addr.
func (e *DialError) Error() string {
	words := reasons[e.Reason].tcp
	if e.Addr.Network == "unix" {
		words = reasons[e.Reason].unix
	}
	switch {
	case e.Reason == Other:
		words = e.Err.Error()
	case e.Addr.Network == "fd" && e.Reason == NotSocket:
		words = "not a connected socket"
	}
	return fmt.Sprintf("transport: connect to %v: %s", e.Addr, words)
}

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Hint says what to do about it, "" where there is nothing to say.
func (e *DialError) Hint() string {
	if e.Addr.Network == "fd" && e.Reason != Other {
		return "the descriptor must be a connected socket that the parent process left open"
	}
	return reasons[e.Reason].hint
}

func newDialError(ctx context.Context, a Addr, err error) *DialError {
	// The dialer says "i/o timeout" or "operation was canceled" by itself.
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	e := &DialError{Addr: a, Reason: reasonOf(err), Err: err}
	if a.Network == "unix" && (e.Reason == Refused || e.Reason == Other) {
		// Linux refuses a connection to a file that is no socket.
		if info, statErr := os.Stat(a.Address); statErr == nil && info.Mode()&fs.ModeSocket == 0 {
			e.Reason = NotSocket
		}
	}
	return e
}

func reasonOf(err error) Reason {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return Other
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.As(err, &dns):
		if dns.IsTimeout {
			return Timeout
		}
		return NoHost
	}
	switch Errno(err) {
	case syscall.ETIMEDOUT:
		return Timeout
	case syscall.ECONNREFUSED:
		return Refused
	case syscall.ENOENT, syscall.ENOTDIR:
		return NotFound
	case syscall.EACCES, syscall.EPERM:
		return Permission
	case syscall.ENOTSOCK, syscall.EPROTOTYPE, syscall.EBADF, syscall.ENOTCONN:
		return NotSocket
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH:
		return Unreachable
	case syscall.EAGAIN:
		return Backlog
	}
	return Other
}
