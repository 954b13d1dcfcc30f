package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

type requestOptions struct {
	params  paramOptions
	answer  answerOptions
	output  output
	timing  timing
	keep    bool
	id      count
	verbose bool
	silent  bool
	errors  bool // even if silent
	letterF bool // -f, which could be two things
	target  string
}

func (o *requestOptions) flags() []cli.Flag {
	flags := o.params.flags()
	flags = append(flags, o.answer.flags()...)
	flags = append(flags,
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputFlags, Usage: "show every record, both ways, on stderr", Destination: &o.verbose},
		&cli.BoolFlag{Name: "silent", Aliases: []string{"s"}, Category: outputFlags, Usage: "no messages on stderr", Destination: &o.silent},
		&cli.BoolFlag{Name: "show-error", Aliases: []string{"S"}, Category: outputFlags, Usage: "with -s, errors all the same", Destination: &o.errors},
		&cli.BoolFlag{Name: "f", Hidden: true, Destination: &o.letterF},
	)
	flags = append(flags, o.output.flags("", "print the conversation instead of the body, as `FORMAT`: "+orList(formatNames()))...)
	flags = append(flags, o.timing.flags()...)
	o.id = 1
	const protocol = "Protocol"
	return append(flags,
		&cli.BoolFlag{Name: "keep-conn", Category: protocol, Usage: "set KEEP_CONN: the application does not close", Destination: &o.keep},
		&cli.GenericFlag{Name: "id", Category: protocol, Usage: "request id `N`, 1 to 65535", Value: &o.id},
	)
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

Exit codes: 3 when the application closes without END_REQUEST or does not speak FastCGI, 4 when its
appStatus or protocolStatus is not 0, or with --fail when the HTTP status is 400 or more.

Examples:
  fcgiscope request app:echo '/hello?name=world' -H 'X-Test: 1' -d a=b -v
  fcgiscope request auto /ping
  fcgiscope request /run/php/php-fpm.sock '/status?json'
  fcgiscope request 127.0.0.1:9000 /index.php --root /var/www/html -i
  fcgiscope request :9000 --script ./a.php -d @a.json -H 'Content-Type: application/json'`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			if err := o.arguments(c.Args().Slice()); err != nil {
				return err
			}
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
	case o.id < 1 || o.id > 1<<16-1:
		return usagef("request: --id %d is not from 1 to 65535", o.id)
	}
	if o.answer.head && o.params.method == "" {
		if method := o.params.body.method(); method != "" {
			return withHint(usagef("request: -I asks with HEAD, and a body goes with %s", method), "-X METHOD says which; for the header with the body: -i")
		}
		o.params.method = "HEAD"
	}
	o.target = args[0]
	if len(args) == 2 {
		o.params.url = args[1]
	}
	return o.output.check()
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
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	in, err := o.params.open(ctx, env)
	if err != nil {
		return err
	}
	defer in.close()
	req, notes, err := o.params.build(in)
	if err != nil {
		return err
	}
	for _, note := range notes {
		complain(env, note)
	}
	req.Keep, req.ID = o.keep, uint16(o.id)
	t, err = t.open(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	defer t.close()
	nc, err := t.dial(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	tr, err := o.trace(env, t, nc)
	if err != nil {
		nc.Close()
		return err
	}
	x := &exchange{env: env, o: &o, target: t, request: req}
	how, err := x.run(ctx, nc, tr)
	if jarErr := o.params.header.cookies.keep(env, &in.cookies, x.answer.header); jarErr != nil {
		err = errors.Join(err, jarErr)
	}
	if traceErr := tr.close(env.Now(), how, nil); traceErr != nil {
		err = errors.Join(err, outputError{traceErr})
	}
	return err
}

// trace makes what -v and --format ask for.
func (o *requestOptions) trace(env *Env, t target, nc net.Conn) (*trace, error) {
	var sinks []pretty.Sink
	var whole pretty.Format
	if o.output.format.word == "" && !o.verbose {
		return nil, nil
	}
	add := func(format pretty.Format, sink pretty.Sink, err error) error {
		whole.NeedsWhole = whole.NeedsWhole || format.NeedsWhole
		sinks = append(sinks, sink)
		return err
	}
	if o.output.format.word != "" {
		if err := add(o.output.sink(env, o.output.format.word, env.Stdout, env.Terminal.Stdout)); err != nil {
			return nil, err
		}
	}
	if o.verbose {
		if err := add(o.output.sink(env, "text", env.Stderr, env.Terminal.Stderr)); err != nil {
			return nil, err
		}
	}
	return newTrace(t, nc, env.Now(), whole, pretty.Tee(sinks...)), nil
}

// nobody takes messages that are not wanted.
type nobody struct{}

func (nobody) Write(p []byte) (int, error) { return len(p), nil }

// An exchange is one request and its answer.
type exchange struct {
	env      *Env
	o        *requestOptions
	target   target
	request  client.Request
	stderr   messages
	response *client.Response
	answer   answer
}

// run sends the request over nc, which it closes, and prints the answer. It
// says who ended the connection.
func (x *exchange) run(ctx context.Context, nc net.Conn, tr *trace) (flow.CloseKind, error) {
	conn := client.NewConn(nc, client.Options{Idle: x.o.timing.idleLimit(), Observe: tr.observer()})
	defer conn.Close()
	x.stderr.env = x.env
	x.request.Stderr = &x.stderr
	response, err := conn.Do(ctx, x.request)
	if err != nil {
		return flow.CloseByServer, x.failed(ctx, err)
	}
	defer response.Close()
	x.response = response
	x.answer = answer{env: x.env, o: &x.o.answer, events: x.o.output.format.word != ""}
	if err := x.answer.copy(response); err != nil {
		x.stderr.flush()
		return flow.CloseByServer, err
	}
	end, err := response.Wait()
	x.stderr.flush()
	if err != nil {
		return closedBy(err), x.failed(ctx, err)
	}
	return flow.CloseByServer, x.judge(end)
}

// closedBy tells who ended the connection from the error of an answer.
func closedBy(err error) flow.CloseKind {
	var closed *client.ClosedError
	if errors.As(err, &closed) {
		return flow.CloseByApp
	}
	return flow.CloseByServer
}

// judge says whether an answer that is complete is a good one.
func (x *exchange) judge(end wire.EndRequest) error {
	switch {
	case end.Status != wire.RequestComplete:
		return withHint(answerError{fmt.Errorf("%v: the application refused the request: protocolStatus %v", x.target, end.Status)}, refusals[end.Status])
	case end.AppStatus != 0:
		return answerError{fmt.Errorf("%v: the application reports a failure: appStatus %d", x.target, end.AppStatus)}
	}
	x.tellViolations()
	hint, err := x.hint(), x.answer.judge()
	if err != nil {
		return withHint(placed{x.target, err}, hint)
	}
	if hint != "" {
		complain(x.env, "hint: "+hint)
	}
	return nil
}

// refusals is what the protocol statuses mean.
var refusals = map[wire.ProtocolStatus]string{
	wire.CantMultiplex: "it takes one request at a time on a connection",
	wire.Overloaded:    "it is out of workers, memory or the like: try again later, or give it more",
	wire.UnknownRole:   "it does not know the role; most applications are RESPONDERs only",
}

// tellViolations says that the application broke rules without harm to its
// answer; -v says it too, and where.
func (x *exchange) tellViolations() {
	if broken := x.response.Violations(); len(broken) > 0 && !x.o.verbose {
		complain(x.env, fmt.Sprintf("the application broke rule %s at offset %d of its answer", broken[0].Rule, broken[0].Offset))
		complain(x.env, fmt.Sprintf("hint: -v shows where, fcgiscope rules %s what it says", broken[0].Rule))
	}
}
