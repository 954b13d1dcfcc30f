package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/capture"
)

type sendOptions struct {
	output
	recording
	redaction
	timing
	from   choice
	lines  list
	delay  duration
	paced  bool
	wait   duration
	target string
	file   string // "-" is standard input, "" where there are lines
}

func (o *sendOptions) flags() []cli.Flag {
	const what, how = "What is sent", "How it is sent"
	o.from = choice{"", nil}
	for _, f := range capture.Formats() {
		o.from.words = append(o.from.words, f.Name)
	}
	o.wait = duration(2 * time.Second)
	limits := o.timing.flags()
	return slices.Concat([]cli.Flag{
		&cli.GenericFlag{Name: "line", Aliases: []string{"e"}, Category: what, Usage: "send `TEXT`, a line or several of the text form, in place of FILE; may come several times", Value: &o.lines},
		choiceFlag(what, "from", nil, "read FILE as `FORMAT`, one of those of dump, instead of finding out", &o.from),
		durationFlag(how, "delay", nil, "wait for `TIME` before each record but the first", &o.delay),
		&cli.BoolFlag{Name: "paced", Category: how, Usage: "send each when its @at, or its packet, says", Destination: &o.paced},
		durationFlag(how, "wait", []string{"timeout"}, "when all is sent, read on until nothing has come for `TIME`", &o.wait),
	}, limits[1:], // --timeout is --wait here
		o.output.flags("text", "show what is sent and what comes as `FORMAT`: "+orList(formatNames()), "f"),
		[]cli.Flag{o.partFlag()},
		o.redaction.flags(outputFlags), o.recording.flags(outputFlags))
}

func sendCommand(env *Env) *cli.Command {
	var o sendOptions
	return &cli.Command{
		Name:      "send",
		Usage:     "send records, legal or not, and show what comes back",
		ArgsUsage: "ADDR [FILE]",
		Description: `
Sends records to the FastCGI application at ADDR, byte for byte and one by one, and shows them and
what comes back as it comes. FILE, or standard input, is in the text form that dump, request
--offline and request -v print, or in any other that dump reads. Of a conversation only what goes
to the application is sent. Nothing is sent when anything of it cannot be.

In the text form, lengths can lie (len=, pad=), > raw is bytes that are no record, ! fin ends our
direction and ! rst resets the connection:

  > BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN
  > PARAMS id=1 REQUEST_METHOD=GET
  > PARAMS id=1
  > raw 01 05 00 01

Exit codes: 3 when the application closes without an answer, or without END_REQUEST, or sends what
is no FastCGI; 4 when a status in an END_REQUEST is not 0; 6 when nothing comes, or a request that
was begun is not answered.

Examples:
  fcgiscope send 127.0.0.1:9000 -e '> GET_VALUES FCGI_MPXS_CONNS=""'
  fcgiscope request :9000 /ping --offline > ping.txt; vi ping.txt; fcgiscope send :9000 ping.txt
  fcgiscope dump php.pcap --conn 3 | fcgiscope send /run/php/php-fpm.sock - --paced
  echo 0109000000000000 | fcgiscope send app:echo -`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			if err := o.arguments(env, c.Args().Slice()); err != nil {
				return err
			}
			return send(c.Context, env, o)
		},
	}
}

// arguments takes ADDR and FILE.
func (o *sendOptions) arguments(env *Env, args []string) error {
	switch {
	case len(args) == 0:
		return withHint(usagef("send: no address given"), "such as: fcgiscope send 127.0.0.1:9000 records.txt")
	case len(args) > 2:
		return withHint(usagef("send: unexpected argument %q", args[2]), "a line of the text form needs quotes, and -e: -e '> ABORT_REQUEST id=1'")
	case len(args) == 2 && len(o.lines) > 0:
		return usagef("send: %s and -e are both what to send", args[1])
	case len(args) == 1 && len(o.lines) == 0 && env.Terminal.Stdin:
		return withHint(usagef("send: nothing to send"), "-e 'LINE', or a file; to read from the terminal: -")
	case o.from.word != "" && len(o.lines) > 0:
		return usagef("send: --from is for a file, and -e is in the text form")
	case o.paced && o.delay > 0:
		return usagef("send: --paced and --delay both say when to send")
	}
	o.target = args[0]
	switch {
	case len(args) == 2:
		o.file = args[1]
	case len(o.lines) == 0:
		o.file = "-"
	}
	return cmp.Or(o.recording.check(), o.output.check())
}

// send sends a script and shows what comes back.
func send(ctx context.Context, env *Env, o sendOptions) error {
	t, err := parseTarget(o.target)
	if err != nil {
		return err
	}
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	s, err := o.script(ctx, env)
	if err != nil {
		return err
	}
	if err := s.possible(t); err != nil {
		return err
	}
	if s.ignored > 0 {
		complain(env, plural(s.ignored, "record", "towards the web server")+" left out")
	}
	t, err = t.open(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	defer t.close()
	traces, outcome, err := o.traces(env)
	if err != nil {
		return err
	}
	nc, err := t.dial(ctx, env, time.Duration(o.timing.connect))
	if err == nil {
		x := &sender{env: env, o: &o, target: t, script: s, conn: nc, outcome: outcome}
		err = x.run(ctx, traces.connection(t, nc, env.Now()))
	}
	if traceErr := traces.close(); traceErr != nil {
		err = errors.Join(outputError{traceErr}, err)
	}
	return err
}

// script reads what is to be sent.
func (o *sendOptions) script(ctx context.Context, env *Env) (*script, error) {
	s, err := o.read(ctx, env)
	if err != nil {
		return nil, err
	}
	if len(s.steps) == 0 {
		err := errors.New("there is nothing to send")
		if s.ignored > 0 {
			err = withHint(errors.New("nothing of it goes to the application"), "lines that are sent begin with >")
		}
		return nil, err
	}
	s.split()
	return s, nil
}

func (o *sendOptions) read(ctx context.Context, env *Env) (*script, error) {
	switch o.file {
	case "":
		s, err := parseScript([]byte(strings.Join(o.lines, "\n")), "-e")
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			var usage []error
			for _, one := range several.Unwrap() {
				usage = append(usage, usageError{one})
			}
			return nil, errors.Join(usage...)
		}
		return s, err
	case "-":
		return readScript(ctx, env.Stdin, "standard input", o.from.word)
	}
	f, err := orDone(ctx, func() (io.ReadCloser, error) { return openInput(o.file) })
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readScript(ctx, f, o.file, o.from.word)
}

// possible refuses what a connection to t cannot do.
func (s *script) possible(t target) error {
	last := s.steps[len(s.steps)-1]
	where := ""
	if last.line > 0 {
		where = fmt.Sprintf("line %d: ", last.line)
	}
	switch {
	case last.kind == capture.ChunkFin && t.app != nil:
		return usagef("send: %s! fin: a built-in application is in this process, and its connection has no half", where)
	case last.kind == capture.ChunkRst && t.addr.Network != "tcp":
		return usagef("send: %s! rst: only a TCP connection can be reset", where)
	}
	return nil
}

// traces makes what shows the conversation, and what judges it.
func (o *sendOptions) traces(env *Env) (*traces, *outcome, error) {
	w := &traces{mask: o.redactor()}
	if o.recording.file != "" {
		r, err := o.recording.open([]string{o.file})
		if err := w.add(pretty.Format{}, r, err); err != nil {
			return nil, nil, err
		}
	}
	if err := w.add(o.sink(env, o.format.word, env.Stdout, env.Terminal.Stdout)); err != nil {
		return nil, nil, err
	}
	judge := &outcome{}
	return w, judge, w.add(pretty.Format{}, judge, nil)
}
