package commands

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
)

type requestOptions struct {
	params     paramOptions
	saving     saveOptions
	export     choice
	answer     answerOptions
	output     output
	timing     timing
	sending    sending
	retrying   retrying
	recording  recording
	redaction  redaction
	writeOut   template
	showTiming bool
	verbose    bool
	silent     bool
	errors     bool      // even if silent
	letterF    bool      // -f, which could be two things
	given      []setting // the flags that say what is sent
	target     string
}

func (o *requestOptions) flags() []cli.Flag {
	flags := append(o.params.flags(), o.saving.flags()...)
	flags = append(flags, exportFlag(&o.export))
	flags = append(flags, o.answer.flags()...)
	flags = append(flags,
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputFlags, Usage: "show every record, both ways, on stderr", Destination: &o.verbose},
		&cli.BoolFlag{Name: "silent", Aliases: []string{"s"}, Category: outputFlags, Usage: "no messages on stderr", Destination: &o.silent},
		&cli.BoolFlag{Name: "show-error", Aliases: []string{"S"}, Category: outputFlags, Usage: "with -s, errors all the same", Destination: &o.errors},
		&cli.BoolFlag{Name: "f", Hidden: true, Destination: &o.letterF},
	)
	flags = append(flags, o.output.flags("", "print the conversation instead of the body, as `FORMAT`: "+orList(formatNames()))...)
	flags = append(flags,
		&cli.GenericFlag{Name: "write-out", Aliases: []string{"w"}, Category: outputFlags, Usage: "print `TEXT` on stdout at the end, with the %{variables} above; @FILE reads it from there", Value: &o.writeOut},
		&cli.BoolFlag{Name: "timing", Category: outputFlags, Usage: "say at the end, on stderr, when what happened", Destination: &o.showTiming},
	)
	flags = append(flags, o.redaction.flags(outputFlags)...)
	flags = append(flags, o.recording.flags(outputFlags)...)
	flags = append(flags, o.timing.flags()...)
	flags = append(flags, o.retrying.flags()...)
	return append(flags, o.sending.flags()...)
}

func requestCommand(env *Env) *cli.Command {
	var o requestOptions
	return &cli.Command{
		Name:      "request",
		Usage:     "send a request and print the answer",
		ArgsUsage: "ADDR [URL]",
		Description: `
Sends one request to the FastCGI application at ADDR, with the parameters that php-fpm needs, and
prints the body of its answer as it comes. The path of URL is the script's, below --root. ADDR is

  HOST:PORT, PORT      TCP, on 127.0.0.1 where there is no host
  /PATH, unix:PATH     a Unix socket; @NAME is one without a file (Linux)
  app:NAME             an application that is built in, such as app:echo
  'exec:COMMAND ARG…'  an application that is started with its listening socket on descriptor 0, as
                       spawn-fcgi does, and ended after; it gets the environment, and no shell
  fd:N                 a connected socket that is an inherited descriptor
  auto                 php-fpm: its usual sockets, its pools' files, 127.0.0.1:9000

--as sends what a web server sends: names, order and values of the parameters, padding, sizes of
records, flags. What only its configuration and connections know can be set with -P. What depends on
how a body comes in is as if all of it were there; Caddy's order, which is random, is fixed.
--explain-params and --diff print a table and send nothing; ADDR is what SCRIPT_FILENAME of Apache
holds.

Exit codes: 3 when the application closes without END_REQUEST or does not speak FastCGI, 4 when its
appStatus or protocolStatus is not 0, or with --fail when the HTTP status is 400 or more.

Examples:
  fcgiscope request app:echo '/hello?name=world' -H 'X-Test: 1' -d a=b -v
  fcgiscope request auto /ping
  fcgiscope request /run/php/php-fpm.sock '/status?json'
  fcgiscope request 127.0.0.1:9000 /index.php --root /var/www/html -i
  fcgiscope request :9000 --script ./a.php --json @a.json
  fcgiscope request auto /login.php --root /srv/www -d user=alice -b jar -c jar --save login.req
  fcgiscope request --load login.req --export curl
  fcgiscope request :9000 /ping --repeat 100 --keep-conn -o /dev/null -w '%{time_total}\n'
  fcgiscope request app:echo /a -d b=c --offline > a.txt
  fcgiscope request :9000 /index.php/news --root /srv/www --as nginx --diff apache

Variables of --write-out, beside \n, \r, \t and %% for themselves; %{json} is all of them, %{stderr}
prints there what follows:
` + writeOutHelp(),
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			if err := o.arguments(c.Args().Slice()); err != nil {
				return err
			}
			if err := o.writeOut.open(c.Context, env); err != nil {
				return err
			}
			o.given = settings(env.words, c.Command.Flags)
			return request(c.Context, env, o)
		},
	}
}

// arguments takes ADDR and URL, and checks what no flag by itself can.
func (o *requestOptions) arguments(args []string) error {
	switch {
	case o.letterF:
		return withHint(usagef("request: -f could be two things"),
			"--fail: exit with 4 when the HTTP status is 400 or more\n--format NAME: print the conversation as text, jsonl …")
	case len(args) == 0:
		return withHint(usagef("request: no address given"), "such as: fcgiscope request 127.0.0.1:9000 /ping")
	case len(args) > 2:
		return withHint(usagef("request: unexpected argument %q", args[2]), "a URL with special characters needs quotes: '/a?b=c&d=e'")
	}
	if o.answer.head && o.params.method == "" {
		if method := o.params.body.method(); method != "" {
			return withHint(usagef("request: -I asks with HEAD, and a body goes with %s", method), "-X METHOD says which; for the header with the body: -i")
		}
		o.params.method = "HEAD"
	}
	if o.export.word != "" && o.redaction.redactor() != nil {
		return withHint(usagef("request: --export prints the request as it would be sent, and --redact masks what is in it"),
			"a request that can be shown: --offline --redact, with --record FILE as pcapng; one without secrets: --save FILE")
	}
	o.target = args[0]
	if len(args) == 2 {
		o.params.url = args[1]
	}
	o.saving.force = o.recording.force
	if o.saving.save == "" || o.recording.file != "" {
		if err := o.recording.check(); err != nil { // --force is for --save, too
			return err
		}
	}
	return cmp.Or(o.params.as.check(o.output.format.word), o.answer.check(), o.saving.check(), o.sending.check(), o.retrying.check(), o.output.check())
}

// args are the arguments as they were given.
func (o *requestOptions) args() []string {
	if o.params.url == "" {
		return []string{o.target}
	}
	return []string{o.target, o.params.url}
}

// request sends a request and prints its answer.
func request(ctx context.Context, env *Env, o requestOptions) error {
	if o.silent {
		quiet := *env
		quiet.Stderr = nobody{}
		err := request1(ctx, &quiet, o)
		if err != nil && !o.errors {
			err = silenced{err}
		}
		return err
	}
	return request1(ctx, env, o)
}

// request1 is request with the stderr that is wanted.
func request1(ctx context.Context, env *Env, o requestOptions) error {
	t, err := parseTarget(o.target)
	if err != nil {
		return err
	}
	o.params.as.app = t.asApache()
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	in, err := o.params.open(ctx, env)
	if err != nil {
		return err
	}
	defer in.close()
	if o.params.as.shows() {
		return o.params.showAs(env, in, o.redaction.redactor())
	}
	req, notes, err := o.params.build(in)
	if err != nil {
		return err
	}
	for _, note := range notes {
		complain(env, note)
	}
	sends := o.export.word == "" && !o.sending.offline
	for _, note := range o.sending.apply(&req, sends) {
		complain(env, note)
	}
	out := &bodyWriter{env: env, name: o.answer.file, discard: o.output.format.word != "" && o.answer.file == ""}
	if sends {
		if err := cmp.Or(out.check(), o.params.header.cookies.check()); err != nil {
			return err
		}
	}
	if o.saving.save != "" {
		if err := o.saving.write(env, o.args(), o.given); err != nil {
			return err
		}
	}
	if o.export.word != "" {
		return exported(ctx, env, &o, t, in, req)
	}
	if o.sending.offline {
		return offline(ctx, env, o, t, req)
	}
	m := o.meter(env)
	if m != nil {
		defer m.end()
		loud := *env
		loud.Stderr = m
		env, out.meter = &loud, m
	}
	t, err = t.open(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	defer t.close()
	w, err := o.traces(env, o.verbose)
	if err != nil {
		return err
	}
	r := &runner{env: env, o: &o, target: t, request: req, in: in, traces: w, out: out, meter: m}
	err = r.all(ctx)
	if traceErr := w.close(); traceErr != nil {
		err = errors.Join(err, outputError{traceErr})
	}
	return err
}

// traces makes what -v, --format and --record ask for; nil if they ask nothing.
func (o *requestOptions) traces(env *Env, verbose bool) (*traces, error) {
	if o.output.format.word == "" && !verbose && o.recording.file == "" {
		return nil, nil
	}
	w := &traces{mask: o.redaction.redactor()}
	if o.recording.file != "" {
		r, err := o.recording.open(nil)
		if err := w.add(pretty.Format{}, r, err); err != nil {
			return nil, err
		}
	}
	if o.output.format.word != "" {
		if err := w.add(o.output.sink(env, o.output.format.word, env.Stdout, env.Terminal.Stdout)); err != nil {
			return nil, err
		}
	}
	if verbose {
		if err := w.add(o.output.sink(env, "text", env.Stderr, env.Terminal.Stderr)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// nobody takes messages that are not wanted.
type nobody struct{}

func (nobody) Write(p []byte) (int, error) { return len(p), nil }
