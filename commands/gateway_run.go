package commands

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/gateway"
)

// gatewayHeader is the largest header of a request, in bytes, for net/http, which
// takes 4 KiB more than one says: a field has to fit into a record.
const gatewayHeader = 60 << 10

// A gatewayRun is a gateway at work, and what it has opened.
type gatewayRun struct {
	env  *Env
	o    *gatewayOptions
	dead chan error // an application that was started has ended

	site      *gateway.Site // nil: there is none
	health    *gateway.Health
	handler   http.Handler
	tls       *tls.Config
	listeners []listener
	backends  []*backend
	php       *fpm.Pool
	spawned   *process
	watcher   *watcher
	log       *accessLog
	said      *floodgate         // what went wrong with requests
	ending    context.CancelFunc // of what is for as long as the gateway
	atWork    sync.WaitGroup     // requests
}

// prepare opens everything, in the order in which it is likely to fail.
func (g *gatewayRun) prepare(ctx context.Context) (err error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g.ending = cancel
	o := g.o
	made, err := g.template()
	if err != nil {
		return err
	}
	targets, err := o.app.targets(o.args)
	if err != nil {
		return err
	}
	if g.tls, err = o.tlsConfig(); err != nil {
		return err
	}
	if g.site, err = o.site.open(o.app.php); err != nil {
		return err
	}
	if len(o.listening.addrs) == 0 {
		o.listening.addrs = list{gatewayListen}
	}
	if g.listeners, err = o.listening.open(ctx, g.env); err != nil {
		return err
	}
	if g.watcher, err = o.log.watching.watcher(g.env, "gateway", nil); err != nil {
		return err
	}
	g.log = o.log.open(g.env)
	if err := g.start(ctx, life, targets, made); err != nil {
		return err
	}
	return nil
}

// template is what all applications are asked with.
func (g *gatewayRun) template() (gateway.App, error) {
	o := g.o
	trusted, err := o.app.trusted()
	if err != nil {
		return gateway.App{}, err
	}
	pairs, err := o.app.pairs()
	if err != nil {
		return gateway.App{}, err
	}
	made := gateway.App{
		Name: o.app.name, Trusted: trusted, MaxBody: int64(o.limits.body),
		BodyTime: limitOf(o.limits.send), MaxTime: time.Duration(o.limits.whole), Stderr: g.stderr,
	}
	if o.app.as.word != "" {
		made.Preset = serverNamed(o.app.as.word)
	}
	if len(pairs) > 0 || len(o.site.rootMap) > 0 {
		made.Params = func(params []wire.Pair) []wire.Pair {
			params = o.site.rootMap.params(params)
			if len(pairs) > 0 {
				params = cgi.Override(params, pairs)
			}
			return params
		}
	}
	return made, nil
}

// limitOf is a limit as package gateway wants it: less than 0 is none.
func limitOf(d duration) time.Duration {
	if d == 0 {
		return -1
	}
	return time.Duration(d)
}

// start starts the applications and makes the chain of handlers.
func (g *gatewayRun) start(ctx, life context.Context, targets gatewayTargets, made gateway.App) error {
	main, err := g.mainBackend(ctx, life, targets.main)
	if err != nil {
		return err
	}
	app := main.app(made)
	var next http.Handler
	switch {
	case g.site != nil:
		g.site.Scripts = app
		g.site.Filters = make(map[string]*gateway.Filter)
		for _, f := range targets.filters {
			b, err := g.open(ctx, life, f.target)
			if err != nil {
				return err
			}
			g.site.Filters[f.ext] = &gateway.Filter{App: b.app(made)}
		}
		next = g.site
	case g.o.site.script != "":
		file, err := absolute(g.o.site.script)
		if err != nil {
			return err
		}
		root, err := absolute(g.o.site.root)
		if err != nil {
			return err
		}
		next = &gateway.Endpoint{File: file, Root: root, App: app}
	default:
		next = &gateway.Endpoint{App: app}
	}
	if targets.authorizer != nil {
		b, err := g.open(ctx, life, *targets.authorizer)
		if err != nil {
			return err
		}
		z := &gateway.Authorizer{App: b.app(made), Next: next}
		if g.site != nil {
			z.Root = g.site.Dir()
		}
		next = z
	}
	if n := int(g.o.limits.requests); n > 0 {
		next = gateway.NewLimiter(next, n, int(g.o.limits.waiting), cmp.Or(time.Duration(g.o.limits.wait), 1<<62))
	}
	if !g.o.app.noHealth {
		g.health = &gateway.Health{Next: next, Ready: g.ready(main)}
		next = g.health
	}
	g.handler = &gateway.Front{Next: next, Done: g.done, SendTime: limitOf(g.o.limits.send)}
	return nil
}

// done logs a request.
func (g *gatewayRun) done(x *gateway.Exchange) {
	probe := g.health != nil && !x.Asked && (x.Request.URL.Path == "/healthz" || x.Request.URL.Path == "/readyz")
	if !probe { // those are too many and say nothing
		g.log.add(x)
	}
	if x.Why == "" || x.Status == http.StatusNotFound && !x.Refused || x.Status == 499 {
		return
	}
	why, _, _ := strings.Cut(x.Why, "\n")
	what := "failed"
	if x.Refused {
		what = "refused"
	}
	if x.Cut {
		what = "cut short"
	}
	g.said.tell(fmt.Sprintf("%s: %d", what, x.Status),
		fmt.Sprintf("%s %s %s: %d: %s", x.Request.Method, g.log.uri(x.Request), what, x.Status, plain(errors.New(why))))
}

// stderr shows what an application wrote to STDERR.
func (g *gatewayRun) stderr(x *gateway.Exchange, p []byte) {
	if g.o.log.silent {
		return
	}
	m := messages{env: g.env, from: x.Request.Method + " " + x.Request.URL.Path + ": stderr"}
	_, _ = m.Write(p)
	m.flush()
}

// serve answers until ctx is done, or what it has started is.
func (g *gatewayRun) serve(ctx context.Context) error {
	again, stop := g.env.interrupts()
	defer stop()
	requests, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	s := &http.Server{
		BaseContext:       func(net.Listener) context.Context { return requests },
		Handler:           http.HandlerFunc(g.ServeHTTP),
		ReadHeaderTimeout: time.Duration(g.o.limits.header),
		IdleTimeout:       cmp.Or(time.Duration(g.o.limits.keepAlive), 1<<62),
		MaxHeaderBytes:    gatewayHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong
		TLSConfig:         g.tls,
		Protocols:         new(http.Protocols),
		// Who reads nothing of a connection does not learn either that an answer
		// broke off; a little later, so that what is logged is that.
		HTTP2: &http.HTTP2Config{WriteByteTimeout: time.Duration(g.o.limits.send) * 9 / 8},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(g.tls != nil)
	s.Protocols.SetUnencryptedHTTP2(g.tls == nil)
	places := make(chan struct{}, g.o.limits.conns)
	failed := make(chan error, len(g.listeners))
	var all sync.WaitGroup
	for _, l := range g.listeners {
		if !g.o.log.silent {
			complain(g.env, fmt.Sprintf("serving %s on %s", g.what(), g.address(l)))
		}
		all.Go(func() {
			if err := g.serveOn(s, &placedListener{l.Listener, places}); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%v: %s", l.addr, plain(err))
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case err = <-g.dead:
	}
	err = cmp.Or(err, g.drain(s, again, cut))
	all.Wait()
	cut(errGatewayEnded)
	g.atWork.Wait()
	return err
}

func (g *gatewayRun) serveOn(s *http.Server, l net.Listener) error {
	if g.tls != nil {
		return s.ServeTLS(l, "", "")
	}
	return s.Serve(l)
}

// ServeHTTP implements http.Handler.
func (g *gatewayRun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.atWork.Add(1)
	defer g.atWork.Done()
	g.handler.ServeHTTP(w, r)
}

// what names what is served.
func (g *gatewayRun) what() string {
	app := g.backends[0].target.String()
	if g.php != nil {
		app = fmt.Sprintf("php-fpm (process %d)", g.php.PID())
	}
	if g.site != nil {
		return g.site.Dir() + " and " + app
	}
	return app
}

// address is where browsers find it.
func (g *gatewayRun) address(l listener) string {
	if l.addr.Network != "tcp" {
		return l.addr.String()
	}
	if g.tls != nil {
		return "https://" + l.addr.Address
	}
	return "http://" + l.addr.Address
}

// errGatewayEnded is why requests end that drain does not wait for.
var errGatewayEnded = errors.New("the gateway ended")

// cutTime is how long such requests have to tell their clients so.
const cutTime = 250 * time.Millisecond

// drain lets requests that have begun end, for a while, or until it is
// interrupted again; then cut ends them.
func (g *gatewayRun) drain(s *http.Server, again interruptions, cut context.CancelCauseFunc) error {
	if g.health != nil {
		g.health.Drain()
	}
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(time.Duration(g.o.limits.drain), 1<<62))
	defer cancel()
	began, interruptedAgain := time.Now(), false
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	for {
		select {
		case err := <-done:
			if err == nil {
				return nil
			}
			cut(errGatewayEnded)
			last, cancel := context.WithTimeout(context.Background(), cutTime)
			_ = s.Shutdown(last)
			cancel()
			s.Close()
			if interruptedAgain {
				return interrupted{errors.New("interrupted again: the requests that were being answered are cut short")}
			}
			if !g.o.log.silent {
				complain(g.env, fmt.Sprintf("requests are not over after %v (--drain): they are cut short", g.o.limits.drain.String()))
			}
			return nil
		case <-again:
			// timeout(1) and Ctrl-C in a pipeline may send the first signal twice.
			if time.Since(began) > sameInterrupt {
				interruptedAgain = true
				cancel()
			}
		}
	}
}

// close ends what prepare has opened, in the reverse order.
func (g *gatewayRun) close() error {
	closeAll(g.listeners)
	for _, b := range g.backends {
		b.pool.Close()
	}
	g.ending()
	for _, b := range g.backends {
		b.target.close()
	}
	if g.php != nil {
		g.php.Close()
	}
	if g.spawned != nil {
		g.spawned.close()
	}
	if g.site != nil {
		g.site.Close()
	}
	g.said.close()
	var err error
	if g.log != nil {
		err = g.log.close()
	}
	return cmp.Or(g.o.log.watching.finish(g.env, g.watcher), err)
}
