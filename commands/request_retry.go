package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A passingError says that the application answered, but that the answer may be
// another one in a moment. Nothing of it was printed.
type passingError struct{ status int }

func (e passingError) Error() string { return fmt.Sprintf("HTTP status %d", e.status) }

// passing are the HTTP statuses that curl's --retry takes for transient.
var passing = []int{408, 429, 500, 502, 503, 504}

// repeatable are the methods that may be sent twice. See RFC 9110, section
// 9.2.2.
var repeatable = []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}

// mayRetry reports whether x, which failed with err, is worth sending again.
func (o *retrying) mayRetry(x *exchange, err error) bool {
	var dial *transport.DialError
	switch {
	case err == nil || x.answer.printed || is[interrupted](err):
		return false
	case o.all:
		return true
	case errors.As(err, &dial):
		switch dial.Reason {
		case transport.Timeout, transport.NoHost, transport.Backlog:
			return true
		case transport.Refused, transport.NotFound:
			return o.refused
		}
		return false
	case !x.repeatable():
		return false
	}
	return is[timeoutError](err) || is[passingError](err) || x.ended && x.end.Status == wire.Overloaded
}

// repeatable reports whether the method of the request may be repeated.
func (x *exchange) repeatable() bool {
	method, _ := wire.Lookup(x.request.Params, "REQUEST_METHOD")
	return slices.Contains(repeatable, string(method))
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
