package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

const (
	greetingWait = 50 * time.Millisecond  // for who closes, or talks, unasked
	valuesWait   = 500 * time.Millisecond // for an answer to GET_VALUES
	idleWait     = 6 * time.Second        // php-fpm waits 5 s for a request
	lingerWait   = 1100 * time.Millisecond
)

// A prober asks one application one thing after the other.
type prober struct {
	env     *Env
	o       *diagnoseOptions
	target  target
	request *client.Request // for the script; nil: none is asked for
	report  *diagnosis
	failure error // where no rule says what is wrong

	// Second opinions, for the facts of every request.
	opinions diagnose.Facts
}

// run takes the steps in order, as far as they make sense.
func (p *prober) run(ctx context.Context) {
	if !p.connect(ctx) {
		return
	}
	if p.o.hard {
		p.values(ctx)
		p.idle(ctx)
	}
	fine := p.pool(ctx)
	if ctx.Err() != nil {
		return
	}
	if p.request != nil {
		fine = p.script(ctx)
	}
	p.report.Healthy = fine && p.failure == nil && ctx.Err() == nil && p.report.worst() == nil
}

// judge diagnoses what a request has shown, with the second opinions.
func (p *prober) judge(f *diagnose.Facts) []diagnose.Verdict {
	o := &p.opinions
	f.Addr, f.Socket = p.target.addr, o.Socket
	f.Greeting, f.IdleClosed, f.Ping, f.FreeWorker = o.Greeting, o.IdleClosed, o.Ping, o.FreeWorker
	f.Waiting, f.Taken = o.Waiting, o.Taken
	return diagnose.Diagnose(f)
}

// connect looks at the address, and connects once.
func (p *prober) connect(ctx context.Context) bool {
	if p.target.addr.Network == "unix" && p.target.process == nil && !strings.HasPrefix(p.target.addr.Address, "@") {
		p.report.say("look at the socket " + p.target.addr.Address)
		s := diagnose.LookAt(p.target.addr.Address)
		p.opinions.Socket = s
		switch last := len(s.Elements) - 1; {
		case s.Missing != "":
			p.report.outcome(false, "%s does not exist", s.Missing)
		case last < 0 || s.Elements[last].Path != s.Path:
			p.report.outcome(false, "it cannot be seen")
		case s.Elements[last].Mode&os.ModeSocket == 0:
			p.report.outcome(false, "no socket: %v", s.Elements[last])
		default:
			p.report.outcome(true, "%v", s.Elements[last])
		}
	}
	p.report.say("connect to " + p.target.String())
	nc, err := p.target.dial(ctx, p.env, time.Duration(p.o.timing.connect))
	if err != nil {
		p.report.outcome(false, "%s", dialOutcome(err))
		p.report.found(p.judge(p.unreachable(err)))
		p.failure = err
		return false
	}
	defer nc.Close()
	p.report.outcome(true, "connected")
	return p.listen(nc)
}

// dialOutcome is why there is no connection, in a few words.
func dialOutcome(err error) string {
	text := plain(err)
	if _, why, found := strings.Cut(text, ": "); found {
		return why
	}
	return text
}

// unreachable makes the facts of a connection that could not be made.
func (p *prober) unreachable(err error) *diagnose.Facts {
	f := &diagnose.Facts{First: -1, Total: -1, After: -1}
	errors.As(err, &f.Dial)
	var late timeoutError
	if f.Dial == nil && errors.As(err, &late) {
		f.Dial = &transport.DialError{Addr: p.target.addr, Reason: transport.Timeout, Err: err}
	}
	return f
}

// listen reports whether the application waits to be asked.
func (p *prober) listen(nc net.Conn) bool {
	p.report.say(fmt.Sprintf("send nothing for %v", greetingWait))
	_ = nc.SetReadDeadline(time.Now().Add(greetingWait))
	b := make([]byte, 64)
	n, err := nc.Read(b)
	switch {
	case n > 0:
		p.report.outcome(false, "it sends %s", pretty.Quote(b[:n], 0))
		p.report.found(p.judge(&diagnose.Facts{Foreign: b[:n]}))
		return false
	case !errors.Is(err, os.ErrDeadlineExceeded):
		p.opinions.Greeting = diagnose.Bad
		p.report.outcome(false, "it closes the connection")
		p.report.found(p.judge(&diagnose.Facts{}))
		return false
	}
	p.opinions.Greeting = diagnose.Good
	p.report.outcome(true, "it waits for a request")
	return true
}

// values asks what the application can take.
func (p *prober) values(ctx context.Context) {
	p.report.say("GET_VALUES, on a connection of its own")
	nc, err := p.target.dial(ctx, p.env, time.Duration(p.o.timing.connect))
	if err != nil {
		p.report.outcome(false, "%s", dialOutcome(err))
		return
	}
	conn := client.NewConn(nc, client.Options{Idle: valuesWait})
	defer conn.Close()
	answer, err := conn.AskValues(ctx)
	kind := client.GuessKind(answer, err)
	switch {
	case err != nil && kind.Name == "":
		p.report.outcome(false, "%s", plain(err))
		return
	case err != nil:
		p.report.outcome(true, "%s (%v %s)", plain(err), kind.Certainty, kind.Name)
		return
	}
	said := "it tells nothing"
	for i, pair := range answer.Pairs {
		if i == 0 {
			said = ""
		}
		said += string(pair.Name) + "=" + string(pair.Value) + " "
	}
	if kind.Name != "" {
		said += fmt.Sprintf("(%v %s)", kind.Certainty, kind.Name)
	}
	p.report.outcome(true, "%s", strings.TrimSpace(said))
}

// idle waits for the application to close a connection without a request.
func (p *prober) idle(ctx context.Context) {
	p.report.say(fmt.Sprintf("send nothing for %v", idleWait))
	nc, err := p.target.dial(ctx, p.env, time.Duration(p.o.timing.connect))
	if err != nil {
		p.report.outcome(false, "%s", dialOutcome(err))
		return
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	start := time.Now()
	_ = nc.SetReadDeadline(start.Add(idleWait))
	_, err = nc.Read(make([]byte, 1))
	switch {
	case ctx.Err() != nil:
		p.report.outcome(false, "given up")
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.report.outcome(true, "the connection stays open")
	default:
		p.opinions.IdleClosed = time.Since(start)
		p.report.outcome(true, "it closes the connection after %.1f s", p.opinions.IdleClosed.Seconds())
	}
}

// pool asks for the pages of php-fpm itself, and reports whether something
// answers. That an application has no such pages is no fault of it.
func (p *prober) pool(ctx context.Context) bool {
	w := newWitness()
	pool := &fpm.Client{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return p.target.dial(ctx, p.env, time.Duration(p.o.timing.connect))
		},
		StatusPath: p.o.status, PingPath: p.o.ping, Idle: p.o.timing.idleLimit(), Observe: w.bytes,
	}
	p.report.say("GET " + p.o.ping + ", php-fpm's ping page")
	pong, err := pool.Ping(ctx)
	f := w.close(p.env.Now(), err)
	var refused *fpm.Error
	errors.As(err, &refused)
	switch {
	case err == nil:
		p.opinions.Ping = diagnose.Good
		p.report.outcome(true, "%s", pretty.Quote([]byte(pong), 60))
		return p.poolStatus(ctx, pool)
	case f.Request.Complete && f.Request.ProtocolStatus == wire.RequestComplete && f.Request.Stdout > 0:
		// It is answered, although not with this page.
		p.opinions.Ping = diagnose.Good
		p.report.outcome(true, "%s", notPing(refused))
		return true
	case f.Timeout || refused != nil && refused.Kind == fpm.Busy:
		p.opinions.Ping = diagnose.Silent
		p.queue()
	default:
		p.opinions.Ping = diagnose.Bad
	}
	p.report.outcome(false, "%s", plain(err))
	if p.request == nil {
		p.report.found(p.judge(f))
		p.failure = failure(ctx, p.target, err)
	}
	return false
}

// notPing says what an application answers that has no ping page.
func notPing(e *fpm.Error) string {
	switch {
	case e == nil:
		return "answered"
	case e.Kind == fpm.NotConfigured:
		return "php-fpm answers, and has no such page: ping.path is not set"
	case e.Kind == fpm.Denied:
		return "php-fpm answers, and takes it for a script that it must not run: ping.path is not set"
	}
	return fmt.Sprintf("HTTP status %d of something else than php-fpm", e.HTTPStatus)
}

// poolStatus asks how many workers are free.
func (p *prober) poolStatus(ctx context.Context, pool *fpm.Client) bool {
	p.report.say("GET " + p.o.status + "?json, php-fpm's status page")
	pool.Observe = nil
	s, err := pool.Status(ctx, false)
	if err != nil {
		p.report.outcome(true, "not to be had: %s", plain(err))
		return true
	}
	p.opinions.FreeWorker = diagnose.Good
	if s.IdleProcesses == 0 {
		p.opinions.FreeWorker = diagnose.Bad
	}
	p.report.outcome(true, "pool %s: %d of %d workers are free, %d connections wait (at most %d did), pm.max_children was reached %d times",
		s.Pool, s.IdleProcesses, s.TotalProcesses, s.ListenQueue, s.MaxListenQueue, s.MaxChildrenReached)
	return true
}

// queue counts the connections of this machine to the application.
func (p *prober) queue() {
	p.opinions.Taken, p.opinions.Waiting = connectionsTo(p.target.addr)
}

// script asks for the script, and looks for the cause if that fails.
func (p *prober) script(ctx context.Context) bool {
	req := *p.request
	linger := time.Duration(0)
	if p.o.hard {
		linger = lingerWait
	}
	p.report.say(describe(req.Params))
	f := p.ask(ctx, req, linger)
	verdicts := p.judge(f)
	bad := fails(f, verdicts)
	p.report.outcome(!bad, "%s", outcomeOf(f))
	if bad && ctx.Err() == nil {
		p.again(ctx, req, f)
		verdicts = p.judge(f)
	}
	p.report.found(verdicts)
	if bad && p.report.worst() == nil {
		p.failure = p.unexplained(f)
	}
	p.tellBroken(f)
	return !bad
}

// fails reports whether an answer is not as it should be.
func fails(f *diagnose.Facts, verdicts []diagnose.Verdict) bool {
	r := &f.Request
	return len(verdicts) > 0 && verdicts[0].Class != diagnose.Caution ||
		!r.Complete || r.ProtocolStatus != wire.RequestComplete || r.AppStatus != 0 || r.Status >= 400
}

// unexplained is the failure of an answer that no rule knows.
func (p *prober) unexplained(f *diagnose.Facts) error {
	err := placed{p.target, errors.New(outcomeOf(f))}
	switch {
	case f.Dial != nil:
		return connectError{err}
	case f.Timeout:
		return timeoutError{err}
	case !f.Request.Complete:
		return peerError{err}
	}
	return answerError{err}
}

// describe says what a request asks for.
func describe(params []wire.Pair) string {
	get := func(name string) string { v, _ := wire.Lookup(params, name); return string(v) }
	method := get("REQUEST_METHOD")
	if method == "" {
		method = "a request without REQUEST_METHOD for"
	}
	what := get("REQUEST_URI")
	if what == "" {
		what = get("SCRIPT_NAME")
	}
	return fmt.Sprintf("%s %s, SCRIPT_FILENAME %s, %d parameters", method, what, pretty.Quote([]byte(get("SCRIPT_FILENAME")), 200), len(params))
}

// outcomeOf says what came of a request.
func outcomeOf(f *diagnose.Facts) string {
	r := &f.Request
	var s string
	switch {
	case f.Dial != nil:
		return dialOutcome(f.Dial)
	case f.Timeout && f.Received == 0:
		return "no answer in time"
	case f.Timeout:
		return fmt.Sprintf("not complete in time, after %d bytes", f.Received)
	case !r.Complete && f.Close == flow.ResetByApp:
		s = "the connection was reset without END_REQUEST"
	case !r.Complete && len(f.Foreign) > 0:
		return "it sends " + pretty.Quote(f.Foreign, 40)
	case !r.Complete:
		s = "the connection was closed without END_REQUEST"
	case r.ProtocolStatus != wire.RequestComplete:
		return "protocolStatus " + r.ProtocolStatus.String()
	default:
		s = fmt.Sprintf("status %d, %d bytes of body", r.Status, f.BodyBytes)
	}
	if r.Complete && r.AppStatus != 0 {
		s += fmt.Sprintf(", appStatus %d", r.AppStatus)
	}
	if len(f.Stderr) > 0 {
		s += ", STDERR " + pretty.Quote(f.Stderr, 200)
	}
	return s
}

// tellBroken names the rules of the protocol that the answer breaks without
// harm.
func (p *prober) tellBroken(f *diagnose.Facts) {
	for _, r := range wire.Rules() {
		if detail, broken := f.Broken[r.ID]; broken && r.Level != wire.Note {
			p.report.say("the rules of the protocol")
			p.report.outcome(false, "%s is broken: %s (fcgiscope rules %s)", r.ID, detail, r.ID)
		}
	}
}
