package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/gateway"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// interruptions are signals after the first.
type interruptions = <-chan os.Signal

// gatewayTargets are the applications of a gateway.
type gatewayTargets struct {
	main       target // without --php
	authorizer *target
	filters    []filterTarget
}

type filterTarget struct {
	ext    string
	target target
}

// targets reads the addresses. Nothing is started yet.
func (o *gatewayApp) targets(args []string) (all gatewayTargets, err error) {
	if len(args) > 0 {
		if all.main, err = parseTarget(args[0]); err != nil {
			return all, err
		}
		if m := all.main; o.spawn != "" && (m.app != nil || m.words != nil || m.auto || m.addr.Network == "fd") {
			return all, usagef("gateway: --spawn COMMAND listens by itself: ADDR has to be where, not %v", m)
		}
	}
	if o.authorizer != "" {
		t, err := parseTarget(o.authorizer)
		if err != nil {
			return all, err
		}
		all.authorizer = &t
	}
	for _, s := range o.filters {
		ext, addr, ok := strings.Cut(s, "=")
		if !ok || !strings.HasPrefix(ext, ".") || strings.ContainsAny(ext[1:], "./") || len(ext) < 2 {
			return all, usagef("gateway: --filter %q: want .EXT=ADDR, such as .txt=127.0.0.1:9002", s)
		}
		t, err := parseTarget(addr)
		if err != nil {
			return all, err
		}
		all.filters = append(all.filters, filterTarget{ext, t})
	}
	return all, nil
}

// A backend is an application and the connections to it.
type backend struct {
	target target
	pool   *client.Pool
}

// app returns what asks it, made as all are.
func (b *backend) app(made gateway.App) *gateway.App {
	made.Pool = b.pool
	return &made
}

// mainBackend starts or opens the application for scripts.
func (g *gatewayRun) mainBackend(ctx, life context.Context, t target) (*backend, error) {
	switch {
	case g.o.app.php != "":
		said := &fpmLog{messages: messages{env: g.env, from: "php-fpm"}}
		pool, err := fpm.Launch(ctx, fpm.LaunchOptions{Root: g.o.app.php, Children: int(g.o.app.children), Log: said})
		if err != nil {
			return nil, launchFailure(err)
		}
		g.php = pool
		t = target{addr: pool.Addr()}
		go func() {
			<-pool.Done()
			if life.Err() == nil {
				g.ended(fmt.Errorf("php-fpm has ended: %w", pool.Err()))
			}
		}()
	case g.o.app.spawn != "":
		if err := g.spawn(ctx, life, t); err != nil {
			return nil, err
		}
	}
	b, err := g.open(ctx, life, t)
	if err == nil && b.target.process != nil {
		go g.outlive(life, b.target.process, b.target.String())
	}
	return b, err
}

// An fpmLog shows what php-fpm logs, without its notices: what it has to say of
// requests comes as their STDERR, too.
type fpmLog struct {
	messages
	line []byte
}

func (l *fpmLog) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		l.line = append(l.line, line[:min(len(line), max(maxMessage-len(l.line), 0))]...)
		if line[len(line)-1] != '\n' {
			break
		}
		if !bytes.Contains(l.line, []byte("NOTICE: ")) {
			_, _ = l.messages.Write(l.line)
			l.messages.flush()
		}
		l.line = l.line[:0]
	}
	return len(p), nil
}

// launchFailure is that of php-fpm.
func launchFailure(err error) error {
	if errors.Is(err, fpm.ErrNotInstalled) {
		return withHint(connectError{err}, "install it (Debian: apt install php-fpm), or give the address of one that runs: fcgiscope gateway ADDR --root DIR")
	}
	return connectError{err}
}

// ended says that an application that was started is there no more.
func (g *gatewayRun) ended(err error) {
	select {
	case g.dead <- peerError{err}:
	default:
	}
}

// outlive waits for the end of a process that was started.
func (g *gatewayRun) outlive(life context.Context, p *process, name string) {
	select {
	case <-p.done:
		if life.Err() == nil {
			g.ended(fmt.Errorf("%s: the application has ended: %v", name, p.state))
		}
	case <-life.Done():
	}
}

// How long a command of --spawn may take until it listens, and between two
// looks.
const (
	spawnTime = 10 * time.Second
	spawnPoll = 20 * time.Millisecond
)

// spawn starts the command of --spawn and waits until it listens at t.
func (g *gatewayRun) spawn(ctx, life context.Context, t target) error {
	words, err := splitCommand(g.o.app.spawn)
	if err != nil || len(words) == 0 || words[0] == "" {
		return usagef("gateway: --spawn %q is no command", g.o.app.spawn)
	}
	if c, err := transport.Dial(ctx, t.addr); err == nil {
		c.Close()
		return withHint(connectError{fmt.Errorf("%v: somebody listens there already", t)}, "without --spawn it is used as it is")
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return commandError(words[0], err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	p := &process{copied: make(chan struct{}), done: make(chan struct{})}
	if err := p.run(g.env, path, words, nil); err != nil {
		return err
	}
	g.spawned = p
	name := shellWord(words[0])
	deadline := time.NewTimer(spawnTime)
	defer deadline.Stop()
	tick := time.NewTicker(spawnPoll)
	defer tick.Stop()
	for {
		if c, err := transport.Dial(ctx, t.addr); err == nil {
			c.Close()
			go g.outlive(life, p, name)
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return withHint(peerError{fmt.Errorf("%s ended before it listened on %v: %v", name, t, p.state)}, "it has to stay in the foreground: php-fpm -F")
		case <-deadline.C:
			return withHint(connectError{fmt.Errorf("%s does not listen on %v after %v", name, t, spawnTime)}, "ADDR has to be where the command listens")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// open opens an application. life is how long its connections may last.
func (g *gatewayRun) open(ctx, life context.Context, t target) (*backend, error) {
	t, err := t.open(ctx, g.env, time.Duration(g.o.limits.connect))
	if err != nil {
		return nil, err
	}
	b := &backend{target: t}
	b.pool = &client.Pool{
		MaxIdle: int(g.o.app.keep),
		Options: client.Options{Idle: g.o.limits.idleLimit(), MaxStderr: 1},
		Dial:    func(ctx context.Context) (net.Conn, error) { return g.dial(ctx, life, b) },
	}
	if b.pool.MaxIdle == 0 {
		b.pool.MaxIdle = -1
	}
	g.backends = append(g.backends, b)
	return b, nil
}

// dial connects to an application, watched if anybody wants to.
func (g *gatewayRun) dial(ctx, life context.Context, b *backend) (net.Conn, error) {
	if b.target.app != nil {
		ctx = life // it lasts longer than the request
	}
	c, err := b.target.dial(ctx, g.env, time.Duration(g.o.limits.connect))
	switch {
	case err != nil && is[timeoutError](err):
		return nil, &transport.DialError{Addr: b.target.addr, Reason: transport.Timeout, Err: err}
	case err != nil:
		return nil, err
	case g.watcher == nil:
		return c, nil
	}
	watched := &seenConn{Conn: c, seen: g.watcher.observeDialled(c)}
	if _, ok := c.(syscall.Conn); ok {
		return &seenSocket{watched}, nil
	}
	return watched, nil
}

// observeDialled is observe for a connection that was made by us.
func (w *watcher) observeDialled(nc net.Conn) server.Observer {
	info := &flow.ConnInfo{N: int(w.conns.Add(1) - 1), Fd: -1, Opened: time.Now()}
	if a := nc.RemoteAddr(); a != nil {
		info.Network, info.Server = a.Network(), a.String()
	}
	if a := nc.LocalAddr(); a != nil && info.Network == "tcp" {
		info.Client = a.String()
	}
	return observer{w.Open(info)}
}

// A seenConn is a connection to an application that is watched.
type seenConn struct {
	net.Conn
	seen   server.Observer
	mu     sync.Mutex
	byApp  bool // it was closed by the application, as far as we have read
	closed bool
}

func (c *seenConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.tell(wire.ToServer, p[:n])
	}
	if err == io.EOF {
		c.mu.Lock()
		c.byApp = true
		c.mu.Unlock()
	}
	return n, err
}

func (c *seenConn) Write(p []byte) (int, error) {
	c.tell(wire.ToApp, p) // before the answer to it
	return c.Conn.Write(p)
}

func (c *seenConn) tell(dir wire.Direction, p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.seen.Bytes(dir, time.Now(), p)
	}
}

func (c *seenConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		how := flow.CloseByServer
		if c.byApp {
			how = flow.CloseByApp
		}
		c.seen.Closed(time.Now(), how, nil)
	}
	return err
}

// A seenSocket can be asked whether there is something to read.
type seenSocket struct{ *seenConn }

// SyscallConn implements syscall.Conn.
func (c *seenSocket) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

// ready asks whether the application can be asked.
func (g *gatewayRun) ready(b *backend) func(context.Context) error {
	dial := func(ctx context.Context) (net.Conn, error) {
		return b.target.dial(ctx, g.env, time.Duration(g.o.limits.connect))
	}
	path := g.o.app.status
	if path == "" && g.php == nil {
		return func(ctx context.Context) error {
			c, err := dial(ctx)
			if err != nil {
				return err
			}
			return c.Close()
		}
	}
	c := &fpm.Client{Dial: dial, StatusPath: path, Idle: g.o.limits.idleLimit()}
	return func(ctx context.Context) error {
		_, err := c.Status(ctx, false)
		return err
	}
}
