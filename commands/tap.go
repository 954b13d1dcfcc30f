package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/tap"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

type tapOptions struct {
	listening
	watching
	rotation
	to       string
	takeover string
	repair   string
	connect  duration
	drain    duration
	export   bool
	diagnose bool
	args     []string
}

func (o *tapOptions) flags() []cli.Flag {
	o.connect, o.drain = duration(tap.DefaultDialTimeout), duration(5*time.Second)
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "to", Category: listenFlags, Usage: "pass connections on to the application at `ADDR`", Destination: &o.to},
		&cli.StringFlag{Name: "takeover", Category: listenFlags, Usage: "take the place of the Unix socket `PATH` that an application listens on, and give it back at the end", Destination: &o.takeover},
		&cli.StringFlag{Name: "repair", Category: listenFlags, Usage: "only put right what a --takeover of `PATH` has left that was killed", Destination: &o.repair},
		durationFlag(timeFlags, "connect-timeout", nil, "give up when there is no connection after `TIME`", &o.connect),
		durationFlag(timeFlags, "drain", nil, "at the end, let connections that are open go on for at most `TIME`", &o.drain),
	}, o.listening.flags(), []cli.Flag{
		&cli.BoolFlag{Name: "export", Category: outputFlags, Usage: "show each request as the fcgiscope command that sends it again", Destination: &o.export},
		&cli.BoolFlag{Name: "diagnose", Category: outputFlags, Usage: "say of each request that failed what is likely to have gone wrong", Destination: &o.diagnose},
	}, o.watching.flags(), o.rotation.flags(outputFlags))
}

func tapCommand(env *Env) *cli.Command {
	var o tapOptions
	return &cli.Command{
		Name:  "tap",
		Usage: "stand between a web server and its application, and show what they say",
		Description: `
Passes connections on to an application, byte for byte, and shows what travels over them, as a line
a request or in any format of dump. What is shown never slows the traffic: if the terminal, or
whoever reads stdout, is too slow, pieces are left out, and it says how many. --record keeps all of
it: there the traffic waits for the disk, unless --record-drop lets it leave gaps.

The web server is pointed at the address of --listen. Where that cannot be changed, --takeover takes
the place of the application's own Unix socket for a while (Linux). At no moment is there none, and
if the tap is killed, the next one, or --repair PATH, puts the application's socket back.

It ends with Ctrl-C or SIGTERM, and with a second one at once. Exit codes: 0 at the end, 1 when it
cannot listen.

Examples:
  fcgiscope tap --listen 127.0.0.1:9001 --to 127.0.0.1:9000
  fcgiscope tap -l /run/tap.sock --to /run/php/php-fpm.sock -f requests --failed
  sudo fcgiscope tap --takeover /run/php/php-fpm.sock --record php.pcapng --redact

Formats:
` + formatHelp() + whereHelp() + redactHelp,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.args = c.Args().Slice()
			if o.repair != "" {
				return repairSocket(c.Context, env, o.repair)
			}
			return runTap(c.Context, env, o)
		},
	}
}

// check refuses what cannot be meant.
func (o *tapOptions) check() error {
	switch {
	case len(o.args) > 0:
		return withHint(usagef("tap: unexpected argument %q", o.args[0]), "such as: fcgiscope tap --listen :9001 --to 127.0.0.1:9000")
	case o.takeover == "" && o.to == "":
		return withHint(usagef("tap: where is the application? --to ADDR says it"), "such as: fcgiscope tap --listen :9001 --to 127.0.0.1:9000\nto take the place of its socket: --takeover PATH")
	case o.takeover != "" && (o.to != "" || len(o.addrs) > 0):
		return usagef("tap: --takeover PATH is both where to listen and what to pass on to: without --listen and --to")
	case o.takeover == "" && len(o.addrs) == 0:
		return withHint(usagef("tap: no address to listen on"), "the web server has to be pointed at it: --listen ADDR; to take the place of the application's socket: --takeover PATH")
	}
	if o.export && o.output.format.word != "" {
		return usagef("tap: --export and --format both say what stdout shows")
	}
	return cmp.Or(o.watching.check("tap"), o.rotation.check(&o.recording))
}

// runTap passes connections on until ctx is done.
func runTap(ctx context.Context, env *Env, o tapOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	loud := *env
	loud.Stderr = &lockedWriter{w: env.Stderr}
	env = &loud
	shown, err := o.watchers(env)
	if err != nil {
		return err
	}
	t := &tapper{env: env, o: &o, failed: make(chan error, 1)}
	t.proxy.DialTimeout, t.proxy.Failed = time.Duration(o.connect), t.notPassed
	t.proxy.Watchers = shown.watchers()
	if o.connect == 0 {
		t.proxy.DialTimeout = time.Duration(1<<63 - 1)
	}
	if o.takeover != "" {
		err = t.takeOver(ctx, shown)
	} else {
		err = t.between(ctx, shown)
	}
	if showErr := shown.finish(env, &o); err == nil {
		err = showErr
	}
	if err != nil {
		return ended{err}
	}
	return nil
}

// A tapper is a tap that runs.
type tapper struct {
	env    *Env
	o      *tapOptions
	proxy  tap.Proxy
	failed chan error    // the first of accepting
	lost   chan struct{} // a connection could not be passed on; nil if nobody wants to know
	mu     sync.Mutex
	told   string // why one could not, the last time
}

// between passes on from --listen to --to.
func (t *tapper) between(ctx context.Context, shown *tapShown) error {
	app, err := parseTarget(t.o.to)
	if err != nil {
		return err
	}
	if app.app == nil {
		if err := t.o.distinct(ctx, app.addr); err != nil {
			return err
		}
	}
	app, err = app.open(ctx, t.env, time.Duration(t.o.connect))
	if err != nil {
		return err
	}
	defer app.close()
	listeners, err := t.o.listening.open(ctx, t.env)
	if err != nil {
		return err
	}
	t.proxy.Dial = t.dialling(func(ctx context.Context) (net.Conn, error) { return app.dial(ctx, t.env, 0) })
	shown.run()
	for _, l := range listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok && shown.disk != nil {
			shown.disk.port = a.Port
		}
		t.say(fmt.Sprintf("tapping %v, for %v", l.addr, app))
	}
	if !t.o.silent {
		warnOpen(t.env, listeners, "listen on 127.0.0.1, or let a firewall say who may")
	}
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	for _, l := range listeners {
		all.Go(func() { t.serve(accepting, l.Listener) })
	}
	err = t.wait(ctx)
	stop()
	all.Wait()
	return cmp.Or(err, t.shutdown())
}

// distinct refuses an application that would be the tap itself. Whether names
// are one machine's is for the resolver to say; that ours and theirs is the same
// is seen when the connections come.
func (o *tapOptions) distinct(ctx context.Context, app transport.Addr) error {
	addrs, err := o.listening.targets(&Env{Getenv: func(string) string { return "" }})
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if sameAddress(ctx, a, app) {
			return usagef("tap: --listen and --to are the same address, %v: it would talk to itself", a)
		}
	}
	return nil
}

// sameAddress reports whether who connects to app comes to a listener at own.
func sameAddress(ctx context.Context, own, app transport.Addr) bool {
	if own.Network != app.Network {
		return false
	}
	if own == app {
		return true
	}
	if own.Network == "unix" {
		x, errX := os.Stat(own.Address)
		y, errY := os.Stat(app.Address)
		return errX == nil && errY == nil && os.SameFile(x, y)
	}
	ownHost, ownPort, err1 := net.SplitHostPort(own.Address)
	appHost, appPort, err2 := net.SplitHostPort(app.Address)
	if err1 != nil || err2 != nil || ownPort != appPort || ownPort == "0" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	ours, _ := net.DefaultResolver.LookupIPAddr(ctx, ownHost)
	theirs, _ := net.DefaultResolver.LookupIPAddr(ctx, appHost)
	for _, x := range ours {
		for _, y := range theirs {
			if x.IP.Equal(y.IP) || x.IP.IsUnspecified() && y.IP.IsLoopback() {
				return true
			}
		}
	}
	return false
}

// serve accepts from l until ctx is done.
func (t *tapper) serve(ctx context.Context, l net.Listener) {
	if err := t.proxy.Serve(ctx, l); err != nil {
		select {
		case t.failed <- fmt.Errorf("%v: %s", l.Addr(), plain(err)):
		default:
		}
	}
}

// wait waits for the end.
func (t *tapper) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-t.failed:
		return err
	}
}

// shutdown lets connections go on that are open, for a while, or until it is
// interrupted again.
func (t *tapper) shutdown() error {
	again, stop := t.env.interrupts()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(time.Duration(t.o.drain), 1<<62))
	defer cancel()
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- t.proxy.Shutdown(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.say("connections that were open are cut (--drain)")
			}
			return nil
		case <-again:
			if time.Since(began) > sameInterrupt {
				cancel()
			}
		}
	}
}

// dialling returns dial; when it succeeds, the next failure is told again.
func (t *tapper) dialling(dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		if err == nil {
			t.mu.Lock()
			t.told = ""
			t.mu.Unlock()
		}
		return c, err
	}
}

// notPassed is told of a connection that could not be passed on. The same
// reason is told once until another one comes, not for each connection.
func (t *tapper) notPassed(_ net.Addr, err error) {
	if t.lost != nil {
		select {
		case t.lost <- struct{}{}:
		default:
		}
	}
	text := plain(err)
	t.mu.Lock()
	again := t.told == text
	t.told = text
	t.mu.Unlock()
	if again {
		return
	}
	complain(t.env, "a connection could not be passed on: "+text)
	hints(t.env, err)
}

// say tells what goes on, unless nobody wants to know.
func (t *tapper) say(text string) {
	if !t.o.silent {
		complain(t.env, text)
	}
}

// errTakeover gives an error of a takeover its advice.
func errTakeover(err error) error {
	var e *tap.TakeoverError
	if !errors.As(err, &e) {
		return err
	}
	hint := ""
	if errors.Is(err, os.ErrPermission) {
		hint = "it needs to write to the socket's directory, and to give a file to another user: run it as root"
	}
	return withHint(errors.New(plain(err)), hint)
}
