package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/gateway"
)

type gatewayOptions struct {
	listening
	tlsCert, tlsKey string
	site            gatewaySite
	app             gatewayApp
	limits          gatewayLimits
	log             gatewayLog
	args            []string
}

// A gatewaySite is what paths mean.
type gatewaySite struct {
	root, script, front string
	index, extensions   list
	rootMap             rootMap
	follow              bool
}

// A gatewayApp is which application is asked, and how.
type gatewayApp struct {
	php, spawn            string
	children, keep        count
	as                    choice
	params                list
	name, proxies, status string
	authorizer            string
	filters               list
	noHealth              bool
}

// gatewayLimits are those of clients and of the application.
type gatewayLimits struct {
	timing
	header, keepAlive, send, wait, drain duration
	body                                 byteSize
	conns, requests, waiting             count
}

// gatewayListen is where a web server for oneself is usually found.
const gatewayListen = "127.0.0.1:8080"

func (o *gatewayOptions) flags() []cli.Flag {
	return slices.Concat(o.listening.flags(), []cli.Flag{
		&cli.StringFlag{Name: "tls-cert", Category: listenFlags, Usage: "serve HTTPS with the certificate, and those it needs, in `FILE` (PEM)", Destination: &o.tlsCert},
		&cli.StringFlag{Name: "tls-key", Category: listenFlags, Usage: "the key of --tls-cert is in `FILE` (default: the same file)", Destination: &o.tlsKey},
	}, o.site.flags(), o.app.flags(), o.limits.flags(), o.log.flags())
}

func (o *gatewaySite) flags() []cli.Flag {
	const category = "What paths mean"
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Category: category, Usage: "serve the files below `DIR`, and have the application run the scripts there; without it everything is for the application", Destination: &o.root},
		&cli.GenericFlag{Name: "index", Category: category, Usage: "the file `NAME` answers for its directory; the first of several that is there (default index.php, index.html)", Value: &o.index},
		&cli.StringFlag{Name: "front", Category: category, Usage: "front controller: the script `NAME` below the root answers for what is no file, as with try_files of nginx", Destination: &o.front},
		&cli.StringFlag{Name: "script", Category: category, Usage: "the script `FILE` answers everything; it need not be here", Destination: &o.script},
		&cli.GenericFlag{Name: "extension", Category: category, Usage: "scripts are what ends in `EXT` (default .php); may come several times", Value: &o.extensions},
		&cli.BoolFlag{Name: "follow-symlinks", Category: category, Usage: "let symbolic links lead out of the root", Destination: &o.follow},
		&cli.GenericFlag{Name: "root-map", Category: category, Usage: "`/HERE=/THERE`: what is below /HERE here is below /THERE for the application", Value: &o.rootMap},
	}
}

func (o *gatewayApp) flags() []cli.Flag {
	const category = "The application"
	o.children, o.keep = 8, 2
	for _, s := range cgi.Presets() {
		if slices.Contains(s.Roles, wire.Responder) {
			o.as.words = append(o.as.words, s.Name)
		}
	}
	return []cli.Flag{
		&cli.StringFlag{Name: "php", Category: category, Usage: "start a php-fpm of its own for the scripts in `DIR`, which is --root, too; in place of ADDR", Destination: &o.php},
		&cli.GenericFlag{Name: "php-children", Category: category, Usage: "let that php-fpm have `N` workers", Value: &o.children},
		&cli.StringFlag{Name: "spawn", Category: category, Usage: "start `COMMAND`, which listens on ADDR, and end it at the end; 'exec:COMMAND' as ADDR is for those that take a listening socket", Destination: &o.spawn},
		choiceFlag(category, "as", nil, "make requests as `SERVER` does: "+orList(o.as.words), &o.as),
		&cli.GenericFlag{Name: "param", Aliases: []string{"P"}, Category: category, Usage: "parameter `NAME=VALUE` for every request; may come several times", Value: &o.params},
		&cli.StringFlag{Name: "server-name", Category: category, Usage: "SERVER_NAME is `NAME` (default: the host that the client asks for)", Destination: &o.name},
		&cli.StringFlag{Name: "trusted-proxies", Category: category, Usage: "pass on X-Forwarded-* and Forwarded of the addresses and networks in `LIST`; those of others are left out", Destination: &o.proxies},
		&cli.StringFlag{Name: "authorizer", Category: category, Usage: "ask the AUTHORIZER at `ADDR` before everything else", Destination: &o.authorizer},
		&cli.GenericFlag{Name: "filter", Category: category, Usage: "`EXT=ADDR`: send files that end in EXT through the FILTER at ADDR; may come several times", Value: &o.filters},
		&cli.GenericFlag{Name: "keep", Category: category, Usage: "keep `N` connections for the next requests; each occupies a worker of php-fpm", Value: &o.keep},
		&cli.StringFlag{Name: "status-path", Category: category, Usage: "/readyz asks php-fpm for its pm.status_path `PATH`; without it, it only connects", Destination: &o.status},
		&cli.BoolFlag{Name: "no-health", Category: category, Usage: "/healthz and /readyz are paths like others", Destination: &o.noHealth},
	}
}

func (o *gatewayLimits) flags() []cli.Flag {
	const category = "Limits"
	const times = timeFlags
	o.header, o.keepAlive, o.send = duration(10*time.Second), duration(75*time.Second), duration(gateway.DefaultSendTime)
	o.wait, o.drain = duration(10*time.Second), duration(10*time.Second)
	o.body, o.conns, o.waiting = 1<<30, 4096, 1024
	return slices.Concat([]cli.Flag{
		&cli.GenericFlag{Name: "max-body", Category: category, Usage: "answer requests with larger bodies than `BYTES` with 413; 0 is no limit", Value: &o.body},
		&cli.GenericFlag{Name: "max-conns", Category: category, Usage: "have at most `N` connections of clients, others wait to be accepted", Value: &o.conns},
		&cli.GenericFlag{Name: "max-concurrency", Category: category, Usage: "have at most `N` requests at work at once, others wait (default: no limit)", Value: &o.requests},
		&cli.GenericFlag{Name: "max-waiting", Category: category, Usage: "let `N` requests wait, answer others with 503", Value: &o.waiting},
	}, o.timing.flags(), []cli.Flag{
		durationFlag(times, "header-timeout", nil, "close a connection whose request header is not there after `TIME`", &o.header),
		durationFlag(times, "keep-alive-timeout", nil, "close a connection without a request after `TIME`", &o.keepAlive),
		durationFlag(times, "send-timeout", nil, "give up a client that takes nothing of the answer, or sends nothing of the body, for `TIME`", &o.send),
		durationFlag(times, "wait-timeout", nil, "answer with 503 what had to wait for its turn for `TIME`", &o.wait),
		durationFlag(times, "drain", nil, "at the end, let requests that have begun go on for at most `TIME`", &o.drain),
	})
}

func gatewayCommand(env *Env) *cli.Command {
	var o gatewayOptions
	return &cli.Command{
		Name:      "gateway",
		Usage:     "be a web server in front of a FastCGI application, without configuring one",
		ArgsUsage: "[ADDR]",
		Description: `
Serves HTTP/1.1 and HTTP/2 (with TLS, or without it for clients that begin with it), the files below
--root, and has the application at ADDR answer for the scripts there. Each request is a line on
stdout, as web servers write it, and behind that what the application did; where that is no
terminal, it comes up to a tenth of a second later. It listens on 127.0.0.1:8080 unless --listen
says otherwise, and ends with Ctrl-C or SIGTERM: requests that have begun are answered, and a second
signal ends those too.

A script has to be a file before what follows it is PATH_INFO. The source of scripts, files whose
names begin with a dot, and backups are never sent, and nothing outside of the root is. Of the
clients' header fields these are left out: Proxy, those of a connection, names with underscores, and
X-Forwarded-* unless --trusted-proxies has the client.

/healthz answers as long as the gateway does, /readyz when the application does.

What does not come from the application tells who failed: 502 it cannot be reached, broke off, or
wrote no answer; 503 it, or the gateway, is overloaded; 504 it hangs. The reason is on stderr; of
more than 10 such lines in a second it says how many there were.

Exit codes: 1 when it cannot listen or there is no root, 3 when an application that it has started
ended, 5 when it cannot start one.

Examples:
  fcgiscope gateway --php ./public --front index.php
  fcgiscope gateway /run/php/php-fpm.sock --root /srv/www -v
  fcgiscope gateway exec:./app --listen 8080 --format jsonl
  fcgiscope gateway 9000 --root . --as apache --authorizer 9001 --filter .txt=9002
` + whereHelp() + redactHelp,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.args = c.Args().Slice()
			return runGateway(c.Context, env, o)
		},
	}
}

// check refuses what cannot be meant.
func (o *gatewayOptions) check() error {
	const such = "such as: fcgiscope gateway 127.0.0.1:9000 --root /srv/www\nto have a php-fpm started: fcgiscope gateway --php DIR"
	switch a, s := &o.app, &o.site; {
	case len(o.args) > 1:
		return withHint(usagef("gateway: unexpected argument %q", o.args[1]), such)
	case a.php != "" && (len(o.args) > 0 || a.spawn != ""):
		return usagef("gateway: --php starts its own application: without ADDR and --spawn")
	case a.php != "" && s.root != "":
		return usagef("gateway: --php DIR is --root, too: one of them")
	case a.php == "" && len(o.args) == 0:
		return withHint(usagef("gateway: where is the application? ADDR, or --php DIR"), such)
	case s.script != "" && (s.front != "" || len(s.index) > 0 || len(s.extensions) > 0):
		return usagef("gateway: --script answers everything: without --front, --index and --extension")
	case s.root == "" && a.php == "" && (s.front != "" || len(s.index) > 0 || len(s.extensions) > 0 || len(a.filters) > 0 || s.follow):
		return usagef("gateway: --front, --index, --extension, --filter and --follow-symlinks are about the files of --root DIR, and there is none")
	case o.tlsKey != "" && o.tlsCert == "":
		return usagef("gateway: --tls-key without --tls-cert")
	case a.status != "" && !strings.HasPrefix(a.status, "/"):
		return usagef("gateway: --status-path %q does not begin with a /", a.status)
	case a.children == 0:
		return usagef("gateway: --php-children 0: nobody would answer")
	case o.limits.conns == 0:
		return usagef("gateway: --max-conns 0: nobody could connect")
	}
	for _, e := range o.site.extensions {
		if !strings.HasPrefix(e, ".") || len(e) < 2 {
			return usagef("gateway: --extension %q: want a dot and letters, such as .php", e)
		}
	}
	return cmp.Or(o.log.check(), o.site.checkNames())
}

// checkNames refuses names that are no names below the root.
func (o *gatewaySite) checkNames() error {
	for _, name := range append(slices.Clone(o.index), strings.TrimPrefix(o.front, "/")) {
		if name != "" && (!filepath.IsLocal(name) || strings.HasSuffix(name, "/")) {
			return usagef("gateway: %q is no file below the root", name)
		}
	}
	for _, name := range o.index {
		if strings.Contains(name, "/") {
			return usagef("gateway: --index %q: want a name without a /", name)
		}
	}
	return nil
}

// open opens the root, nil if there is none.
func (o *gatewaySite) open(php string) (*gateway.Site, error) {
	dir := cmp.Or(o.root, php)
	if dir == "" || o.script != "" {
		return nil, nil
	}
	site, err := gateway.Open(dir)
	if err != nil {
		return nil, rootFailure(dir, err)
	}
	site.Front, site.FollowLinks = o.front, o.follow
	if len(o.index) > 0 {
		site.Index = o.index
	}
	if len(o.extensions) > 0 {
		site.Extensions = o.extensions
	}
	if o.front != "" && !site.Exists(o.front) {
		site.Close()
		return nil, fmt.Errorf("--front: there is no file %s below %s", o.front, site.Dir())
	}
	return site, nil
}

// rootFailure says why a directory cannot be served.
func rootFailure(dir string, err error) error {
	why := plain(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "there is no such directory"
	case errors.Is(err, syscall.ENOTDIR):
		why = "it is no directory"
	case errors.Is(err, fs.ErrPermission):
		why = "permission denied"
	}
	if info, statErr := os.Stat(dir); statErr == nil && !info.IsDir() {
		why = "it is no directory"
	}
	return fmt.Errorf("the root %s: %s", dir, why)
}

// trusted reads --trusted-proxies.
func (o *gatewayApp) trusted() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for item := range strings.SplitSeq(o.proxies, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			addr, err := netip.ParseAddr(item)
			if err != nil {
				return nil, usagef("--trusted-proxies: %q is neither an address nor a network, such as 127.0.0.1 or 10.0.0.0/8", item)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		all = append(all, prefix)
	}
	return all, nil
}

// pairs reads -P.
func (o *gatewayApp) pairs() ([]wire.Pair, error) {
	var pairs []wire.Pair
	for i, s := range o.params {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usagef("-P number %d: want NAME=VALUE", i+1) // the value may be a secret
		}
		pairs = append(pairs, wire.NewPair(name, value))
	}
	if err := cgi.Check(pairs); err != nil {
		return nil, usageError{err}
	}
	return pairs, nil
}

// runGateway serves until ctx is done.
func runGateway(ctx context.Context, env *Env, o gatewayOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	room := garbageRoom(env.Getenv)
	defer runtime.KeepAlive(room)
	loud := *env
	loud.Stderr = &lockedWriter{w: env.Stderr}
	g := &gatewayRun{env: &loud, o: &o, dead: make(chan error, 1)}
	g.said = newFloodgate(func(s string) { complain(g.env, s) })
	if err := g.prepare(ctx); err != nil {
		g.close()
		return err
	}
	err := g.serve(ctx)
	if closeErr := g.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return ended{err}
	}
	return nil
}
