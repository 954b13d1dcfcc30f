package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

type getValuesOptions struct {
	format  choice
	verbose bool
	view    output // of the records, with verbose
	timing  timing
	target  string
	names   []string
}

func (o *getValuesOptions) flags() []cli.Flag {
	o.format = choice{"text", []string{"text", "jsonl"}}
	flags := []cli.Flag{
		choiceFlag(outputFlags, "format", nil, "print a table (text) or JSON Lines (jsonl) as `FORMAT`", &o.format),
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputFlags, Usage: "show every record, both ways, on stderr", Destination: &o.verbose},
	}
	flags = append(flags, o.view.viewFlags()...)
	flags = append(flags, o.timing.flags()...)
	o.timing.idle = duration(5 * time.Second) // who answers at all, answers at once
	return flags
}

func getValuesCommand(env *Env) *cli.Command {
	var o getValuesOptions
	return &cli.Command{
		Name:      "get-values",
		Usage:     "ask an application what it can take",
		ArgsUsage: "ADDR [NAME...]",
		Description: `
Sends GET_VALUES on a connection of its own and says what the answer means. Without NAME it asks
for the three values of the specification: FCGI_MAX_CONNS, FCGI_MAX_REQS and FCGI_MPXS_CONNS. Many
applications tell only some of them, and some never answer (uwsgi) or die of it (ruby-fcgi).

Exit codes: 3 when the application closes without an answer or sends something else, 4 when it
answers that it does not know GET_VALUES.

Examples:
  fcgiscope get-values 127.0.0.1:9000
  fcgiscope get-values /run/php/php-fpm.sock --format jsonl
  fcgiscope get-values app:echo FCGI_MPXS_CONNS -v`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return withHint(usagef("get-values: no address given"), "such as: fcgiscope get-values 127.0.0.1:9000")
			}
			o.target, o.names = c.Args().First(), c.Args().Tail()
			return getValues(c.Context, env, o)
		},
	}
}

// getValues asks for values and prints them.
func getValues(ctx context.Context, env *Env, o getValuesOptions) error {
	names := o.names
	if len(names) == 0 {
		names = wire.ValueNames()
	}
	t, err := parseTarget(o.target)
	if err != nil {
		return err
	}
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	t, err = t.open(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	defer t.close()
	nc, err := t.dial(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	var tr *trace
	if o.verbose {
		format, sink, err := o.view.sink(env, "text", env.Stderr, env.Terminal.Stderr)
		if err != nil {
			nc.Close()
			return err
		}
		tr = newTrace(t, nc, env.Now(), format, sink)
	}
	conn := client.NewConn(nc, client.Options{Idle: o.timing.idleLimit(), Observe: tr.observer()})
	defer conn.Close()
	pairs, err := conn.Values(ctx, names...)
	if traceErr := tr.close(env.Now(), closedBy(err), nil); traceErr != nil {
		return outputError{traceErr}
	}
	if err != nil && len(pairs) == 0 {
		return valuesFailure(ctx, t, err)
	}
	if err != nil { // it is damaged behind these
		err = peerError{placed{t, err}}
	}
	return errors.Join(printValues(env, o.format.word, valueRows(names, pairs)), err)
}

// valuesFailure says what it means that there is no answer.
func valuesFailure(ctx context.Context, t target, err error) error {
	err = failure(ctx, t, err)
	var closed *client.ClosedError
	switch {
	case is[timeoutError](err):
		return withHint(err, "some applications never answer GET_VALUES (uwsgi, AnyEvent::FCGI), others not while all workers are busy")
	case errors.As(err, &closed) && closed.Received == 0:
		return withHint(err, "it may not know GET_VALUES, or not take connections from here (listen.allowed_clients)")
	}
	return err
}

// A valueRow is a name and what became of it.
type valueRow struct {
	Name            string
	Value           *string // nil: not told
	Asked, Answered bool
	Meaning         string
}

// append appends the row as a line of JSON Lines.
func (r *valueRow) append(dst []byte) []byte {
	dst = pretty.AppendText(append(dst, '{'), "name", []byte(r.Name))
	if r.Value != nil {
		dst = pretty.AppendText(dst, "value", []byte(*r.Value))
	}
	dst = fmt.Appendf(dst, `,"asked":%t,"answered":%t`, r.Asked, r.Answered)
	return append(pretty.AppendText(dst, "meaning", []byte(r.Meaning)), "}\n"...)
}

// valueRows puts the answers beside the names that were asked for, in that
// order, and then what nobody asked for.
func valueRows(names []string, pairs []wire.Pair) []valueRow {
	var rows []valueRow
	asked := map[string]int{}
	for _, name := range names {
		if _, again := asked[name]; !again {
			asked[name] = len(rows)
			rows = append(rows, valueRow{Name: name, Asked: true, Meaning: meaningOf(name, nil)})
		}
	}
	for _, p := range pairs {
		name, value := string(p.Name), string(p.Value)
		i, ok := asked[name]
		if !ok || rows[i].Answered {
			i = len(rows)
			rows = append(rows, valueRow{Name: name, Asked: ok})
		}
		rows[i].Value, rows[i].Answered, rows[i].Meaning = &value, true, meaningOf(name, &value)
	}
	return rows
}

// meanings is what the values of section 4.1 mean: one is said of a 1, many of
// a larger number, with a place for it, and none of a 0.
var meanings = map[string]struct{ none, one, many, missing string }{
	wire.MaxConns: {"it names no limit on connections", "takes one connection at a time", "takes %d connections at once",
		"it does not say how many connections it takes (php-fpm never does: see pm.max_children)"},
	wire.MaxReqs: {"it names no limit on requests", "takes one request at a time", "takes %d requests at once",
		"it does not say how many requests it takes (php-fpm never does: see pm.max_children)"},
	wire.MpxsConns: {"takes one request at a time on a connection", "takes several requests at once on a connection", "",
		"it does not say whether it takes several requests on a connection; take it for no"},
}

// meaningOf says what the value of name means; nil is a missing one.
func meaningOf(name string, value *string) string {
	m, known := meanings[name]
	switch {
	case !known && value == nil:
		return "it does not know the name"
	case !known:
		return "not a name of the specification"
	case value == nil:
		return m.missing
	}
	n, err := strconv.ParseUint(*value, 10, 32)
	switch {
	case err != nil, n > 1 && m.many == "":
		return "not a value of the specification"
	case n == 0:
		return m.none
	case n == 1:
		return m.one
	}
	return fmt.Sprintf(m.many, n)
}

func printValues(env *Env, format string, rows []valueRow) error {
	if format == "jsonl" {
		var out []byte
		for _, row := range rows {
			out = row.append(out)
		}
		return write(env.Stdout, out)
	}
	var cells [][]string
	for _, row := range rows {
		value := "-"
		if row.Value != nil {
			value = pretty.Clean(*row.Value)
		}
		cells = append(cells, []string{pretty.Clean(row.Name), value, row.Meaning})
	}
	if err := pretty.Table(env.Stdout, []string{"name", "value", "meaning"}, cells); err != nil {
		return outputError{err}
	}
	return nil
}
