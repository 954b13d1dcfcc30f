package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

// fpmAddress is where php-fpm is looked for when nobody says where it is, as
// php-fpm-healthcheck does.
const fpmAddress = "localhost:9000"

// poolsAtOnce is how many pools are asked at the same time.
const poolsAtOnce = 16

func fpmCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "fpm",
		Usage: "ask php-fpm how it is: ping, status, thresholds, live view, Prometheus",
		Description: `
Asks the pools of php-fpm themselves, by FastCGI and without a web server. A pool has to have
ping.path (for ping) or pm.status_path (for the others) in its file.

Examples:
  fcgiscope fpm ping /run/php/php-fpm.sock
  fcgiscope fpm status 127.0.0.1:9000 --full
  fcgiscope fpm check --listen-queue 10 --min-idle-processes 1`,
		Subcommands: []*cli.Command{
			fpmPingCommand(env),
			fpmStatusCommand(env),
			fpmCheckCommand(env),
			fpmTopCommand(env),
			fpmExporterCommand(env),
		},
	}
}

// fpmTargets are the pools that a command is about.
type fpmTargets struct {
	statusPath, pingPath string
	timing               timing
	args                 []string // addresses
}

const fpmFlags = "The pool"

// fpmExits is what help says of exit codes.
const fpmExits = `Exit codes: 5 when there is no connection, 6 when the pool takes connections but no worker answers
(busy), 3 when what answers is not php-fpm, 4 when php-fpm answers negatively. Of several pools, the
first that fails decides.`

func (o *fpmTargets) statusFlag() cli.Flag {
	return &cli.StringFlag{Name: "status-path", Category: fpmFlags, Destination: &o.statusPath,
		Usage: "pm.status_path of the pool is `PATH` (default FCGI_STATUS_PATH, or " + fpm.DefaultStatusPath + ")"}
}

func (o *fpmTargets) timeFlags() []cli.Flag {
	flags := o.timing.flags()
	o.timing.idle = duration(5 * time.Second) // a worker that is free answers at once
	return flags
}

// An fpmPool is a pool and the way to it.
type fpmPool struct {
	name   string // the address as it was given
	target target
	client fpm.Client
}

// fpmPools are pools that are open.
type fpmPools []*fpmPool

// open reads the addresses (arguments, or FCGI_CONNECT, or the usual one), all
// of them before it opens the first. The pools have to be closed.
func (o *fpmTargets) open(ctx context.Context, env *Env) (fpmPools, error) {
	args := o.args
	if len(args) == 0 {
		args = []string{cmp.Or(env.Getenv("FCGI_CONNECT"), fpmAddress)}
	}
	var pools fpmPools
	for _, arg := range args {
		p, err := o.pool(env, arg)
		if err != nil {
			return nil, err
		}
		pools = append(pools, p)
	}
	for i, p := range pools {
		opened, err := p.target.open(ctx, env, time.Duration(o.timing.connect))
		if err != nil {
			pools[:i].close()
			return nil, err
		}
		p.target = opened
	}
	return pools, nil
}

// String names the pools.
func (pools fpmPools) String() string {
	var names []string
	for _, p := range pools {
		names = append(names, p.target.String())
	}
	return strings.Join(names, ", ")
}

func (pools fpmPools) close() {
	for _, p := range pools {
		p.target.close()
	}
}

func (o *fpmTargets) pool(env *Env, arg string) (*fpmPool, error) {
	address, path := splitScrapeURI(arg)
	t, err := parseTarget(address)
	if err != nil {
		return nil, err
	}
	p := &fpmPool{name: arg, target: t}
	p.client = fpm.Client{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return p.target.dial(ctx, env, time.Duration(o.timing.connect))
		},
		StatusPath: cmp.Or(path, o.statusPath, env.Getenv("FCGI_STATUS_PATH")),
		PingPath:   o.pingPath,
		Idle:       o.timing.idleLimit(),
	}
	for _, page := range []string{p.client.StatusPath, p.client.PingPath} {
		if page != "" && !strings.HasPrefix(page, "/") {
			return nil, withHint(usagef("path %q: does not begin with a /", page), "it is that of pm.status_path or ping.path in the pool's file, such as /status")
		}
	}
	return p, nil
}

// splitScrapeURI takes the page off an address as php-fpm_exporter has it:
// tcp://HOST:PORT/PAGE or unix:///SOCKET;/PAGE.
func splitScrapeURI(s string) (address, page string) {
	if rest, ok := strings.CutPrefix(s, "tcp://"); ok {
		host, page, found := strings.Cut(rest, "/")
		if found && page != "" {
			page = "/" + page
		}
		return "tcp:" + host, page
	}
	if strings.HasPrefix(s, "unix://") {
		address, page, _ = strings.Cut(s, ";")
		return address, page
	}
	return s, ""
}

// each calls ask for every pool, some at a time, and returns when all have
// returned.
func (pools fpmPools) each(ask func(i int, p *fpmPool)) {
	places := make(chan struct{}, poolsAtOnce)
	var asked sync.WaitGroup
	for i, p := range pools {
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			ask(i, p)
		})
	}
	asked.Wait()
}

// A poolStatus is what a pool answered, or why it did not.
type poolStatus struct {
	pool   *fpmPool
	status *fpm.Status
	err    error // of the kind that gives the exit code
}

// statuses opens the pools, asks all of them for their status pages, and closes
// them.
func (o *fpmTargets) statuses(ctx context.Context, env *Env, full bool) ([]poolStatus, error) {
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	pools, err := o.open(ctx, env)
	if err != nil {
		return nil, err
	}
	defer pools.close()
	return pools.statuses(ctx, full), nil
}

// statuses asks all pools for their status pages.
func (pools fpmPools) statuses(ctx context.Context, full bool) []poolStatus {
	results := make([]poolStatus, len(pools))
	pools.each(func(i int, p *fpmPool) {
		s, err := p.client.Status(ctx, full)
		results[i] = poolStatus{p, s, p.failure(ctx, err)}
	})
	return results
}

// failure turns an error of a pool's client into the kind that gives the exit
// code.
func (p *fpmPool) failure(ctx context.Context, err error) error {
	var e *fpm.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	at := placed{p.target, e}
	switch e.Kind {
	case fpm.Unreachable:
		return e.Err // which names the address and has its kind
	case fpm.Busy:
		text := at.Error()
		if late := (*client.TimeoutError)(nil); errors.As(err, &late) {
			text += " (--timeout)"
		}
		// A full queue is no connection, too; here it counts as busy.
		return withHint(timeoutError{errors.New(text)}, e.Hint())
	case fpm.NotConfigured, fpm.Denied:
		return withHint(answerError{at}, e.Hint())
	}
	hint := e.Hint()
	if foreign := (*client.ProtocolError)(nil); errors.As(err, &foreign) {
		hint = foreignHint(foreign)
	}
	return withHint(peerError{at}, hint)
}

// complainAll tells about the errors of pools, and returns one that has the
// exit code of the first and is not told again.
func complainAll(env *Env, errs []error) error {
	var first error
	for _, err := range errs {
		if err == nil {
			continue
		}
		explain(env, err)
		if first == nil {
			first = silenced{err}
		}
	}
	return first
}

// usageOfPools is ArgsUsage of the commands about pools.
const usageOfPools = "[ADDR...]"

// poolsHelp says what ADDR is.
var poolsHelp = fmt.Sprintf(`ADDR is that of a pool; without one it is that in FCGI_CONNECT, or %s. The addresses of
php-fpm_exporter do, too: tcp://HOST:PORT/PAGE and 'unix:///SOCKET;/PAGE'.`, fpmAddress)
