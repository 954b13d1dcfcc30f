package commands

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
)

type shellOptions struct {
	output
	recording
	redaction
	timing
	lines     list
	noHistory bool
	target    string // "" is none yet
}

func (o *shellOptions) flags() []cli.Flag {
	const what = "What is done"
	return slices.Concat([]cli.Flag{
		&cli.GenericFlag{Name: "command", Aliases: []string{"c"}, Category: what, Usage: "run `LINES` instead of what standard input has; '; ' separates them; may come several times", Value: &o.lines},
		&cli.BoolFlag{Name: "no-history", Category: what, Usage: "neither read nor keep the lines of earlier sessions", Destination: &o.noHistory},
	}, o.timing.flags(),
		o.output.flags("text", "show what is sent and what comes as `FORMAT`: "+orList(formatNames()), "f"),
		[]cli.Flag{o.partFlag()},
		o.redaction.flags(outputFlags), o.recording.flags(outputFlags))
}

func shellCommand(env *Env) *cli.Command {
	var o shellOptions
	return &cli.Command{
		Name:      "shell",
		Usage:     "talk to an application record by record, by hand or from a script",
		ArgsUsage: "[ADDR]",
		Description: `
Connects to the FastCGI application at ADDR, sends what you type, and shows both directions record
by record, as it happens and also while you type. Rules that are broken, by either side, are named
under the record. On a terminal there are completion (Tab) and history (Ctrl-R searches it); help
lists the commands, and Ctrl-C aborts the request, not the shell. A session:

  connect unix:/run/php/php-fpm.sock
  begin 1 responder keep
  params 1 REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping
  params 1                 # no pairs: the empty record that ends the stream
  stdin 1                  # likewise
  wait                     # until everything open has ended, or the limit

The same lines are a script, from standard input or -c: nothing is echoed then, and the first error
ends it and names its line. save FILE keeps a session as a test, load FILE runs it and compares.

On a terminal, lines are kept in $XDG_STATE_HOME/fcgiscope/history (~/.local/state), but for those
that hold secrets, and raw bytes. What save and record write can hold secrets; only you can read it.

Exit codes of a script: 2 for a line that is wrong; 3 when the application closes without
END_REQUEST, does not speak FastCGI, or does something else than in the session that load compares;
4 when wait sees a status in an END_REQUEST that is not 0; 6 when it has waited too long.

Examples:
  fcgiscope shell /run/php/php-fpm.sock
  fcgiscope shell app:echo -c 'begin 1; params 1 REQUEST_METHOD=GET; params 1; stdin 1; wait'
  fcgiscope shell 127.0.0.1:9000 < session.txt
  fcgiscope shell -c 'load session.txtar'`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			if err := o.arguments(c.Args().Slice()); err != nil {
				return err
			}
			return runShell(c.Context, env, o)
		},
	}
}

// arguments takes ADDR.
func (o *shellOptions) arguments(args []string) error {
	if len(args) > 1 {
		return withHint(usagef("shell: unexpected argument %q", args[1]), "a line needs -c, and quotes: -c 'begin 1'")
	}
	if len(args) == 1 {
		o.target = args[0]
		if _, err := parseTarget(o.target); err != nil {
			return err
		}
	}
	return cmp.Or(o.recording.check(), o.output.check())
}

// runShell runs a session: from the terminal, or from a script.
func runShell(ctx context.Context, env *Env, o shellOptions) error {
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	if t := env.Terminal; len(o.lines) == 0 && t.Stdin && t.Stdout && t.Raw != nil {
		return interact(ctx, env, &o)
	}
	loud := *env // what comes, and what a command prints, come from several goroutines
	loud.Stdout = &lockedWriter{w: env.Stdout}
	env = &loud
	s, err := newShell(env, &o)
	if err != nil {
		return err
	}
	err = s.start(ctx)
	if err == nil {
		var in lineSource = newComingLines(ctx, env.Stdin, "")
		if len(o.lines) > 0 {
			in = &knownLines{name: "-c", lines: strings.Split(strings.Join(o.lines, "\n"), "\n")}
		}
		err = s.script(ctx, in)
		if err == nil {
			err = s.verdict(nil)
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return errors.Join(err, s.close())
}

// start connects to the address of the command line.
func (s *shellSession) start(ctx context.Context) error {
	if s.o.target == "" {
		return nil
	}
	s.lines.add("connect "+shellWord(s.o.target), false)
	return s.connect(ctx, s.o.target)
}

// newShell makes a session without connections. It has to be closed.
func newShell(env *Env, o *shellOptions) (*shellSession, error) {
	s := &shellSession{env: env, o: o, settings: newSettings(o), changed: make(chan struct{}), targets: map[string]target{}}
	s.shown.mask = o.redactor()
	_ = s.shown.add(pretty.Format{NeedsWhole: true}, &s.watch, nil)
	s.watch.s = s
	s.seen = newTranscript()
	_ = s.shown.add(pretty.Format{}, s.seen, nil)
	if o.recording.file != "" {
		r, err := o.recording.open(nil)
		if err != nil {
			return nil, err
		}
		s.recorder = r
		_ = s.shown.add(pretty.Format{}, r, nil)
	}
	format, sink, err := o.sink(env, o.format.word, env.Stdout, env.Terminal.Stdout)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if format.Name == "text" {
		sink = &untimed{Sink: sink, s: s}
	}
	return s, s.shown.add(format, sink, nil)
}
