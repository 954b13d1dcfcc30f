package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An Exchange is what the handlers of a chain know of a request, and what there
// is to log of it. It belongs to the goroutine that serves the request, and
// after that to whom Front.Done gives it.
type Exchange struct {
	Request *http.Request
	Began   time.Time

	// Script is what an App is to run; a Site sets it. The zero value leaves it
	// to the path.
	Script Script
	// Variables are further parameters for the application: those that an
	// authorizer wants. See FastCGI 1.0, section 6.3.
	Variables []wire.Pair

	// What became of it.

	Status int           // of the answer; 499: the client went before there was one
	Bytes  int64         // of the answer's body that were written
	Took   time.Duration // set at the end

	// Of the application, if one was asked for the answer.

	Asked  bool
	End    *wire.EndRequest // nil if it did not come
	Stderr int64            // bytes of STDERR
	Queue  time.Duration    // until there was a place and a connection
	First  time.Duration    // from there to the first record of the answer; 0 if none came

	// Why says what went wrong, "" if nothing did. It is for the log: the client
	// is told the status only.
	Why string
	// Refused is that Why is about what the client asked for.
	Refused bool
	stream  *patientReader // the body, where it is passed on as it comes

	// Cut is that the answer broke off after it had begun.
	Cut bool
}

// A Script is what an application runs.
type Script struct {
	File string // its path in the file system, absolute; "" where there is none
	Name string // its path below the root, with a slash in front
	Info string // PATH_INFO: what follows it in the path, "" or with a slash in front
	Root string // DOCUMENT_ROOT
	How  How
}

// A How says in which way a path came to its script.
type How uint8

// The ways.
const (
	Direct   How = iota // the path names it
	Index               // the path is that of its directory
	Fallback            // the path names nothing, and it answers for that
	Fixed               // it answers everything
)

type exchangeKey struct{}

// An exchangeContext is the context of a request that has an Exchange.
type exchangeContext struct {
	context.Context
	x Exchange
}

// Value implements context.Context.
func (c *exchangeContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return &c.x
	}
	return c.Context.Value(key)
}

// Begin returns the Exchange of a request. Who is the first to ask makes it, and
// passes the request that Begin returns on.
func Begin(r *http.Request) (*http.Request, *Exchange) {
	if x, ok := r.Context().Value(exchangeKey{}).(*Exchange); ok {
		return r, x
	}
	c := &exchangeContext{Context: r.Context(), x: Exchange{Began: time.Now()}}
	r = r.WithContext(c)
	c.x.Request = r
	return r, &c.x
}

// statusClientGone is nginx's for a client that did not wait.
const statusClientGone = 499

// fail answers with a status and nothing that the client need not know. why is
// for the log.
func (x *Exchange) fail(w http.ResponseWriter, status int, why string) {
	x.Status, x.Why = status, why
	if status == statusClientGone {
		return
	}
	h := w.Header()
	allow := h["Allow"]
	clear(h)
	if status == http.StatusMethodNotAllowed {
		h["Allow"] = allow // which RFC 9110, section 15.5.6, demands
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	switch status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		h.Set("Connection", "close") // what follows is not read
	}
	x.closing(h)
	w.WriteHeader(status)
	if x.Request == nil || x.Request.Method != http.MethodHead {
		_, _ = w.Write([]byte(http.StatusText(status) + "\n"))
	}
}

// closing says that the connection is not kept if not all of a body that is
// passed on has been read by now.
func (x *Exchange) closing(h http.Header) {
	if x.stream != nil && x.stream.unread() {
		h.Set("Connection", "close")
	}
}

// refuse is fail for what a client should not have asked for.
func (x *Exchange) refuse(w http.ResponseWriter, status int, why string) {
	x.Refused = true
	x.fail(w, status, why)
}
