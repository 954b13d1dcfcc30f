package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// HTTP returns a handler that answers with h, as a RESPONDER. Bodies are
// streamed both ways; the http.ResponseWriter flushes. The body ends after
// CONTENT_LENGTH bytes, and with io.ErrUnexpectedEOF if it is shorter. Params
// that make no HTTP request are answered with 400.
func HTTP(h http.Handler) Handler {
	return func(ctx context.Context, x *Exchange) {
		req, err := NewHTTPRequest(x.Params)
		if err != nil {
			x.Respond(http.StatusBadRequest, err.Error())
			return
		}
		req.Body = io.NopCloser(body(x.Stdin, req.ContentLength))
		w := &httpResponse{x: x, header: make(http.Header), head: req.Method == http.MethodHead}
		h.ServeHTTP(w, req.WithContext(context.WithValue(ctx, paramsKey{}, x.Params)))
		w.WriteHeader(http.StatusOK)
		w.sendHeader(nil)
	}
}

type paramsKey struct{}

// HTTPParams returns the parameters of a request that came through HTTP, those
// that are no part of an HTTP request included. They are valid until its
// handler returns. It returns nil for another request.
func HTTPParams(r *http.Request) []wire.Pair {
	params, _ := r.Context().Value(paramsKey{}).([]wire.Pair)
	return params
}

// NewHTTPRequest makes the HTTP request that the parameters stand for, without
// its body. A variable that comes twice counts the last time.
func NewHTTPRequest(params []wire.Pair) (*http.Request, error) {
	get := func(name string) string {
		value, _ := wire.Lookup(params, name)
		return string(value)
	}
	req := &http.Request{Method: get("REQUEST_METHOD"), Proto: get("SERVER_PROTOCOL"), Header: make(http.Header), Close: true}
	if req.Method == "" {
		return nil, errors.New("no REQUEST_METHOD")
	}
	var ok bool
	if req.ProtoMajor, req.ProtoMinor, ok = http.ParseHTTPVersion(req.Proto); !ok {
		req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/1.0", 1, 0
	}
	for _, p := range params {
		// A web server joins headers of one name, so each comes once.
		if name, ok := strings.CutPrefix(string(p.Name), "HTTP_"); ok && name != "" {
			req.Header.Set(strings.ReplaceAll(name, "_", "-"), string(p.Value))
		}
	}
	if t := get("CONTENT_TYPE"); t != "" {
		req.Header.Set("Content-Type", t)
	}
	if n := get("CONTENT_LENGTH"); n != "" {
		length, err := strconv.ParseUint(n, 10, 63)
		if err != nil {
			return nil, fmt.Errorf("CONTENT_LENGTH is %q", n)
		}
		req.ContentLength = int64(length)
	} else {
		req.ContentLength = -1
	}
	req.Host = req.Header.Get("Host")
	req.Header.Del("Host")
	if req.Host == "" {
		req.Host = get("SERVER_NAME")
	}
	if https := get("HTTPS"); https != "" && !strings.EqualFold(https, "off") {
		req.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	req.RemoteAddr = net.JoinHostPort(get("REMOTE_ADDR"), first(get("REMOTE_PORT"), "0"))
	var err error
	req.RequestURI = get("REQUEST_URI")
	if req.RequestURI == "" {
		u := url.URL{Path: get("SCRIPT_NAME") + get("PATH_INFO"), RawQuery: get("QUERY_STRING")}
		req.RequestURI = u.String()
	}
	if req.URL, err = url.ParseRequestURI(first(req.RequestURI, "/")); err != nil {
		return nil, fmt.Errorf("REQUEST_URI: %w", err)
	}
	return req, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// body returns what of r belongs to a body of so many bytes, -1 for all.
func body(r io.Reader, length int64) io.Reader {
	if length < 0 {
		return r
	}
	return &exactReader{r, length}
}

type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// An httpResponse is the http.ResponseWriter of HTTP.
type httpResponse struct {
	x      *Exchange
	header http.Header
	status int  // 0 until WriteHeader
	sent   bool // the header
	head   bool // no body is to be sent
}

func (w *httpResponse) Header() http.Header { return w.header }

// WriteHeader notes the status; a CGI response has no place for an
// informational one.
func (w *httpResponse) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *httpResponse) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.sendHeader(p)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if w.head {
		return len(p), nil
	}
	return w.x.Stdout.Write(p)
}

// sendHeader writes the header, once; body is the beginning of the body.
func (w *httpResponse) sendHeader(body []byte) {
	if w.sent {
		return
	}
	w.sent = true
	// As net/http: an empty list suppresses the guess.
	if _, ok := w.header["Content-Type"]; !ok && len(body) > 0 && w.header.Get("Content-Encoding") == "" {
		w.header.Set("Content-Type", http.DetectContentType(body))
	}
	fmt.Fprintf(w.x.Stdout, "Status: %d %s\r\n", w.status, http.StatusText(w.status))
	w.header.Write(w.x.Stdout)
	io.WriteString(w.x.Stdout, "\r\n")
}

func (w *httpResponse) Flush() { w.FlushError() }

// FlushError is what http.ResponseController calls.
func (w *httpResponse) FlushError() error {
	w.WriteHeader(http.StatusOK)
	w.sendHeader(nil)
	return w.x.Flush()
}
