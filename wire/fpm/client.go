package fpm

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// The paths that pools are usually configured with.
const (
	DefaultStatusPath = "/status" // pm.status_path
	DefaultPingPath   = "/ping"   // ping.path
)

const (
	defaultIdle = 5 * time.Second // a pool that has a worker free answers at once
	maxAnswer   = 16 << 20        // bytes; a worker takes at most 1.3 KB of the full status
)

// A Client asks one pool. Each question has a connection of its own, which is
// closed with the answer: a kept one would occupy a worker. Its methods may be
// called concurrently.
type Client struct {
	// Dial connects to the pool. It is needed.
	Dial func(ctx context.Context) (net.Conn, error)
	// StatusPath is pm.status_path of the pool; "" is DefaultStatusPath.
	StatusPath string
	// PingPath is ping.path of the pool; "" is DefaultPingPath.
	PingPath string
	// Idle is how long the pool may be silent before it counts as busy; 0 is 5
	// s, less is no limit.
	Idle time.Duration
	// Observe is told every byte of the conversations; nil is nobody.
	Observe client.Observer
}

// Ping asks for ping.path and returns what the pool answers (ping.response,
// usually "pong"). It needs a worker, but neither PHP nor the lock of the status
// page. An error is an *Error, or that of ctx if it was cancelled.
func (c *Client) Ping(ctx context.Context) (response string, err error) {
	path := cmp.Or(c.PingPath, DefaultPingPath)
	a, err := c.get(ctx, path, "")
	if err != nil {
		return "", err
	}
	if !a.isOurs() && a.body != "pong" {
		return "", a.foreign()
	}
	return a.body, nil
}

// Status asks for pm.status_path; full is with every worker. An error is an
// *Error, or that of ctx if it was cancelled.
func (c *Client) Status(ctx context.Context, full bool) (*Status, error) {
	path, query := cmp.Or(c.StatusPath, DefaultStatusPath), "json"
	if full {
		query = "json&full"
	}
	a, err := c.get(ctx, path, query)
	if err != nil {
		return nil, err
	}
	if kind, _, _ := strings.Cut(a.field("Content-Type"), ";"); kind != "application/json" {
		return nil, a.foreign()
	}
	s, err := ParseStatus([]byte(a.body))
	if err != nil {
		return nil, &Error{Kind: BadStatus, Path: path, Body: a.body, Err: err}
	}
	return s, nil
}

// An answer is one with status 200.
type answer struct {
	path   string
	header *cgi.Header
	body   string
}

// isOurs reports whether the header is the one that php-fpm gives to the pages
// that it answers by itself.
func (a *answer) isOurs() bool {
	return a.field("Expires") == "Thu, 01 Jan 1970 00:00:00 GMT" &&
		a.field("Cache-Control") == "no-cache, no-store, must-revalidate, max-age=0"
}

func (a *answer) field(name string) string {
	value, _ := a.header.Get(name)
	return string(value)
}

func (a *answer) foreign() error {
	return &Error{Kind: NotFPM, Path: a.path, HTTPStatus: a.header.Status(), Body: a.body}
}

// get sends a GET request for a page of php-fpm itself. SCRIPT_NAME chooses the
// page; SCRIPT_FILENAME has to be there, too.
func (c *Client) get(ctx context.Context, path, query string) (*answer, error) {
	uri := (&url.URL{Path: path, RawQuery: query}).RequestURI()
	params, err := (&cgi.Request{URL: uri, Root: "/", Script: path}).Params()
	if err != nil {
		return nil, err
	}
	nc, err := c.Dial(ctx)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	idle := c.Idle
	if idle == 0 {
		idle = defaultIdle
	}
	var received atomic.Int64
	conn := client.NewConn(nc, client.Options{
		Idle: idle, MaxStdout: maxAnswer,
		Observe: func(dir wire.Direction, at time.Time, p []byte) {
			if dir == wire.ToServer {
				received.Add(int64(len(p)))
			}
			if c.Observe != nil {
				c.Observe(dir, at, p)
			}
		},
	})
	defer conn.Close()
	r, err := conn.Do(ctx, client.Request{Params: params})
	if err != nil {
		return nil, exchangeError(ctx, path, 0, err)
	}
	a, err := readAnswer(r, path)
	if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
		return nil, exchangeError(ctx, path, received.Load(), err)
	}
	return a, err
}

func readAnswer(r *client.Response, path string) (*answer, error) {
	header, err := r.Header()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Stdout)
	if err != nil {
		return nil, err
	}
	end, err := r.Wait()
	if err != nil {
		return nil, err
	}
	a := &answer{path: path, header: header, body: string(body)}
	e := &Error{Path: path, HTTPStatus: header.Status(), Body: a.body}
	stderr, _ := r.Stderr()
	e.Stderr = string(stderr)
	switch {
	case end.Status != wire.RequestComplete:
		e.Kind, e.Err = NotFPM, errors.New("protocolStatus "+end.Status.String())
	case header.Err() != nil:
		e.Kind, e.Err = NotFPM, header.Err()
	case e.HTTPStatus == 404 && (strings.HasPrefix(a.body, "File not found.") || strings.Contains(e.Stderr, "Primary script unknown")):
		e.Kind = NotConfigured
	case e.HTTPStatus == 403 && strings.HasPrefix(a.body, "Access denied."):
		e.Kind = Denied
	case e.HTTPStatus != 200:
		e.Kind = NotFPM
	default:
		return a, nil
	}
	return nil, e
}
