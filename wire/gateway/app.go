package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// DefaultBodyTime is App.BodyTime where it is not set.
const DefaultBodyTime = time.Minute

// An App answers requests with a FastCGI application. Only Pool is needed. The
// fields must not be changed after the first request.
//
// Behind http.StripPrefix the application sees the path without the prefix.
type App struct {
	// Pool has the connections to it.
	Pool *client.Pool
	// Preset makes the parameters and says how records are cut; nil is
	// cgi.Default. For roles that the preset does not know that one is used, too.
	Preset *cgi.Preset
	// Server is what the preset needs to know of the web server.
	Server cgi.Server
	// Name is SERVER_NAME; "" is the host that the client asked for.
	Name string
	// Params changes the parameters before they are sent; nil leaves them.
	Params func([]wire.Pair) []wire.Pair
	// Trusted are the proxies whose X-Forwarded-* and Forwarded are passed on.
	Trusted []netip.Prefix
	// MaxBody is the largest body of a request in bytes; larger ones are
	// answered with 413. 0 is no limit.
	MaxBody int64
	// BodyTime is how long to wait for the next byte of a body; 0 means
	// DefaultBodyTime, less no limit.
	BodyTime time.Duration
	// MaxTime is how long all of the answer may take; 0 is no limit.
	MaxTime time.Duration
	// Stderr is told what the application writes to STDERR as it comes; nil is
	// nobody. It may be called by several goroutines at once.
	Stderr func(x *Exchange, p []byte)
}

func (a *App) bodyTime() time.Duration {
	if a.BodyTime == 0 {
		return DefaultBodyTime
	}
	return a.BodyTime
}

// ServeHTTP asks the application, as RESPONDER. See FastCGI 1.0, section 6.2.
//
// A server that ends requests cancels the context of http.Server.BaseContext with
// a cause, which the log is told, such as "the gateway ended"; without one it is
// taken for the client that went away.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, x := Begin(r)
	a.answer(w, r, x, question{role: wire.Responder})
}

// A question is what an application is asked.
type question struct {
	role     wire.Role
	data     io.Reader // of a FILTER
	size     int64     // of data
	modified time.Time
}

// answer asks the application and passes its answer on.
func (a *App) answer(w http.ResponseWriter, r *http.Request, x *Exchange, q question) {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		x.refuse(w, http.StatusMethodNotAllowed, "the method "+r.Method+" is not for applications")
		return
	}
	body, err := a.body(w, r)
	if err != nil {
		a.bodyFailed(w, r, x, err)
		return
	}
	defer body.close()
	ctx := r.Context()
	if a.MaxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.MaxTime)
		defer cancel()
	}
	resp, err := a.ask(ctx, r, x, q, body)
	if err != nil {
		a.notAsked(w, r, x, err)
		return
	}
	if body.stream != nil {
		x.stream = body.stream
		// HTTP/1.1: go on reading the body while the answer is written.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	x.Asked = true
	defer a.over(x, resp, body)
	a.forward(w, r, x, resp)
}

// ask sends a request.
func (a *App) ask(ctx context.Context, r *http.Request, x *Exchange, q question, body *body) (*client.Response, error) {
	preset := a.Preset
	if preset == nil || !slices.Contains(preset.Roles, q.role) {
		preset = cgi.Default()
	}
	params, err := a.params(preset, r, x, q, body.size)
	if err != nil {
		return nil, err
	}
	req := client.Request{Role: q.role, Params: params, Layout: layout(preset), Data: q.data}
	if body.Reader != nil {
		req.Stdin = body.Reader
	}
	if a.Stderr != nil {
		req.Stderr = &stderr{a, x}
	}
	return a.Pool.Do(ctx, req)
}

// A stderr passes STDERR on.
type stderr struct {
	a *App
	x *Exchange
}

func (s *stderr) Write(p []byte) (int, error) {
	s.a.Stderr(s.x, p)
	return len(p), nil
}

func layout(s *cgi.Preset) *client.Layout {
	l := s.Layout
	if l.Pad == nil && l.Params == 0 && l.Body == 0 && !l.SplitPairs && !l.WriteEach {
		return nil
	}
	return &client.Layout{Pad: l.Pad, Params: l.Params, Body: l.Body, SplitPairs: l.SplitPairs, WriteEach: l.WriteEach}
}

// params are those of the request.
func (a *App) params(preset *cgi.Preset, r *http.Request, x *Exchange, q question, size int64) ([]wire.Pair, error) {
	if err := malformedLine(r); err != nil {
		return nil, err
	}
	s := &x.Script
	c := cgi.Request{
		Role: q.role, Method: r.Method, URL: requestURI(r), Protocol: r.Proto, Root: s.Root,
		Header: a.passed(r), ContentLength: size, Server: a.Server, DataLength: q.size, DataModified: q.modified,
	}
	switch {
	case s.How == Index && !scripted(r.URL.Path, s.Name):
		c.Index = s.Name[strings.LastIndexByte(s.Name, '/')+1:]
		c.Split = extension(s.Name)
	case s.How == Fallback && !scripted(r.URL.Path, s.Name):
		c.Front, c.Split = s.Name, extension(s.Name)
	default:
		c.Script = s.File
	}
	c.RemoteAddr, c.RemotePort = remote(r)
	c.ServerAddr, c.ServerPort = local(r)
	if c.ServerName = a.Name; c.ServerName == "" {
		c.ServerName, _ = splitPort(r.Host)
	}
	if r.TLS != nil {
		c.URL = "https://" + r.Host + c.URL
	}
	pairs, err := preset.Pairs(&c)
	if err == nil && (len(x.Variables) > 0 || a.Params != nil) {
		if len(x.Variables) > 0 {
			pairs = cgi.Override(pairs, x.Variables)
		}
		if a.Params != nil {
			pairs = a.Params(pairs)
		}
		err = cgi.Check(pairs)
	}
	if err == nil && !preset.Layout.SplitPairs {
		err = fit(pairs)
	}
	return pairs, err
}

// fit refuses parameters that do not fit into a record: php-fpm ends the
// connection when one goes on in the next.
func fit(pairs []wire.Pair) error {
	for i := range pairs {
		if n := pairs[i].Len(); n > wire.MaxContent {
			return &cgi.ParamError{Name: "PARAMS", Why: fmt.Sprintf("%s takes %d bytes, and a record holds %d", pairs[i].Name, n, wire.MaxContent)}
		}
	}
	return nil
}

// scripted reports whether the path has the extension of a script in it, so that
// looking at the path alone could find another script than name.
func scripted(path, name string) bool { return strings.Contains(path, extension(name)) }

func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return name
}

// requestURI is the path and the query as the client sent them; where a handler
// in front has changed them, as http.StripPrefix does, they are those of r.URL,
// which is where the script was looked for.
func requestURI(r *http.Request) string {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") || query != r.URL.RawQuery {
		return r.URL.RequestURI()
	}
	if path != r.URL.Path {
		if decoded, err := url.PathUnescape(path); err != nil || decoded != r.URL.Path {
			return r.URL.RequestURI()
		}
	}
	return r.RequestURI
}

// over waits until nobody uses the request any more, and keeps what is to be
// known of it.
func (a *App) over(x *Exchange, resp *client.Response, body *body) {
	_ = resp.Close()
	if body.stream != nil {
		body.stream.stopIfUnread()
	}
	_ = resp.WaitSent(context.Background())
	x.note(resp)
}

// note keeps what is to be logged of an answer.
func (x *Exchange) note(resp *client.Response) {
	times := resp.Times()
	x.Queue = times.Begin.Sub(x.Began)
	if !times.First.IsZero() {
		x.First = times.First.Sub(times.Begin)
	}
	_, x.Stderr = resp.Stderr()
}

// bodyFailed answers for a body that did not come, or not in time, or not in
// measure.
func (a *App) bodyFailed(w http.ResponseWriter, r *http.Request, x *Exchange, err error) {
	var own *spoolError
	switch {
	case errors.Is(err, errTooLarge):
		x.refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("%v: %d bytes", err, a.MaxBody))
	case errors.Is(err, errSlowBody):
		x.fail(w, http.StatusRequestTimeout, fmt.Sprintf("%v: %v", err, a.bodyTime()))
	case errors.As(err, &own):
		x.fail(w, http.StatusInternalServerError, err.Error())
	case malformed(r, err):
		x.refuse(w, http.StatusBadRequest, "the body cannot be read: "+err.Error())
	default:
		x.fail(w, statusClientGone, "the client ended in the middle of the body")
		panic(http.ErrAbortHandler)
	}
}

// malformed reports whether a body broke off by what is in it, and not because
// the client went away. The server of HTTP/2 resets the stream of a body that is
// longer than its content-length, which looks as if the client had gone, and has
// no type for the error that says so.
func malformed(r *http.Request, err error) bool {
	if r.ProtoMajor > 1 {
		return strings.Contains(err.Error(), "declared") && strings.Contains(err.Error(), "Content-Length")
	}
	var gone net.Error
	return r.Context().Err() == nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &gone)
}
