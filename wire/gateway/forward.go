package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// forward passes an answer on to the client.
func (a *App) forward(w http.ResponseWriter, r *http.Request, x *Exchange, resp *client.Response) {
	header, err := resp.Header()
	if err != nil {
		a.failed(w, r, x, err)
		return
	}
	if why := unusable(header, resp.Stdout); why != "" {
		a.noHeader(w, r, x, resp, header, why)
		return
	}
	a.relay(w, r, x, resp, header)
}

// relay passes an answer on whose header is one.
func (a *App) relay(w http.ResponseWriter, r *http.Request, x *Exchange, resp *client.Response, header *cgi.Header) {
	h := w.Header()
	answerFields(h, header)
	length, err := contentLength(h)
	if err != nil {
		clear(h)
		x.fail(w, http.StatusBadGateway, err.Error())
		return
	}
	if status := header.Status(); status == http.StatusNoContent || status == http.StatusNotModified {
		// There is no body, and what 304 may say of one clients of HTTP/2 wait for.
		delete(h, "Content-Length")
		length = -1
	}
	x.closing(h)
	w.WriteHeader(header.Status())
	a.relayBody(w, r, x, resp, length)
}

// unusable says why a header cannot be the beginning of an answer. body is what
// comes after it.
func unusable(h *cgi.Header, body io.Reader) string {
	switch p := h.Problem(); {
	case p == cgi.NoOutput:
		return "the application wrote no output"
	case p != cgi.OK:
		began := h.Bytes()
		if len(began) == 0 { // all of it is body, and some of that is there
			began = make([]byte, 80)
			n, _ := body.Read(began)
			began = began[:n]
		}
		return fmt.Sprintf("the application wrote no CGI response: %v; it began with %.80q", p, began)
	case h.Status() < 200:
		return fmt.Sprintf("the application answered with Status %d, which is no answer", h.Status())
	}
	return ""
}

// noHeader answers for an application whose output is no answer. How its
// request ended says more.
func (a *App) noHeader(w http.ResponseWriter, r *http.Request, x *Exchange, resp *client.Response, h *cgi.Header, why string) {
	status := http.StatusBadGateway
	if h.Problem() == cgi.NoOutput {
		end, err := resp.Wait()
		if err != nil {
			a.failed(w, r, x, err)
			return
		}
		x.End = &end
		switch {
		case end.Status == wire.Overloaded:
			status, why = http.StatusServiceUnavailable, "the application refuses the request: OVERLOADED"
		case end.Status != wire.RequestComplete:
			why = fmt.Sprintf("the application refuses the request: %v", end.Status)
		default:
			why += fmt.Sprintf(", appStatus %d", end.AppStatus)
		}
	}
	x.fail(w, status, why)
}

// contentLength returns what an answer says of its size, -1 where it says
// nothing.
func contentLength(h http.Header) (int64, error) {
	values := h["Content-Length"]
	if len(values) == 0 {
		return -1, nil
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	for _, v := range values[1:] {
		if v != values[0] {
			err = errors.New("")
		}
	}
	if err != nil {
		return -1, fmt.Errorf("the application wrote a Content-Length that is none: %.80q", values)
	}
	h["Content-Length"] = values[:1]
	return int64(n), nil
}

// relayBody passes the body on, and sees to it that an answer that is not complete
// does not look as if it were.
func (a *App) relayBody(w http.ResponseWriter, r *http.Request, x *Exchange, resp *client.Response, length int64) {
	var n int64
	var err, unsent error
	if r.Method != http.MethodHead {
		out := newRelay(w, resp, length)
		n, err = resp.Stdout.(io.WriterTo).WriteTo(out)
		unsent = out.close()
	} else {
		_ = http.NewResponseController(w).Flush()
	}
	if errors.Is(unsent, http.ErrBodyNotAllowed) { // 204, 304
		unsent, err = nil, nil
	}
	var end wire.EndRequest
	if err == nil {
		if end, err = resp.Wait(); err == nil {
			x.End = &end
		}
	}
	var closed *client.ClosedError
	switch {
	case unsent == nil && r.Context().Err() != nil && length >= 0 && n >= length:
		return // all of it is on its way, and the client does not wait for the application to end
	case unsent != nil, r.Context().Err() != nil:
		if x.Why = whyUnsent(unsent); causeOf(r) != nil {
			x.Why = causeOf(r).Error() + " before the end of the answer"
		}
	case errors.As(err, &closed) && length >= 0 && n >= length:
		_, x.Why = statusOf(err)
		return // all of it is there
	case err != nil:
		_, x.Why = statusOf(err)
	case r.Method != http.MethodHead && n < length:
		x.Why = fmt.Sprintf("the application wrote %d bytes, %d less than its Content-Length", n, length-n)
	default:
		switch {
		case end.Status != wire.RequestComplete:
			x.Why = fmt.Sprintf("the application answered and then said %v", end.Status)
		case length >= 0 && n > length:
			x.Why = fmt.Sprintf("the application wrote %d bytes more than its Content-Length of %d: they are left out", n-length, length)
		}
		return
	}
	x.Cut = true
	_ = http.NewResponseController(w).Flush() // what there is
	panic(http.ErrAbortHandler)
}

// flushTime is how long a piece of an answer waits for the next before it is
// sent: applications write their output and its end one after the other.
const flushTime = time.Millisecond

// A relay writes an answer and does not let what it has wait for more.
type relay struct {
	resp  *client.Response
	mu    sync.Mutex
	w     http.ResponseWriter // nil: it is over
	left  int64               // bytes that the answer may still have; less than 0: nobody knows
	rc    http.ResponseController
	timer *time.Timer
	armed bool
	err   error // the first of writing to w
}

var relays = sync.Pool{New: func() any {
	o := new(relay)
	o.timer = time.AfterFunc(time.Hour, o.flush)
	o.timer.Stop()
	return o
}}

func newRelay(w http.ResponseWriter, resp *client.Response, length int64) *relay {
	o := relays.Get().(*relay)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.resp, o.w, o.rc, o.left, o.err = resp, w, *http.NewResponseController(w), length, nil
	o.arm() // the header is not to wait either
	return o
}

// Write implements io.Writer.
func (o *relay) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	piece := p
	if o.left >= 0 {
		piece = p[:min(int64(len(p)), o.left)]
		o.left -= int64(len(piece))
	}
	if len(piece) > 0 {
		if n, err := o.w.Write(piece); err != nil {
			o.fail(err)
			return n, err
		}
	}
	o.arm()
	return len(p), nil // what is too much is left out
}

// fail keeps the first error: what fails after it does because of it. With mu.
func (o *relay) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// arm sees to it that what was written is sent, unless there is more, or the end,
// at once. With mu.
func (o *relay) arm() {
	if !o.armed && !o.resp.Ready() {
		o.armed = true
		o.timer.Reset(flushTime)
	}
}

func (o *relay) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = false
	if o.w != nil {
		if err := o.rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			o.fail(err)
		}
	}
}

// close ends the flushing, and returns what went wrong with the client; the
// relay is not to be used any more.
func (o *relay) close() error {
	o.mu.Lock()
	err := o.err
	if o.armed {
		o.timer.Stop()
	}
	o.resp, o.w, o.rc, o.armed = nil, nil, http.ResponseController{}, false
	o.mu.Unlock()
	relays.Put(o)
	return err
}
