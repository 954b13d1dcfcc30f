package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

type fpmPingOptions struct {
	targets     fpmTargets
	healthcheck bool
}

func (o *fpmPingOptions) flags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "ping-path", Category: fpmFlags, Usage: "ping.path of the pool is `PATH` (default " + fpm.DefaultPingPath + ")", Destination: &o.targets.pingPath},
		healthcheckFlag(&o.healthcheck),
	}
	return append(flags, o.targets.timeFlags()...)
}

// healthcheckFlag reduces exit codes to what container runtimes know.
func healthcheckFlag(on *bool) cli.Flag {
	return &cli.BoolFlag{Name: "healthcheck", Category: outputFlags, Usage: "end with 0 or 1 only, as Docker wants it", Destination: on}
}

func fpmPingCommand(env *Env) *cli.Command {
	var o fpmPingOptions
	return &cli.Command{
		Name:      "ping",
		Usage:     "does a worker of the pool answer?",
		ArgsUsage: usageOfPools,
		Description: `
Asks for ping.path and prints what the pool answers. Of all questions it is the cheapest for
php-fpm, but it takes a free worker: a pool whose workers are all at work does not answer.

` + poolsHelp + `

` + fpmExits + `

Examples:
  fcgiscope fpm ping /run/php/php-fpm.sock
  fcgiscope fpm ping 127.0.0.1:9000 127.0.0.1:9001 --timeout 1
  fcgiscope fpm ping --ping-path /fpm-ping --healthcheck`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.targets.args = c.Args().Slice()
			return asHealthcheck(o.healthcheck, fpmPing(c.Context, env, o))
		},
	}
}

func fpmPing(ctx context.Context, env *Env, o fpmPingOptions) error {
	ctx, cancel := o.targets.timing.limit(ctx)
	defer cancel()
	pools, err := o.targets.open(ctx, env)
	if err != nil {
		return err
	}
	defer pools.close()
	responses, errs := make([]string, len(pools)), make([]error, len(pools))
	pools.each(func(i int, p *fpmPool) {
		response, err := p.client.Ping(ctx)
		responses[i], errs[i] = response, p.failure(ctx, err)
	})
	var out []byte
	for i, p := range pools {
		switch {
		case errs[i] != nil:
		case len(pools) == 1:
			out = fmt.Appendln(out, pretty.Clean(responses[i]))
		default:
			out = fmt.Appendln(out, p.target.String()+": "+pretty.Clean(responses[i]))
		}
	}
	if err := write(env.Stdout, out); err != nil {
		return err
	}
	return complainAll(env, errs)
}

// A statusError ends the program with a code of another system.
type statusError struct {
	code int
	error
}

func (e statusError) Unwrap() error { return e.error }

// asHealthcheck makes every failure a 1, if on.
func asHealthcheck(on bool, err error) error {
	if !on || err == nil || isReaderGone(err) {
		return err
	}
	return withStatus(1, err)
}

// withStatus ends the program with a code of another system, also after an
// interrupt.
func withStatus(code int, err error) error {
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return ended{statusError{code, err}}
}
