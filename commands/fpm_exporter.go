package commands

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/fpm/exporter"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// exporterListen has the port of php-fpm_exporter.
const exporterListen = "127.0.0.1:9253"

// Bounds of the exporter's HTTP server.
const (
	exporterConns    = 64              // connections at a time; more wait to be accepted
	exporterHeader   = 5 * time.Second // for a request's header
	exporterKeep     = 2 * time.Minute // for the next request
	exporterAnswer   = 2 * time.Minute // for asking the pools and taking the answer
	exporterShutdown = 3 * time.Second // for the scrapes at work, after Ctrl-C
)

type fpmExporterOptions struct {
	targets fpmTargets
	listen  string
	scrape  list
	timeout duration
}

func (o *fpmExporterOptions) flags() []cli.Flag {
	o.listen, o.timeout = exporterListen, duration(3*time.Second)
	return []cli.Flag{
		&cli.StringFlag{Name: "listen", Aliases: []string{"l"}, Category: listenFlags, Usage: "serve HTTP on `ADDR`: HOST:PORT, a port of 127.0.0.1, or a Unix socket", Value: o.listen, Destination: &o.listen},
		&cli.GenericFlag{Name: "scrape", Category: fpmFlags, Usage: "the pool at `ADDR`, as the arguments; may come several times", Value: &o.scrape},
		durationFlag(fpmFlags, "scrape-timeout", nil, "a pool that has not answered after `TIME` is down", &o.timeout),
		o.targets.statusFlag(),
	}
}

func fpmExporterCommand(env *Env) *cli.Command {
	var o fpmExporterOptions
	return &cli.Command{
		Name:      "exporter",
		Usage:     "show pools to Prometheus, as php-fpm_exporter does",
		ArgsUsage: usageOfPools,
		Description: `
Serves the metrics of php-fpm_exporter, with their names and labels, on /metrics until Ctrl-C or
SIGTERM. Each scrape asks every pool once, and says on stderr which pools went or came back. The
label scrape_uri is the address as it was given. Whoever can connect can read it: the default is
this machine only. /-/healthy answers as long as the exporter runs.

` + poolsHelp + `

Exit codes: 1 when it cannot listen.

Examples:
  fcgiscope fpm exporter --scrape /run/php/php-fpm.sock
  fcgiscope fpm exporter --listen 0.0.0.0:9253 tcp://127.0.0.1:9000/status
  fcgiscope fpm exporter /run/php/www.sock /run/php/shop.sock --scrape-timeout 1`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.targets.args = append(c.Args().Slice(), o.scrape...)
			return fpmExporter(c.Context, env, o)
		},
	}
}

// fpmExporter serves metrics until ctx is done.
func fpmExporter(ctx context.Context, env *Env, o fpmExporterOptions) error {
	if o.timeout == 0 {
		return usagef("fpm exporter: --scrape-timeout 0: a pool that is busy would never be down")
	}
	addr, err := transport.ParseAddr(o.listen)
	if err != nil {
		return usagef("fpm exporter: --listen: %s", plain(err))
	}
	o.targets.timing.idle = 0 // --scrape-timeout is for all of it
	pools, err := o.targets.open(ctx, env)
	if err != nil {
		return err
	}
	defer pools.close()
	stderr := *env
	stderr.Stderr = &lockedWriter{w: env.Stderr}
	l, err := transport.Listen(ctx, addr, transport.ListenOptions{})
	if err != nil {
		return listenFailure(addr, err)
	}
	if addr.Network == "tcp" { // port 0 is a free one
		addr.Address = l.Addr().String()
	}
	complain(&stderr, "metrics of "+pools.String()+" on "+addr.String()+", /metrics")
	if err := serveHTTP(ctx, &placedListener{l, make(chan struct{}, exporterConns)}, pools.exporter(ctx, &stderr, time.Duration(o.timeout))); err != nil {
		return ended{err}
	}
	return nil
}

// exporter returns one that tells which pools went and came.
func (pools fpmPools) exporter(ctx context.Context, env *Env, timeout time.Duration) *exporter.Exporter {
	byName := make(map[string]*fpmPool)
	var scraped []exporter.Pool
	for _, p := range pools {
		byName[p.name] = p
		scraped = append(scraped, exporter.Pool{URI: p.name, Client: &p.client})
	}
	e := exporter.New(scraped)
	e.Timeout = timeout
	e.Report = func(uri string, err error) {
		switch {
		case ctx.Err() != nil:
		case err == nil:
			complain(env, uri+": answers")
		default:
			explain(env, byName[uri].failure(ctx, err))
		}
	}
	return e
}

// serveHTTP serves until ctx is done, and then what has begun for a while.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: exporterHeader, ReadTimeout: exporterHeader,
		WriteTimeout: exporterAnswer, IdleTimeout: exporterKeep,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       log.New(io.Discard, "", 0), // what clients do wrong
		BaseContext:    func(net.Listener) context.Context { return ctx },
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), exporterShutdown)
	defer cancel()
	if s.Shutdown(ending) != nil {
		s.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
