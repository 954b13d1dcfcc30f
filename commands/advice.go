package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// adviceOnStderr is what to do when an application writes something to STDERR.
// SCRIPT stands for the SCRIPT_FILENAME that was sent.
var adviceOnStderr = []struct{ text, hint string }{
	{"Primary script unknown", "php-fpm finds no script SCRIPT: name the web root as php-fpm sees it with --root, or the file with --script"},
	{"security.limit_extensions", "php-fpm does not run SCRIPT: its name has to end as security.limit_extensions says, usually in .php"},
	{"Unable to open primary script", "php-fpm may not read SCRIPT: its user (often www-data) needs permission for the file and the directories above it"},
}

// hint says what to do about an answer that is complete, "" if nothing.
func (x *exchange) hint() string {
	script, _ := wire.Lookup(x.request.Params, "SCRIPT_FILENAME")
	stderr, _ := x.response.Stderr()
	if len(script) == 0 {
		script = []byte("as long as SCRIPT_FILENAME is missing")
	}
	for _, row := range adviceOnStderr {
		if strings.Contains(string(stderr), row.text) {
			return strings.ReplaceAll(row.hint, "SCRIPT", string(script))
		}
	}
	h := x.answer.header
	if h.Problem() == cgi.OK && h.Status() == 200 && x.answer.size == 0 && !x.answer.o.head && x.request.Role == wire.Responder {
		return x.emptyHint(string(script))
	}
	return ""
}

// emptyHint is for the answer 200 with an empty body.
func (x *exchange) emptyHint(script string) string {
	for _, name := range []string{"REQUEST_METHOD", "SCRIPT_FILENAME"} {
		if _, ok := wire.Lookup(x.request.Params, name); !ok {
			return "the page is empty: php-fpm answers so when there is no " + name
		}
	}
	return "the page is empty: is " + script + " the right script, and does it print anything?"
}

// failed turns an error of the exchange into the kind that gives the exit
// code, and says what had come before it.
func (x *exchange) failed(ctx context.Context, err error) error {
	kind := failure(ctx, x.target, err)
	var closed *client.ClosedError
	switch {
	case is[timeoutError](kind) && x.response != nil:
		kind = x.late(kind)
	case errors.As(err, &closed) && closed.Received == 0 && x.target.process == nil && !is[interrupted](kind):
		kind = withHint(kind, "php-fpm does that when listen.allowed_clients does not name this machine, or when a worker dies: see its log")
	}
	return kind
}

// late says how far the application had come.
func (x *exchange) late(err error) error {
	_, stderr := x.response.Stderr()
	var idle *client.TimeoutError
	switch {
	case x.answer.size > 0:
		err = timeoutError{fmt.Errorf("%w; %d bytes of the body had come", err, x.answer.size)}
	case x.answer.header != nil && x.answer.header.BodyStart() > 0:
		err = timeoutError{fmt.Errorf("%w; the response header had come", err)}
	case stderr > 0:
		err = timeoutError{fmt.Errorf("%w; only STDERR had come", err)}
	case errors.As(err, &idle) && idle.Received > 0:
		return withHint(err, "-v shows what it sent")
	case x.target.process != nil:
		return withHint(err, "does it serve FastCGI on the listening socket that is its descriptor 0?")
	default:
		return withHint(err, "it takes connections but does not answer: all workers may be busy (pm.max_children), or the script is slow")
	}
	return err
}
