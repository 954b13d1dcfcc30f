package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	verify  bool
}

func (o *getValuesOptions) flags() []cli.Flag {
	o.format = choice{"text", []string{"text", "jsonl"}}
	flags := []cli.Flag{
		choiceFlag(outputFlags, "format", []string{"f"}, "print a table (text) or JSON Lines (jsonl) as `FORMAT`", &o.format),
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputFlags, Usage: "show every record, both ways, on stderr", Destination: &o.verbose},
	}
	flags = append(flags, o.view.viewFlags()...)
	flags = append(flags, o.timing.flags()...)
	o.timing.idle = duration(5 * time.Second)   // who answers at all, answers at once
	o.timing.whole = duration(30 * time.Second) // not even a byte now and then keeps us
	return append(flags, &cli.BoolFlag{Name: "verify", Category: "Protocol", Usage: "find out whether it takes two requests at once on a connection", Destination: &o.verify})
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
applications tell only some of them, and some never answer (uwsgi) or die of it (ruby-fcgi). From
the way it answers it guesses what the application is made with.

--verify sends, on a second connection, two requests GET / whose records are interleaved. php-fpm
runs one of them without its parameters, and closes.

Exit codes: 3 when the application closes without an answer, sends something else or cannot do what
it says (--verify), 4 when it answers that it does not know GET_VALUES.

Examples:
  fcgiscope get-values 127.0.0.1:9000
  fcgiscope get-values /run/php/php-fpm.sock --format jsonl
  fcgiscope get-values app:echo FCGI_MPXS_CONNS -v
  fcgiscope get-values 'exec:./app' --verify`,
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
	t, err := parseTarget(o.target)
	if err != nil {
		return err
	}
	if o.verify && t.addr.Network == "fd" {
		return usagef("get-values: --verify needs a connection more, and %v is one only", t)
	}
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	t, err = t.open(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	defer t.close()
	answer, err := o.ask(ctx, env, t)
	if is[outputError](err) || is[connectError](err) || is[interrupted](err) {
		return err
	}
	if err == nil || len(answer.pairs) > 0 {
		if outErr := printValues(env, o.format.word, valueRows(o.wanted(), answer.pairs)); outErr != nil {
			return errors.Join(outErr, err)
		}
		if outErr := printKind(env, o.format.word, answer.kind); outErr != nil {
			return errors.Join(outErr, err)
		}
	}
	if !o.verify {
		return err
	}
	return errors.Join(err, o.tryMultiplex(ctx, env, t, answer.pairs))
}

// wanted is the names that are asked for.
func (o *getValuesOptions) wanted() []string {
	if len(o.names) == 0 {
		return wire.ValueNames()
	}
	return o.names
}

// answeredValues is what became of the question.
type answeredValues struct {
	pairs []wire.Pair
	kind  client.Kind // Unknown if other names were asked for
}

// ask asks for the values. With an error there may be pairs: what is behind them
// is damaged.
func (o *getValuesOptions) ask(ctx context.Context, env *Env, t target) (answeredValues, error) {
	nc, err := t.dial(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return answeredValues{}, err
	}
	tr, err := o.trace(env, t, nc, 0)
	if err != nil {
		nc.Close()
		return answeredValues{}, err
	}
	conn := client.NewConn(nc, client.Options{Idle: o.timing.idleLimit(), Observe: tr.observer()})
	defer conn.Close()
	answer, err := conn.AskValues(ctx, o.wanted()...)
	a := answeredValues{pairs: answer.Pairs}
	if len(o.names) == 0 && t.app == nil {
		a.kind = client.GuessKind(answer, err)
	}
	if traceErr := tr.close(env.Now(), closedBy(err), nil); traceErr != nil {
		return a, outputError{traceErr}
	}
	switch {
	case err != nil && len(a.pairs) == 0:
		return a, valuesFailure(ctx, t, a.kind, err)
	case err != nil:
		return a, peerError{placed{t, err}}
	}
	return a, nil
}

// trace makes what -v asks for: nothing without it. n counts connections.
func (o *getValuesOptions) trace(env *Env, t target, nc net.Conn, n int) (*trace, error) {
	if !o.verbose {
		return nil, nil
	}
	format, sink, err := o.view.sink(env, "text", env.Stderr, env.Terminal.Stderr)
	if err != nil {
		return nil, err
	}
	tr := newTrace(t, nc, env.Now(), format, sink)
	tr.flow.Info.N = n
	return tr, nil
}

// valuesFailure says what it means that there is no answer.
func valuesFailure(ctx context.Context, t target, kind client.Kind, err error) error {
	err = failure(ctx, t, err)
	if kind.Certainty == client.Unknown {
		return err
	}
	return withHint(err, fmt.Sprintf("%v %s: %s", kind.Certainty, kind.Name, kind.Why))
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
	if err := pretty.TableIn(env.Stdout, env.Terminal.columns(), []string{"name", "value", "meaning"}, cells); err != nil {
		return outputError{err}
	}
	return nil
}

// printKind prints the guess at what the application is made with, if there is
// one.
func printKind(env *Env, format string, kind client.Kind) error {
	switch {
	case kind.Certainty == client.Unknown:
		return nil
	case format == "jsonl":
		line := pretty.AppendText([]byte{'{'}, "application", []byte(kind.Name))
		line = pretty.AppendText(line, "certainty", []byte(kind.Certainty.String()))
		return write(env.Stdout, append(pretty.AppendText(line, "why", []byte(kind.Why)), "}\n"...))
	}
	return write(env.Stdout, fmt.Appendf(nil, "application: %v %s (%s)\n", kind.Certainty, kind.Name, kind.Why))
}
