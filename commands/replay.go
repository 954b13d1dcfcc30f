package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/replay"
)

type replayOptions struct {
	recording
	choosing
	timing
	comparing
	format      choice
	onlyChanged bool
	stable      bool
	from        choice
	ports       ports
	exact       bool
	fresh       bool
	all         bool
	unsafe      bool
	set, unset  list
	roots       rootMap
	concurrency count
	paced       bool
	speed       factor
	loop        loops
	limit       count
	listen      list
	check       bool
	args        []string
}

// A comparing is what of the answers is compared.
type comparing struct {
	ignore   list
	noIgnore bool
	json     bool
	layout   bool
	slower   factor
}

func (o *replayOptions) flags() []cli.Flag {
	const what, how, compared = "What is sent", "How it is sent", "What is compared"
	o.from = choice{"", nil}
	for _, f := range capture.Formats() {
		o.from.words = append(o.from.words, f.Name)
	}
	o.format = choice{"table", []string{"table", "jsonl", "junit"}}
	o.loop = 1
	return slices.Concat([]cli.Flag{
		&cli.BoolFlag{Name: "exact", Category: what, Usage: "send byte for byte what was sent, all records as they were; otherwise each request is built anew", Destination: &o.exact},
		&cli.GenericFlag{Name: "set", Category: what, Usage: "set a parameter of every request: `NAME=VALUE`; may come several times, as the next two may", Value: &o.set},
		&cli.GenericFlag{Name: "unset", Category: what, Usage: "leave out the parameter `NAME`; may come several times", Value: &o.unset},
		&cli.GenericFlag{Name: "root-map", Category: what, Usage: "`/OLD=/NEW`: paths that begin with /OLD begin with /NEW where it is replayed; may come several times", Value: &o.roots},
		&cli.BoolFlag{Name: "unsafe", Category: what, Usage: "send requests that may change something (POST, PUT, DELETE …), too", Destination: &o.unsafe},
		&cli.BoolFlag{Name: "all", Category: what, Usage: "send requests whose answer is missing, and those that were aborted, too", Destination: &o.all},
		choiceFlag(what, "from", nil, "read FILE as `FORMAT`, one of those of dump, instead of finding out", &o.from),
		&cli.GenericFlag{Name: "port", Category: what, Usage: "what goes to the TCP port `N` is FastCGI, whatever it looks like; may come several times", Value: &o.ports},
	}, o.choosing.flags()[:4], // all but --type, which chooses records
		[]cli.Flag{
			&cli.GenericFlag{Name: "limit", Category: choosingFlags, Usage: "stop after `N` requests", Value: &o.limit},
			&cli.BoolFlag{Name: "fresh", Category: how, Usage: "a connection for each request; otherwise they are kept, and shared, as they were", Destination: &o.fresh},
			&cli.GenericFlag{Name: "concurrency", Category: how, Usage: "play `N` connections at once, each by itself; otherwise a request begins when those have ended that had ended before", Value: &o.concurrency},
			&cli.BoolFlag{Name: "paced", Category: how, Usage: "send when it was sent; otherwise as fast as it goes", Destination: &o.paced},
			&cli.GenericFlag{Name: "speed", Category: how, Usage: "as --paced, but so many times as fast: `2x`, 0.5x", Value: &o.speed},
			&cli.GenericFlag{Name: "loop", Category: how, Usage: "play it `N` times; 0: until Ctrl-C", Value: &o.loop},
			&cli.GenericFlag{Name: "listen", Aliases: []string{"l"}, Category: how, Usage: "the other way round: answer a web server at `ADDR` as FILE did (serve mock), with --paced and --layout if wanted; may come several times", Value: &o.listen},
			&cli.BoolFlag{Name: "check", Category: compared, Usage: "FILE is a test, see above: send its records, and expect its answers and findings", Destination: &o.check},
			&cli.GenericFlag{Name: "ignore", Category: compared, Usage: "let `NAME` differ: a header field, body, status, stderr, appStatus, protocolStatus, or, behind a dot, a place in JSON (.items[].id); may come several times", Value: &o.ignore},
			&cli.BoolFlag{Name: "no-ignore", Category: compared, Usage: "compare dates, cookies, and ids and times of requests, too", Destination: &o.noIgnore},
			&cli.BoolFlag{Name: "json-body", Category: compared, Usage: "compare bodies that are JSON by what they say", Destination: &o.json},
			&cli.BoolFlag{Name: "layout", Category: compared, Usage: "compare the records of the answers: types, sizes, padding", Destination: &o.layout},
			&cli.GenericFlag{Name: "slower", Category: compared, Usage: "an answer differs that took more than `2x` as long", Value: &o.slower},
			choiceFlag(outputFlags, "format", []string{"f"}, "report as `FORMAT`: "+orList(o.format.words), &o.format),
			&cli.BoolFlag{Name: "only-changed", Category: outputFlags, Usage: "report only requests that are answered in another way", Destination: &o.onlyChanged},
			&cli.BoolFlag{Name: "stable", Category: outputFlags, Usage: stableUsage, Destination: &o.stable},
		}, o.recording.flags(outputFlags), o.timing.flags())
}

func replayCommand(env *Env) *cli.Command {
	var o replayOptions
	return &cli.Command{
		Name:      "replay",
		Usage:     "send a kept conversation again, and say what is different",
		ArgsUsage: "FILE [ADDR]",
		Description: `
Sends the requests in FILE, which is anything that dump reads, to the application at ADDR, and
compares its answers with those in FILE: status, header, body, STDERR and END_REQUEST. Dates,
cookies, and ids and times of requests may differ, as may what --ignore names.

Requests are sent in the order in which they were: one that began when another had ended waits for
that one. Those that may change something (POST, PUT, DELETE …) are left out without --unsafe, those
whose answer is not in FILE without --all.

Nothing is sent when FILE is in the text form and something of it cannot be read: what it is, is
said with its line. Of a capture with gaps, what is whole is sent, and the rest is named.

With --listen it is the other way round: a web server gets the answers in FILE.

With --check, FILE is a test of an application, in the form of txtar: a section "records" in the
text form, whose lines with > are sent exactly and whose lines with < are expected, and, if wanted,
a section "expect" with rules that are broken then (see rules), and no others may be:

  # It ends the request although the body is too short.
  -- expect --
  finding stdin-length dir=to-app
  -- records --
  > BEGIN_REQUEST id=1 role=RESPONDER flags=0
  …

Exit codes: 3 when an answer differs, or FILE holds no FastCGI.

Examples:
  fcgiscope replay php.pcap 127.0.0.1:9000
  fcgiscope replay php.pcapng /run/php/php-fpm.sock --root-map /srv=/app --ignore X-Version
  fcgiscope dump php.pcap -f text > c.txt; vi c.txt; fcgiscope replay c.txt :9000 --exact
  fcgiscope replay php.pcapng --listen /run/mock.sock --paced
  fcgiscope replay --check bug-4711.txtar :9000 --format junit
  fcgiscope replay php.pcap :9000 --loop 0 --concurrency 8 --where 'took < 1' --only-changed
` + whereHelp(),
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.args = c.Args().Slice()
			return runReplay(c.Context, env, o)
		},
	}
}

// valid refuses what cannot be meant.
func (o *replayOptions) valid() error {
	switch {
	case len(o.args) == 0:
		return withHint(usagef("replay: no file given"), "such as: fcgiscope replay php.pcap 127.0.0.1:9000")
	case len(o.listen) > 0:
		return o.checkListen()
	case len(o.args) == 1:
		return withHint(usagef("replay: no address given"), "the application that is to answer: fcgiscope replay "+shellWord(o.args[0])+" 127.0.0.1:9000")
	case len(o.args) > 2:
		return usagef("replay: unexpected argument %q", o.args[2])
	case o.exact && (len(o.set) > 0 || len(o.unset) > 0 || len(o.roots) > 0):
		return usagef("replay: --exact sends the parameters as they were: without --set, --unset and --root-map")
	case o.concurrency > 0 && (o.paced || o.speed > 0):
		return usagef("replay: --concurrency is as fast as it goes; with --paced or --speed there are as many at once as there were")
	case o.check && (o.from.word != "" || o.fresh || o.limit > 0 || o.concurrency > 0 || o.chooses() || len(o.set)+len(o.unset)+len(o.roots) > 0):
		return usagef("replay: --check sends all that is in the file, as it is there")
	case o.loop == 0 && o.format.word == "junit":
		return usagef("replay: a junit report has an end, and --loop 0 has none")
	case o.paced && o.speed > 0:
		return usagef("replay: --paced is --speed 1x; choose one")
	}
	for _, s := range o.set {
		if name, _, ok := strings.Cut(s, "="); !ok || name == "" {
			return usagef("--set: want NAME=VALUE") // what it is may be a secret
		}
	}
	return o.recording.check()
}

// runReplay sends what a file holds, and compares.
func runReplay(ctx context.Context, env *Env, o replayOptions) error {
	if err := o.valid(); err != nil {
		return err
	}
	if len(o.listen) > 0 {
		return o.answer(ctx, env)
	}
	t, err := parseTarget(o.args[1])
	if err != nil {
		return err
	}
	ctx, cancel := o.timing.limit(ctx)
	defer cancel()
	p := o.plan()
	defer p.Close()
	test, err := o.read(ctx, env, p)
	if err != nil {
		return err
	}
	if err := o.tellLeft(env, p); err != nil {
		return err
	}
	t, err = t.open(ctx, env, time.Duration(o.connect))
	if err != nil {
		return err
	}
	defer t.close()
	return o.play(ctx, env, p, t, test)
}

// chooses reports whether not all is wanted.
func (o *replayOptions) chooses() bool {
	c := o.choice()
	return !c.All()
}

// plan makes the plan that takes the conversations.
func (o *replayOptions) plan() *replay.Plan {
	p := &replay.Plan{
		Exact: o.exact || o.check, Fresh: o.fresh, All: o.all || o.check, Unsafe: o.unsafe || o.check, Layout: o.comparing.layout,
	}
	if len(o.set)+len(o.unset)+len(o.roots) > 0 {
		var pairs []wire.Pair
		for _, s := range o.set {
			name, value, _ := strings.Cut(s, "=")
			pairs = append(pairs, wire.NewPair(name, value))
		}
		p.Edit = func(params []wire.Pair) []wire.Pair {
			return cgi.Override(cgi.Unset(o.roots.params(params), o.unset...), pairs)
		}
	}
	return p
}

// comparison is what is compared.
func (o *replayOptions) comparison() replay.Comparison {
	c := replay.Comparison{Ignore: map[string]bool{}, JSON: o.json, Layout: o.comparing.layout, Slower: float64(o.slower)}
	for _, p := range o.roots {
		c.Paths = append(c.Paths, replay.Path{Was: p.here, Is: p.there})
	}
	if !o.noIgnore {
		for _, name := range replay.Varying() {
			c.Ignore[name] = true
		}
	}
	for _, name := range o.ignore {
		if name[:min(1, len(name))] != "." {
			name = strings.ToLower(name)
		}
		c.Ignore[name] = true
	}
	return c
}

// play plays p, as often as wanted.
func (o *replayOptions) play(ctx context.Context, env *Env, p *replay.Plan, t target, test *conversationTest) error {
	report := o.reporter(env)
	kept, err := o.keeper(t, test)
	if err != nil {
		return err
	}
	var broken error
	playing, stop := context.WithCancel(ctx)
	defer stop()
	var m *meter
	player := &replay.Player{
		Dial:        t.dialer(env, time.Duration(o.connect)),
		Concurrency: int(o.concurrency), Speed: float64(o.speed), Idle: max(0, o.timing.idleLimit()), Limit: int(o.limit),
		Compare: o.comparison(),
		Observe: kept.observe,
		Result: func(r *replay.Result) {
			m.add(1)
			if broken == nil {
				if broken = report.result(r); broken != nil {
					stop()
				}
			}
		},
	}
	if o.paced {
		player.Speed = 1
	}
	if player.Times = int(o.loop); o.loop == 0 {
		player.Times = -1
	}
	if env.Terminal.Stderr && !env.Terminal.Stdout {
		m = newMeter(env)
		defer m.end()
		m.begin("replaying", o.toSend(len(p.Requests())), "request")
		loud := *env
		loud.Stderr = m
		env = &loud
	}
	began := env.Now()
	err = player.Play(playing, p)
	m.rest()
	if keptErr := kept.close(); broken == nil {
		broken = keptErr
	}
	if test != nil && broken == nil && err == nil {
		broken = report.rules(test.judge())
	}
	if closeErr := report.close(); broken == nil {
		broken = closeErr
	}
	if report.total > 0 || err == nil {
		report.sum(env, env.Now().Sub(began), o.stable)
	}
	switch {
	case broken != nil:
		return outputError{broken}
	case err != nil && o.loop == 0 && errors.Is(ctx.Err(), context.Canceled):
		return ended{report.verdict()}
	case err != nil:
		return err
	}
	return report.verdict()
}

// toSend returns how many requests are sent of a plan with so many; 0: there is
// no end.
func (o *replayOptions) toSend(planned int) int64 {
	n := int64(planned) * int64(o.loop)
	if limit := int64(o.limit); limit > 0 && (n == 0 || limit < n) {
		return limit
	}
	return n
}

// A factor is the value of a flag: a number that may end with x.
type factor float64

// Set implements flag.Value.
func (f *factor) Set(s string) error {
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(v >= 0.001 && v <= 1e6) {
		return fmt.Errorf("want how many times, such as 2x or 0.5x")
	}
	*f = factor(v)
	return nil
}

// String returns "": there is no default.
func (f *factor) String() string { return "" }

// loops is the value of a flag: how often, 1 where it is not said.
type loops int

// Set implements flag.Value.
func (l *loops) Set(s string) error {
	var n count
	if err := n.Set(s); err != nil {
		return err
	}
	*l = loops(n)
	return nil
}

// String returns the number.
func (l *loops) String() string { return strconv.Itoa(int(*l)) }
