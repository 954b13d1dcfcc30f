package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

type serveOptions struct {
	listening
	capacity
	appOptions
	watching
	fault  fault
	faults bool // list them
}

func (o *serveOptions) flags() []cli.Flag {
	return slices.Concat(o.listening.flags(), []cli.Flag{o.listening.allowFlag()}, o.appOptions.flags(), o.capacity.flags(), []cli.Flag{
		&cli.GenericFlag{Name: "fault", Category: "Faults", Usage: "break the protocol: `NAME` says how; NAME@N only in the answer to the Nth request, NAME@N-M or NAME@N- in several, NAME@PATTERN in those for such paths (see --allow-path)", Value: &o.fault},
		&cli.BoolFlag{Name: "faults", Category: "Faults", Usage: "list the faults, and serve nothing", Destination: &o.faults},
	}, o.watching.flags())
}

func serveCommand(env *Env) *cli.Command {
	var o serveOptions
	return &cli.Command{
		Name:      "serve",
		Usage:     "be a FastCGI application, for a web server or a client to be tested with",
		ArgsUsage: "APP [PATH]",
		Description: `
Answers FastCGI requests with APP until Ctrl-C or SIGTERM: the requests that have begun are answered
then, and a second one ends those too. Each request is a line on stdout.

Without --listen it serves the sockets that it was started with, on descriptor 0 (lighttpd,
mod_fcgid, spawn-fcgi, cgi-fcgi) or in LISTEN_FDS (systemd), and otherwise 127.0.0.1:9000.

Exit codes: 1 when it cannot listen, or when what APP needs is missing; 130 when the second signal
cut requests short.

Examples:
  fcgiscope serve echo
  fcgiscope serve hello --listen /run/app.sock --socket-mode 0660 --socket-owner :www-data -v
  fcgiscope serve exec /usr/lib/cgi-bin --listen /run/cgi.sock --program-timeout 30
  fcgiscope serve mock php.pcapng --listen 9001 --paced
  fcgiscope serve echo --fault close-in-record@2 --record faults.pcapng
  fcgiscope serve authorizer --user alice:secret --allow-path /public/ --deny-path '*.bak'

Apps:
` + appHelp() + appsHelp + whereHelp() + redactHelp,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.args = c.Args().Slice()
			if o.faults {
				return listFaults(env)
			}
			return serve(c.Context, env, o)
		},
	}
}

// serve answers requests until ctx is done.
func serve(ctx context.Context, env *Env, o serveOptions) error {
	if err := o.watching.check("serve"); err != nil {
		return err
	}
	if err := o.capacity.check(); err != nil {
		return err
	}
	app, err := o.app(ctx, env)
	if err != nil {
		return err
	}
	defer app.close()
	loud := *env
	loud.Stderr = &lockedWriter{w: env.Stderr}
	env = &loud
	s := &server.Server{Handler: app.handler, Fault: o.fault.chosen}
	o.capacity.apply(s)
	s.Limits.HandlerTime = o.handlerTime()
	said := newFloodgate(func(line string) { complain(env, line) })
	defer said.close()
	s.ErrorLog = func(err error) {
		// What a panic has behind its first line is for who wrote the handler.
		line, _, _ := strings.Cut(plain(err), "\n")
		said.tell("requests", line)
	}
	if s.Allowed, err = o.listening.allowed(env); err != nil {
		return err
	}
	listeners, err := o.listening.open(ctx, env)
	if err != nil {
		return err
	}
	w, err := o.watching.watcher(env, "serve", app.inputs)
	if err != nil {
		closeAll(listeners)
		return err
	}
	if w != nil {
		s.Observe = func(nc net.Conn) server.Observer { return w.observe(nc) }
	}
	if !o.silent {
		for _, l := range listeners {
			complain(env, fmt.Sprintf("serving %s on %v", app.name, l.addr))
		}
		if s.Allowed == nil {
			warnOpen(env, listeners, "--allow says who may")
		} else {
			warnClosed(env, listeners)
		}
	}
	err = serveAll(ctx, env, s, listeners)
	if watchErr := o.watching.finish(env, w); err == nil {
		err = watchErr
	}
	if err != nil {
		return ended{err}
	}
	return nil
}

// warnOpen says that an address is open to everybody: FastCGI has no password.
func warnOpen(env *Env, listeners []listener, hint string) {
	for _, l := range listeners {
		if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			complain(env, fmt.Sprintf("whoever reaches %v can send requests", l.addr))
			complain(env, "hint: "+hint)
			return
		}
	}
}

// warnClosed says where nobody can connect, because only some addresses may.
func warnClosed(env *Env, listeners []listener) {
	for _, l := range listeners {
		if _, ok := l.Addr().(*net.TCPAddr); !ok {
			complain(env, fmt.Sprintf("nobody can connect to %v: who may is said by %s or --allow, as TCP addresses", l.addr, server.WebServerAddrs))
			complain(env, "hint: start it without "+server.WebServerAddrs+", or listen on TCP")
		}
	}
}

// serveAll serves the listeners until ctx is done, and then until the requests
// that have begun are answered, or it is interrupted again.
func serveAll(ctx context.Context, env *Env, s *server.Server, listeners []listener) error {
	again, stop := env.interrupts()
	defer stop()
	// What ctx ends is the accepting; cut ends the connections.
	serving, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	failed := make(chan error, len(listeners))
	var all sync.WaitGroup
	for _, l := range listeners {
		all.Go(func() {
			if err := s.Serve(serving, l.Listener); err != nil {
				failed <- fmt.Errorf("%v: %s", l.addr, plain(err))
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.Shutdown(serving)
	}()
	// timeout(1) and Ctrl-C in a pipeline may send the first signal twice.
	select {
	case <-drained:
	case <-time.After(sameInterrupt):
		select {
		case <-again:
		default:
		}
		select {
		case <-drained:
		case <-again:
			err = cmp.Or(err, error(interrupted{errors.New("interrupted again: the requests that were being answered are cut short")}))
		}
	}
	cut(server.ErrServerClosed)
	<-drained
	all.Wait()
	return err
}

// sameInterrupt is how close two signals are that were meant as one.
const sameInterrupt = 250 * time.Millisecond

// A listener is one, with its address as it was understood.
type listener struct {
	net.Listener
	addr transport.Addr
}
