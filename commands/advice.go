package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// hint says what to do about an answer that is complete, "" if nothing.
func (x *exchange) hint() string { return advice(x.facts(), diagnose.Likely) }

// advice is the hint of the best verdict that is sure enough, "" if there is
// none.
func advice(f *diagnose.Facts, least diagnose.Confidence) string {
	verdicts := diagnose.Diagnose(f)
	if len(verdicts) == 0 || verdicts[0].Class == diagnose.Caution || verdicts[0].Confidence < least {
		return ""
	}
	return verdicts[0].Hint
}

// facts is what is known about the request and its answer, so far.
func (x *exchange) facts() *diagnose.Facts {
	f := &diagnose.Facts{Addr: x.target.addr, Sent: true, Params: x.request.Params, StdinRecords: 1, First: -1, Total: -1, After: -1}
	r := &f.Request
	r.Role = max(x.request.Role, wire.Responder)
	r.ParamsEnded, r.StdinEnded = true, !x.request.NoStdinEnd
	r.Method, _ = f.Param("REQUEST_METHOD")
	r.ContentLength = -1
	if v, ok := f.Param("CONTENT_LENGTH"); ok && len(v) > 0 {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < 0 {
			n = -2
		}
		r.ContentLength = n
	}
	r.Stdin = max(0, x.bodySize)
	r.Complete, r.AppStatus, r.ProtocolStatus = x.ended, x.end.AppStatus, x.end.Status
	if x.response != nil {
		f.Stderr, r.Stderr = x.response.Stderr()
	}
	if h := x.answer.header; h != nil {
		f.Header, f.Problem, f.HeaderDone = h.Bytes()[:h.BodyStart()], h.Problem(), true
		f.BodyBytes = x.answer.size
		r.Status, r.Stdout = h.Status(), int64(h.BodyStart())+x.answer.size
	}
	f.Received = r.Stdout + r.Stderr
	return f
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
		f := x.facts()
		f.Close, _ = howEnded(err)
		kind = withHint(kind, advice(f, diagnose.Possible))
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
		f := x.facts()
		f.Timeout, f.Close = true, flow.CloseByServer
		return withHint(err, advice(f, diagnose.Possible))
	}
	return err
}
