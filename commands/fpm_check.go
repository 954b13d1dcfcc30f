package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

type fpmCheckOptions struct {
	targets     fpmTargets
	bounds      []*threshold
	warn        list
	verbose     bool
	nagios      bool
	healthcheck bool
}

// A threshold is the value of a flag; it is a bound once it is set.
type threshold struct {
	fpm.Bound
	set bool
}

// Set implements flag.Value.
func (t *threshold) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("want a number, 0 or more")
	}
	t.Limit, t.set = n, true
	return nil
}

// String returns "": there is no threshold where none is set.
func (t *threshold) String() string { return "" }

func (o *fpmCheckOptions) flags() []cli.Flag {
	var most, least []cli.Flag
	for _, m := range fpm.Metrics() {
		for _, b := range []fpm.Bound{{Metric: m}, {Metric: m, Least: true}} {
			t := &threshold{Bound: b}
			o.bounds = append(o.bounds, t)
			f := &cli.GenericFlag{Name: b.Name(), Value: t}
			if b.Least {
				f.Category, f.Usage = "Thresholds: the least that is healthy", "at least `N`"
				least = append(least, f)
			} else {
				f.Category, f.Usage = "Thresholds: the most that is healthy", "at most `N`: "+m.Help
				most = append(most, f)
			}
		}
	}
	flags := append(most, least...)
	flags = append(flags,
		&cli.GenericFlag{Name: "warn", Category: "Thresholds: what is told and does no harm", Value: &o.warn,
			Usage: "a `THRESHOLD` such as listen-queue=5 or min-idle-processes=2 that warns only; may come several times"},
		&cli.BoolFlag{Name: "nagios", Category: outputFlags, Usage: "one line with performance data, and the exit codes 0 to 3 of a Nagios plugin", Destination: &o.nagios},
		healthcheckFlag(&o.healthcheck),
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputFlags, Usage: "print the status that was judged", Destination: &o.verbose},
		o.targets.statusFlag())
	return append(flags, o.targets.timeFlags()...)
}

func fpmCheckCommand(env *Env) *cli.Command {
	var o fpmCheckOptions
	return &cli.Command{
		Name:      "check",
		Usage:     "is a pool well? thresholds for probes and monitoring",
		ArgsUsage: usageOfPools,
		Description: `
Asks for pm.status_path and compares its numbers with thresholds, which have the names of
php-fpm-healthcheck; min-NAME is for what must not become less. Without any, a pool is well if it
answers. The worker that answers is one of the active processes.

` + poolsHelp + `

` + fpmExits + `
A threshold that is broken is 4, too. --healthcheck makes every failure 1; --nagios makes it 2,
a warning 1, and what does not let itself be judged (4 for another reason, 3, 2) 3.

Examples:
  fcgiscope fpm check --listen-queue 10 --min-idle-processes 1
  fcgiscope fpm check /run/php/php-fpm.sock --healthcheck --timeout 2
  fcgiscope fpm check 127.0.0.1:9000 --nagios --warn listen-queue=5 --listen-queue 50`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.targets.args = c.Args().Slice()
			switch {
			case o.nagios && o.healthcheck:
				return usagef("fpm check: --nagios and --healthcheck end with different codes: choose one")
			case o.nagios:
				return fpmNagios(c.Context, env, o)
			}
			return asHealthcheck(o.healthcheck, fpmCheck(c.Context, env, o))
		},
	}
}

// A checkedPool is a pool and the judgement on it.
type checkedPool struct {
	poolStatus
	broken, warned []string
}

// checkPools asks all pools, and judges.
func checkPools(ctx context.Context, env *Env, o fpmCheckOptions) ([]checkedPool, error) {
	warn, err := o.warnings()
	if err != nil {
		return nil, err
	}
	results, err := o.targets.statuses(ctx, env, false)
	if err != nil {
		return nil, err
	}
	var checked []checkedPool
	for _, r := range results {
		c := checkedPool{poolStatus: r}
		if r.err == nil {
			c.broken, c.warned = brokenBy(r.status, o.set()), brokenBy(r.status, warn)
		}
		checked = append(checked, c)
	}
	return checked, nil
}

// set returns the thresholds that are set.
func (o *fpmCheckOptions) set() []fpm.Bound {
	var bounds []fpm.Bound
	for _, t := range o.bounds {
		if t.set {
			bounds = append(bounds, t.Bound)
		}
	}
	return bounds
}

func (o *fpmCheckOptions) warnings() ([]fpm.Bound, error) {
	var bounds []fpm.Bound
	for _, s := range o.warn {
		b, err := fpm.ParseBound(s)
		if err != nil {
			return nil, withHint(usageError{err}, "such as --warn listen-queue=5; the names are those of the thresholds' flags")
		}
		bounds = append(bounds, b)
	}
	return bounds, nil
}

func brokenBy(s *fpm.Status, bounds []fpm.Bound) []string {
	var broken []string
	for _, b := range bounds {
		if why := b.Broken(s); why != "" {
			broken = append(broken, why)
		}
	}
	return broken
}

// fpmCheck says of each pool on stdout whether it is well, and on stderr why
// it is not.
func fpmCheck(ctx context.Context, env *Env, o fpmCheckOptions) error {
	checked, err := checkPools(ctx, env, o)
	if err != nil {
		return err
	}
	var out []byte
	var errs []error
	for _, c := range checked {
		if c.err == nil && len(c.broken) > 0 {
			c.err = answerError{fmt.Errorf("%v: pool %s is not well: %s", c.pool.target, c.status.Pool, strings.Join(c.broken, "; "))}
		} else if c.err == nil {
			out = fmt.Appendf(out, "%s: pool %s is well: %s\n", pretty.Clean(c.pool.target.String()), pretty.Clean(c.status.Pool), gist(c.status))
		}
		errs = append(errs, c.err)
	}
	if err := write(env.Stdout, out); err != nil {
		return err
	}
	if o.verbose {
		var results []poolStatus
		for _, c := range checked {
			results = append(results, c.poolStatus)
		}
		if err := printStatusTables(env, results, false); err != nil {
			return err
		}
	}
	for _, c := range checked {
		if len(c.warned) > 0 {
			complain(env, fmt.Sprintf("warning: %v: pool %s: %s", c.pool.target, c.status.Pool, strings.Join(c.warned, "; ")))
		}
	}
	return complainAll(env, errs)
}

// gist says of a status what one wants to know first.
func gist(s *fpm.Status) string {
	return fmt.Sprintf("%d idle, %d active, %d waiting", s.IdleProcesses, s.ActiveProcesses, s.ListenQueue)
}
