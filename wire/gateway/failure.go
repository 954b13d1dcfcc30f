package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// notAsked answers for a request that was not sent.
func (a *App) notAsked(w http.ResponseWriter, r *http.Request, x *Exchange, err error) {
	var param *cgi.ParamError
	if errors.As(err, &param) {
		status := http.StatusBadRequest
		if param.Name == "PARAMS" {
			status = http.StatusRequestHeaderFieldsTooLarge
		}
		x.refuse(w, status, fmt.Sprintf("%s: %s", param.Name, param.Why))
		return
	}
	a.failed(w, r, x, err)
}

// failed answers for an application that did not: with the status that says
// whose failure it is.
func (a *App) failed(w http.ResponseWriter, r *http.Request, x *Exchange, err error) {
	if x.stream != nil {
		// To net/http a client that sends nothing is one that has gone.
		if r.Context().Err() != nil {
			x.stream.settle()
		}
		if bodyErr := x.stream.failure(); bodyErr != nil {
			a.bodyFailed(w, r, x, bodyErr)
			return
		}
	}
	if r.Context().Err() != nil {
		if cause := causeOf(r); cause != nil {
			x.fail(w, http.StatusServiceUnavailable, cause.Error()+" before the answer")
			return
		}
		x.fail(w, statusClientGone, "the client closed the connection before the answer")
		panic(http.ErrAbortHandler)
	}
	status, why := statusOf(err)
	if errors.Is(err, context.DeadlineExceeded) && a.MaxTime > 0 {
		why = fmt.Sprintf("the application is not done after %v", a.MaxTime)
	}
	x.fail(w, status, why)
}

// causeOf returns why the server has ended a request; nil if it was the client,
// which net/http tells by a context that is cancelled without a cause.
func causeOf(r *http.Request) error {
	if cause := context.Cause(r.Context()); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// statusOf says what an error of an application is to the client, and to the log.
func statusOf(err error) (status int, why string) {
	var (
		dial *transport.DialError
		idle *client.TimeoutError
		late interface{ Timeout() bool }
	)
	why = strings.TrimPrefix(strings.TrimPrefix(err.Error(), "client: "), "transport: ")
	switch {
	case errors.As(err, &dial):
		switch dial.Reason {
		case transport.Timeout:
			return http.StatusGatewayTimeout, why
		case transport.Backlog:
			return http.StatusServiceUnavailable, why
		}
	case errors.As(err, &idle):
		return http.StatusGatewayTimeout, "the application hangs: " + why
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return http.StatusGatewayTimeout, why
	case errors.Is(err, client.ErrClosed), errors.Is(err, net.ErrClosed):
		return http.StatusServiceUnavailable, "the gateway is ending"
	}
	return http.StatusBadGateway, why
}
