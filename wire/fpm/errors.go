package fpm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A Kind says what is the matter with a pool.
type Kind uint8

// The kinds.
const (
	Unreachable   Kind = iota + 1 // there is no connection
	Busy                          // it takes connections, or has a full queue of them, and does not answer
	Closed                        // it closes the connection without an answer
	NotFPM                        // something else answers: no FastCGI, or another application
	NotConfigured                 // 404: the pool has no page of that path
	Denied                        // 403: the pool takes the path for a script that it must not run
	BadStatus                     // the status page cannot be read
	Cut                           // the answer breaks off
)

// kinds has a row for each Kind: what to say, with a place for the path where
// it is one of the pool's, and what to do about it.
var kinds = [...]struct{ name, words, hint string }{
	Unreachable: {"unreachable", "", ""},
	Busy: {"busy", "the pool is busy: it takes connections, but no worker answers",
		"all workers are at work or occupied by kept connections: look for slow scripts, raise pm.max_children"},
	Closed: {"closed", "the pool closes the connection without an answer",
		"php-fpm does that when listen.allowed_clients does not name this machine, or when a worker dies: see its log"},
	NotFPM: {"not php-fpm", "what answers is not php-fpm", "is this the pool's address, and the path of its page?"},
	NotConfigured: {"not configured", "php-fpm answers, but this pool has no page %q",
		"set pm.status_path = /status and ping.path = /ping in the pool's file and reload php-fpm, or give the paths that are set there"},
	Denied: {"denied", "php-fpm answers, but takes %q for a script that it must not run",
		"the path has to be that of pm.status_path or ping.path in the pool's file"},
	BadStatus: {"bad status", "the status page %q cannot be read", "please report it, with what the page holds"},
	Cut:       {"cut off", "the answer breaks off", "a worker may have died: see php-fpm's log"},
}

// String returns the kind in a word or two.
func (k Kind) String() string {
	if int(k) < len(kinds) && kinds[k].name != "" {
		return kinds[k].name
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// An Error says what is the matter with a pool.
type Error struct {
	Kind       Kind
	Path       string // of the page that was asked for
	HTTPStatus int    // of the answer; 0: there was none
	Body       string // of the answer
	Stderr     string // what the pool wrote to STDERR, the first 64 KiB
	Err        error  // the cause: that of Client.Dial, of package client …; nil: the answer itself
}

// bodyShown is how many bytes of an answer a message quotes.
const bodyShown = 60

// Error says what it is, and how it shows.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("fpm: ")
	words := kinds[e.Kind].words
	if strings.Contains(words, "%q") {
		words = fmt.Sprintf(words, e.Path)
	}
	b.WriteString(words)
	separator := ": "
	if words == "" {
		separator = ""
	}
	var errno syscall.Errno
	switch {
	case e.Kind == Closed:
		if errors.As(e.Err, &errno) { // a reset; the rest the words have said
			b.WriteString(separator + errno.Error())
		}
	case e.Err != nil:
		b.WriteString(separator + e.Err.Error())
	case e.Kind == NotFPM && e.HTTPStatus != 200:
		fmt.Fprintf(&b, "%sHTTP status %d for %q", separator, e.HTTPStatus, e.Path)
	case e.Kind == NotFPM:
		fmt.Fprintf(&b, "%sthe answer to %q begins with %.*q", separator, e.Path, bodyShown, e.Body)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it, "" where there is nothing to say.
func (e *Error) Hint() string {
	var dial *transport.DialError
	if e.Kind == Unreachable && errors.As(e.Err, &dial) {
		return dial.Hint()
	}
	return kinds[e.Kind].hint
}

// dialError: a full queue is that of a pool which is there.
func dialError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	var dial *transport.DialError
	if errors.As(err, &dial) && dial.Reason == transport.Backlog {
		return &Error{Kind: Busy, Err: err}
	}
	return &Error{Kind: Unreachable, Err: err}
}

// exchangeError says what it means that an exchange failed after so many bytes.
func exchangeError(ctx context.Context, path string, received int64, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	e := &Error{Kind: Cut, Path: path, Err: err}
	if ctx.Err() != nil {
		e.Err = context.Cause(ctx)
	}
	var (
		closed  *client.ClosedError
		foreign *client.ProtocolError
		late    *client.TimeoutError
		tooMuch *client.LimitError
	)
	switch {
	case errors.As(err, &foreign), errors.As(err, &tooMuch):
		e.Kind = NotFPM
	case received > 0:
	case ctx.Err() != nil, errors.As(err, &late):
		e.Kind = Busy
	case errors.As(err, &closed):
		e.Kind = Closed
	}
	return e
}
