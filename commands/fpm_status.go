package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/fpm/exporter"
)

type fpmStatusOptions struct {
	targets fpmTargets
	format  choice
	full    bool
}

func (o *fpmStatusOptions) flags() []cli.Flag {
	o.format = choice{"text", []string{"text", "json", "prometheus"}}
	flags := []cli.Flag{
		choiceFlag(outputFlags, "format", []string{"f"}, "print tables (text), a line of JSON for each pool (json) or metrics (prometheus) as `FORMAT`", &o.format),
		&cli.BoolFlag{Name: "full", Category: outputFlags, Usage: "with every worker and its request", Destination: &o.full},
		o.targets.statusFlag(),
	}
	return append(flags, o.targets.timeFlags()...)
}

func fpmStatusCommand(env *Env) *cli.Command {
	var o fpmStatusOptions
	return &cli.Command{
		Name:      "status",
		Usage:     "print the status of pools, and of their workers",
		ArgsUsage: usageOfPools,
		Description: `
Asks for pm.status_path and prints what it holds: a column for each pool and, with --full, a line
for each worker. The keys are php-fpm's own, in JSON too; strings that older versions of PHP do not
escape and durations below 0 are put right. The metrics are those of php-fpm_exporter.

` + poolsHelp + `

` + fpmExits + `

Examples:
  fcgiscope fpm status /run/php/php-fpm.sock
  fcgiscope fpm status 127.0.0.1:9000 127.0.0.1:9001 --full
  fcgiscope fpm status 127.0.0.1:9000 --format json --full`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.targets.args = c.Args().Slice()
			return fpmStatus(c.Context, env, o)
		},
	}
}

func fpmStatus(ctx context.Context, env *Env, o fpmStatusOptions) error {
	results, err := o.targets.statuses(ctx, env, o.full)
	if err != nil {
		return err
	}
	switch o.format.word {
	case "json":
		err = printStatusJSON(env, results)
	case "prometheus":
		err = printStatusMetrics(env, results)
	default:
		err = printStatusTables(env, results, o.full)
	}
	if err != nil {
		return err
	}
	return complainAll(env, errorsOf(results))
}

func errorsOf(results []poolStatus) []error {
	var errs []error
	for _, r := range results {
		errs = append(errs, r.err)
	}
	return errs
}

// printStatusJSON prints a line for each pool that answered.
func printStatusJSON(env *Env, results []poolStatus) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, r := range results {
		if r.err != nil {
			continue
		}
		err := encoder.Encode(struct {
			Address string `json:"address"`
			*fpm.Status
		}{r.pool.target.String(), r.status})
		if err != nil {
			return err
		}
	}
	return write(env.Stdout, printable(lines.String()))
}

// printable returns JSON in which all that a terminal may obey is escaped;
// encoding/json leaves some of it.
func printable(lines string) []byte {
	var out []byte
	for _, r := range lines {
		if r == '\n' || unicode.IsPrint(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}

// printStatusMetrics prints what an exporter would say.
func printStatusMetrics(env *Env, results []poolStatus) error {
	var samples []exporter.Sample
	for _, r := range results {
		s := exporter.Sample{URI: r.pool.name, Status: r.status}
		if r.err != nil {
			s.Failures = 1
		} else {
			s.Pool = r.status.Pool
		}
		samples = append(samples, s)
	}
	if err := exporter.Write(env.Stdout, samples); err != nil {
		return outputError{err}
	}
	return nil
}

// printStatusTables prints a table with a column for each pool that answered,
// and one with a row for each worker.
func printStatusTables(env *Env, results []poolStatus, full bool) error {
	var answered []poolStatus
	for _, r := range results {
		if r.err == nil {
			answered = append(answered, r)
		}
	}
	if len(answered) == 0 {
		return nil
	}
	err := pretty.TableIn(env.Stdout, env.Terminal.columns(), nil, poolRows(answered))
	if full {
		var rows [][]string
		for _, r := range answered {
			rows = append(rows, workerRows(r.status)...)
		}
		err = errors.Join(err, write(env.Stdout, []byte("\n")), pretty.TableIn(env.Stdout, env.Terminal.columns(), workerHead, rows))
	}
	if err != nil {
		return outputError{err}
	}
	return nil
}

func poolRows(answered []poolStatus) [][]string {
	row := func(name string, cell func(poolStatus) string) []string {
		cells := []string{name}
		for _, r := range answered {
			cells = append(cells, cell(r))
		}
		return cells
	}
	rows := [][]string{
		row("pool", func(r poolStatus) string { return pretty.Clean(r.status.Pool) }),
		row("address", func(r poolStatus) string { return pretty.Clean(r.pool.target.String()) }),
		row("process manager", func(r poolStatus) string { return pretty.Clean(r.status.ProcessManager) }),
		row("start since", func(r poolStatus) string { return seconds(r.status.StartSince) }),
	}
	for _, m := range fpm.Metrics() {
		rows = append(rows, row(m.Key(), func(r poolStatus) string { return strconv.FormatInt(m.Value(r.status), 10) }))
	}
	return rows
}

var workerHead = []string{"pool", "pid", "state", "start since", "requests", "duration", "cpu", "memory", "method", "user", "script", "uri"}

func workerRows(s *fpm.Status) [][]string {
	var rows [][]string
	for _, p := range s.Processes {
		rows = append(rows, []string{
			pretty.Clean(s.Pool), strconv.FormatInt(p.PID, 10), pretty.Clean(p.State), seconds(p.StartSince),
			strconv.FormatInt(p.Requests, 10), micros(p.RequestDuration), percent(p.LastRequestCPU), megabytes(p.LastRequestMemory),
			pretty.Clean(p.RequestMethod), pretty.Clean(p.User), pretty.Clean(p.Script), pretty.Clean(p.RequestURI),
		})
	}
	return rows
}

// seconds returns such as 1h2m3s.
func seconds(n int64) string { return (time.Duration(n) * time.Second).String() }

// micros returns such as 1.5ms, in three digits.
func micros(d fpm.Duration) string {
	v := time.Duration(d) * time.Microsecond
	for unit := time.Microsecond; unit <= time.Second; unit *= 1000 {
		if v < 1000*unit {
			return v.Round(unit / 100).String()
		}
	}
	return v.Round(time.Second).String()
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) + "%" }

// megabytes returns such as 2.0M.
func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + "M" }
