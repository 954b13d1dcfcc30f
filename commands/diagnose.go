package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

type diagnoseOptions struct {
	params  paramOptions
	timing  timing
	format  choice
	hard    bool
	ping    string
	status  string
	capture string
	from    choice
	log     string
	rules   bool
	rule    string
	target  string
}

// asOfRequest are the flags of request that say what a GET or HEAD request is
// made of.
var asOfRequest = []string{
	"method", "header", "param", "unset", "root", "script", "index", "root-map", "user", "cookie", "user-agent", "referer", "php-value", "php-admin-value",
}

func (o *diagnoseOptions) flags() []cli.Flag {
	o.format = choice{"text", []string{"text", "json"}}
	for _, f := range capture.Formats() {
		o.from.words = append(o.from.words, f.Name)
	}
	o.ping, o.status = fpm.DefaultPingPath, fpm.DefaultStatusPath
	const category = "Diagnosis"
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "probe-hard", Category: category, Usage: "probe with what can hurt a server, too: GET_VALUES (ruby-fcgi dies of it), connections that stay open for seconds, and a request that fails again and again with fewer parameters", Destination: &o.hard},
		&cli.StringFlag{Name: "ping-path", Category: category, Usage: "ping.path of the pool is `PATH` (default " + fpm.DefaultPingPath + ")", Destination: &o.ping},
		&cli.StringFlag{Name: "status-path", Category: category, Usage: "pm.status_path of the pool is `PATH` (default " + fpm.DefaultStatusPath + ")", Destination: &o.status},
		choiceFlag(category, "format", []string{"f"}, "print `FORMAT`: text, or one JSON object (json)", &o.format),
		&cli.StringFlag{Name: "capture", Category: category, Usage: "judge every request in `FILE`, which is anything that dump reads, and send nothing; - is stdin", Destination: &o.capture},
		choiceFlag(category, "from", nil, "with --capture, read it as `FORMAT`, as dump --from", &o.from),
		&cli.StringFlag{Name: "log", Category: category, Usage: "judge the lines of the error log `FILE` of nginx, Apache, lighttpd or php-fpm, and send nothing; - is stdin", Destination: &o.log},
		&cli.BoolFlag{Name: "rules", Category: category, Usage: "list the faults that are known", Destination: &o.rules},
		&cli.StringFlag{Name: "rule", Category: category, Usage: "say all about the fault `ID`, such as D13 or script-missing", Destination: &o.rule},
	}
	flags = append(flags, slices.DeleteFunc(o.params.flags(), func(f cli.Flag) bool { return !slices.Contains(asOfRequest, namesOf(f)[0]) })...)
	flags = append(flags, o.timing.flags()...)
	o.timing.idle, o.timing.whole = duration(5*time.Second), duration(time.Minute)
	return flags
}

func diagnoseCommand(env *Env) *cli.Command {
	var o diagnoseOptions
	return &cli.Command{
		Name:      "diagnose",
		Usage:     "find out why an application does not answer as it should",
		ArgsUsage: "[ADDR [URL]]",
		Description: `
Probes the application at ADDR step by step, says each step before it is taken, and then what is
wrong, how that shows, what to check and what to do: the socket, the connection, php-fpm's ping and
status pages, and with URL (or --script) the script itself, as request would ask for it. What fails
is asked again with few parameters, and a script that is not found under other paths. Nothing but
GET and HEAD is sent, and every connection is closed at once.

--capture and --log send nothing, and judge what others have recorded.

Exit codes: 0 when all is well; 5 when there is no connection, 6 no answer in time, 3 when one side
broke the protocol or left too early, 4 when the application answered, but not as it should. With
--capture and --log 0, whatever is found.

Examples:
  fcgiscope diagnose /run/php/php-fpm.sock
  fcgiscope diagnose 127.0.0.1:9000 /index.php --root /var/www/html
  fcgiscope diagnose --capture php.pcap
  fcgiscope diagnose --log /var/log/nginx/error.log
  fcgiscope diagnose --rule D13`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			if err := o.arguments(c.Args().Slice()); err != nil {
				return err
			}
			return diagnoseRun(c.Context, env, o)
		},
	}
}

// arguments takes ADDR and URL, and checks what no flag by itself can.
func (o *diagnoseOptions) arguments(args []string) error {
	var instead []string
	for _, other := range []struct {
		flag  string
		given bool
	}{{"--capture", o.capture != ""}, {"--log", o.log != ""}, {"--rules", o.rules}, {"--rule", o.rule != ""}} {
		if other.given {
			instead = append(instead, other.flag)
		}
	}
	switch {
	case len(instead) > 1:
		return usagef("diagnose: %s and %s: one at a time", instead[0], instead[1])
	case len(instead) == 1 && len(args) > 0:
		return usagef("diagnose: either %s or an address, and %q is one", instead[0], args[0])
	case o.from.word != "" && o.capture == "":
		return usagef("diagnose: --from is for --capture")
	case len(instead) == 1:
		return nil
	case len(args) == 0:
		return withHint(usagef("diagnose: no address given"), "such as: fcgiscope diagnose 127.0.0.1:9000 /index.php --root /var/www/html")
	case len(args) > 2:
		return withHint(usagef("diagnose: unexpected argument %q", args[2]), "a URL with special characters needs quotes: '/a?b=c&d=e'")
	}
	o.target = args[0]
	if len(args) == 2 {
		o.params.url = args[1]
	}
	return nil
}

// harmless refuses a request that may change something.
func harmless(params []wire.Pair) error {
	switch method, _ := wire.Lookup(params, "REQUEST_METHOD"); string(method) {
	case "", "GET", "HEAD":
		return nil
	}
	return withHint(usagef("diagnose: only GET and HEAD are sent, as they change nothing"), "fcgiscope request sends everything")
}

// diagnoseRun does what was asked for.
func diagnoseRun(ctx context.Context, env *Env, o diagnoseOptions) error {
	switch {
	case o.rules:
		return listCauses(env, o.format.word)
	case o.rule != "":
		return tellCause(env, o.format.word, o.rule)
	case o.log != "":
		return diagnoseLog(ctx, env, o)
	case o.capture != "":
		return diagnoseCapture(ctx, env, o)
	}
	return diagnoseLive(ctx, env, o)
}

// diagnoseLive probes an application. Nothing is sent before all that the user
// said is known to be right.
func diagnoseLive(ctx context.Context, env *Env, o diagnoseOptions) error {
	t, err := parseTarget(o.target)
	if err != nil {
		return err
	}
	var req *client.Request
	if o.params.url != "" || o.params.script != "" {
		in, err := o.params.open(ctx, env)
		if err != nil {
			return err
		}
		defer in.close()
		built, notes, err := o.params.build(in)
		if err != nil {
			return err
		}
		if err := harmless(built.Params); err != nil {
			return err
		}
		for _, note := range notes {
			complain(env, note)
		}
		req = &built
	}
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	t, err = t.open(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	defer t.close()
	p := &prober{env: env, o: &o, target: t, request: req, report: &diagnosis{env: env, json: o.format.word == "json", Address: t.String()}}
	p.run(ctx)
	if err := p.report.print(); err != nil {
		return err
	}
	return p.verdict(ctx)
}

// verdict is the exit code of what was found.
func (p *prober) verdict(ctx context.Context) error {
	worst := p.report.worst()
	switch {
	case ctx.Err() != nil:
		return placed{p.target, context.Cause(ctx)}
	case worst != nil:
		return classErrors[worst.Class](fmt.Errorf("%v: %s %s", p.target, worst.ID, worst.Key))
	}
	return p.failure
}
