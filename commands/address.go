package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A target is the application that a command talks to: at an address of a
// network, built into this program, started for the command, or looked for.
//
//	t, err := parseTarget(s)
//	t, err = t.open(ctx, env, limit)
//	defer t.close()
//	conn, err := t.dial(ctx, env, limit) // as often as wanted
type target struct {
	addr    transport.Addr
	app     *server.App  // app:NAME
	command string       // exec:COMMAND
	words   []string     // of the command
	auto    bool         // look for php-fpm
	process *process     // that open has started
	taken   *atomic.Bool // whether there was a connection, which fd:N has one of
}

// String returns the address as it was understood.
func (t target) String() string {
	switch {
	case t.app != nil:
		return "app:" + t.app.Name
	case t.words != nil:
		return "exec:" + t.command
	case t.auto:
		return "auto"
	}
	return t.addr.String()
}

// parseTarget reads ADDR. Nothing is started or looked for yet.
func parseTarget(s string) (target, error) {
	kind, rest, _ := strings.Cut(s, ":")
	number := rest != "" && strings.Trim(rest, "0123456789") == ""
	switch {
	case s == "auto":
		return target{auto: true}, nil
	case kind == "exec" && !number:
		return startable(rest)
	case kind == "app" && !number:
		return builtIn(rest)
	case (kind == "http" || kind == "https") && strings.HasPrefix(rest, "//"):
		return target{}, withHint(usagef("address %q: FastCGI is spoken to the application, not to the web server", s),
			"give the application's address first, then the URL: fcgiscope request 127.0.0.1:9000 "+s)
	}
	addr, err := transport.ParseAddr(s)
	if err != nil {
		return target{}, withHint(usageError{err}, nearAddress(s))
	}
	t := target{addr: addr}
	if addr.Network == "fd" {
		t.taken = new(atomic.Bool)
	}
	return t, nil
}

// addressHint is for what is no address at all.
const addressHint = "an address is such as 127.0.0.1:9000, 9000, /run/php/php-fpm.sock or app:echo; fcgiscope request --help lists all forms"

// kinds are the words that addresses begin with, as they are completed too.
var kinds = []struct{ word, help string }{
	{"unix:", "a Unix socket; the path alone does too"},
	{"tcp:", "HOST:PORT"},
	{"app:", "an application that is built in"},
	{"exec:", "a command, started with its listening socket on descriptor 0"},
	{"fd:", "a connected socket that is an inherited descriptor"},
	{"auto", "look for php-fpm"},
}

// nearAddress says what an address that is none may have been meant to be.
func nearAddress(s string) string {
	if s == "" {
		return addressHint
	}
	kind, rest, found := strings.Cut(s, ":")
	switch kind {
	case "http", "https", "fcgi", "fastcgi", "unix", "tcp", "app", "exec", "fd":
		if after, url := strings.CutPrefix(rest, "//"); url && after != "" {
			return "without //: " + after
		}
		return ""
	}
	var words []string
	for _, k := range kinds {
		words = append(words, strings.TrimSuffix(k.word, ":"))
	}
	near := wire.Nearest(kind, words)
	switch {
	case near == "":
		return ""
	case !found && near != "auto", found && near == "auto":
		return ""
	case !found:
		return "did you mean " + near + "?"
	}
	return "did you mean " + near + ":" + rest + "?"
}

// startable reads the command of exec:.
func startable(command string) (target, error) {
	words, err := splitCommand(command)
	if err != nil {
		return target{}, withHint(usagef("address exec:%s: %w", command, err), "to have a shell do it: exec:sh -c '…', with exec in front of the command in it")
	}
	if len(words) == 0 || words[0] == "" {
		return target{}, withHint(usagef("address exec: has no command"), "the command is part of the address, in quotes: 'exec:php-cgi -d memory_limit=1G'")
	}
	return target{command: command, words: words}, nil
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

// open makes the target ready for dial: it starts the application of exec:,
// and finds the one that auto is. limit is that of a connection. The target
// that it returns has to be closed.
func (t target) open(ctx context.Context, env *Env, limit time.Duration) (target, error) {
	var err error
	switch {
	case t.auto:
		t.addr, err = findPHP(ctx, env, limit)
		t.auto = false
	case t.words != nil:
		t.process, err = startProcess(env, t.words)
		if err == nil {
			t.addr = t.process.addr
		}
	}
	return t, err
}

// close ends what open has started, and waits for it. Connections of the target
// should be closed before.
func (t target) close() {
	if t.process != nil {
		t.process.close()
	}
}

// dial connects to the target; limit is how long that may take, 0: as long as
// ctx lasts.
func (t target) dial(ctx context.Context, env *Env, limit time.Duration) (net.Conn, error) {
	if t.app != nil {
		return dialApp(ctx, t.app), nil
	}
	if t.taken != nil && t.taken.Swap(true) {
		return nil, connectError{fmt.Errorf("connect to %v: the descriptor is one connection, and that was used", t)}
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
	if died := t.ended(ctx); died != nil {
		return nil, died.kind()
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

// dialer returns dial for who wants to connect by themselves.
func (t target) dialer(env *Env, limit time.Duration) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return t.dial(ctx, env, limit) }
}

// ended is not nil if the application was started for us, and has ended by
// itself.
func (t target) ended(ctx context.Context) *endedError {
	if t.process == nil {
		return nil
	}
	how, ok := t.process.died(ctx)
	if !ok {
		return nil
	}
	return &endedError{t, how}
}

// An endedError says that an application that was started for us has ended.
type endedError struct {
	target target
	how    string // such as "exit status 1"
}

// kind is the error with its exit code and what to do about it.
func (e *endedError) kind() error {
	return withHint(peerError{e}, "it has to serve FastCGI on the listening socket that is its descriptor 0, and to stay in the foreground")
}

func (e *endedError) Error() string {
	return fmt.Sprintf("%v: the application ended without an answer: %s", e.target, e.how)
}

// dialHint says what to do, with the command that does it.
func dialHint(e *transport.DialError) string {
	if e.Reason == transport.Permission {
		return "try it with sudo, or as a member of the socket's group (ls -l shows it, often www-data)"
	}
	// Who types a URL without its scheme names a Unix socket.
	host, _, found := strings.Cut(e.Addr.Address, "/")
	if e.Reason == transport.NotFound && e.Addr.Network == "unix" && found && strings.Contains(host, ":") {
		if near := nearAddress(e.Addr.Address); near != "" {
			return near
		}
		return fmt.Sprintf("what holds a / is the path of a Unix socket: the address is %s, and the path of a URL not a part of it", host)
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
