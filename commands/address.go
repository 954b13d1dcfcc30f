package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A target is the application that a command talks to: at an address of a
// network, or built into this program.
type target struct {
	addr transport.Addr
	app  *server.App // nil: at addr
}

// String returns the address as it was understood.
func (t target) String() string {
	if t.app != nil {
		return "app:" + t.app.Name
	}
	return t.addr.String()
}

// parseTarget reads ADDR.
func parseTarget(s string) (target, error) {
	kind, rest, _ := strings.Cut(s, ":")
	number := rest != "" && strings.Trim(rest, "0123456789") == ""
	switch {
	case s == "auto":
		return target{}, withHint(usagef("address auto: cannot look for php-fpm yet"),
			"its usual addresses are /run/php/php-fpm.sock and 127.0.0.1:9000")
	case kind == "exec" && !number:
		return target{}, withHint(usagef("address %q: cannot start applications yet", s),
			"start it with spawn-fcgi, and give the address that it listens on")
	case kind == "app" && !number:
		return builtIn(rest)
	case (kind == "http" || kind == "https") && strings.HasPrefix(rest, "//"):
		return target{}, withHint(usagef("address %q: FastCGI is spoken to the application, not to the web server", s),
			"give the application's address first, then the URL: fcgiscope request 127.0.0.1:9000 "+s)
	}
	addr, err := transport.ParseAddr(s)
	if err != nil {
		return target{}, usageError{err}
	}
	return target{addr: addr}, nil
}

func builtIn(name string) (target, error) {
	var names []string
	for _, app := range server.Apps() {
		if app.Name == name {
			return target{app: &app}, nil
		}
		names = append(names, app.Name)
	}
	if near := wire.Nearest(name, names); near != "" {
		return target{}, usagef("address app:%s: no such application (did you mean app:%s?)", name, near)
	}
	return target{}, usagef("address app:%s: no such application, there are %s", name, strings.Join(names, ", "))
}

// dial connects to the target; limit is how long that may take, 0: as long as
// ctx lasts.
func (t target) dial(ctx context.Context, env *Env, limit time.Duration) (net.Conn, error) {
	if t.app != nil {
		return dialApp(ctx, t.app), nil
	}
	dialCtx := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		dialCtx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	conn, err := env.Dial(dialCtx, t.addr)
	if err == nil {
		return conn, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	var dial *transport.DialError
	if !errors.As(err, &dial) {
		return nil, connectError{err}
	}
	if dial.Reason == transport.Timeout {
		return nil, withHint(timeoutError{fmt.Errorf("connect to %v: no answer for %v (--connect-timeout)", t, limit)}, dial.Hint())
	}
	return nil, withHint(connectError{err}, dialHint(dial))
}

// dialHint says what to do, with the command that does it.
func dialHint(e *transport.DialError) string {
	if e.Reason == transport.Permission {
		return "try it with sudo, or as a member of the socket's group (ls -l shows it, often www-data)"
	}
	return e.Hint()
}

// dialApp serves app in this process and returns the other end.
func dialApp(ctx context.Context, app *server.App) net.Conn {
	near, far := net.Pipe()
	s := &server.Server{Handler: app.Handler}
	c := &appConn{Conn: near, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		s.ServeConn(ctx, far)
	}()
	return c
}

// An appConn is a connection to an application in this process. Closing it
// waits for the application to be done with it.
type appConn struct {
	net.Conn
	done chan struct{}
}

func (c *appConn) Close() error {
	err := c.Conn.Close()
	<-c.done
	return err
}
