package commands

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
)

// This file asks again for what has failed, in other ways.

// few are the parameters without which php-fpm does nothing useful.
var few = []string{"SCRIPT_FILENAME", "SCRIPT_NAME", "REQUEST_METHOD", "QUERY_STRING", "PATH_INFO", "DOCUMENT_ROOT", "REQUEST_URI"}

// again asks for a script in other ways, by how it failed.
func (p *prober) again(ctx context.Context, req client.Request, f *diagnose.Facts) {
	switch {
	case f.Dial != nil:
	case f.Timeout:
		p.queue()
	case !f.Request.Complete:
		p.withFew(ctx, req, f)
	case f.Request.Status == 404 || f.Request.Status == 403:
		p.elsewhere(ctx, req)
	}
}

// withFew asks with few parameters, to see whether the others are to blame.
func (p *prober) withFew(ctx context.Context, req client.Request, f *diagnose.Facts) {
	short := req
	short.Params = nil
	var others []wire.Pair
	for _, pair := range req.Params {
		if slices.Contains(few, string(pair.Name)) {
			short.Params = append(short.Params, pair)
		} else {
			others = append(others, pair)
		}
	}
	p.report.say("the same with few parameters: " + describe(short.Params))
	g := p.ask(ctx, short, 0)
	f.Minimal = diagnose.Bad
	if g.Request.Complete {
		f.Minimal = diagnose.Good
	}
	p.report.outcome(g.Request.Complete, "%s", outcomeOf(g))
	if f.Minimal == diagnose.Good && p.o.hard {
		p.halve(ctx, short, others)
	}
}

// halve finds the parameter from which on the request fails.
func (p *prober) halve(ctx context.Context, short client.Request, others []wire.Pair) {
	good, bad := 0, len(others) // with so many of the others
	for bad-good > 1 && ctx.Err() == nil {
		n := (good + bad) / 2
		req := short
		req.Params = append(slices.Clone(short.Params), others[:n]...)
		p.report.say(fmt.Sprintf("the same with %d of the other %d parameters", n, len(others)))
		g := p.ask(ctx, req, 0)
		p.report.outcome(g.Request.Complete, "%s", outcomeOf(g))
		if g.Request.Complete {
			good = n
		} else {
			bad = n
		}
	}
	if ctx.Err() != nil || len(others) == 0 {
		return
	}
	last := others[bad-1]
	p.report.say("the parameter with which it fails")
	p.report.outcome(false, "%s, %d bytes", pretty.Quote(last.Name, 200), len(last.Value))
}

// containerRoot is the root of the official images of PHP.
const containerRoot = "/var/www/html"

// elsewhere asks for the script under other paths, with HEAD, until one is
// found.
func (p *prober) elsewhere(ctx context.Context, req client.Request) {
	get := func(name string) string { v, _ := wire.Lookup(req.Params, name); return string(v) }
	for _, file := range variants(get("SCRIPT_FILENAME"), get("DOCUMENT_ROOT"), get("SCRIPT_NAME"), get("PATH_INFO")) {
		if ctx.Err() != nil {
			return
		}
		other := req
		other.Params = cgi.Override(req.Params, []wire.Pair{wire.NewPair("SCRIPT_FILENAME", file), wire.NewPair("REQUEST_METHOD", "HEAD")})
		p.report.say("HEAD with SCRIPT_FILENAME " + pretty.Quote([]byte(file), 200))
		f := p.ask(ctx, other, 0)
		works := f.Request.Complete && f.Request.Status != 0 && f.Request.Status < 400
		p.report.outcome(works, "%s", outcomeOf(f))
		if works {
			p.report.Works = file
			return
		}
	}
}

// variants are other paths at which a script may be: below the root, without
// what is PATH_INFO, where links lead, and in the usual root of a container.
func variants(file, root, name, info string) []string {
	var found []string
	add := func(s string) {
		if s != "" && s != file && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	below := name
	if info != "" {
		below = strings.TrimSuffix(name, info)
		add(strings.TrimSuffix(file, info))
	}
	if root != "" && below != "" {
		add(path.Join(root, below))
	}
	if real, err := filepath.EvalSymlinks(file); err == nil && file != "" {
		add(filepath.ToSlash(real))
	}
	if i := strings.Index(file, ".php/"); i >= 0 {
		add(file[:i+len(".php")])
	}
	if file != "" && info == "" && path.Ext(file) == "" {
		add(path.Join(file, "index.php"))
	}
	if below != "" {
		add(path.Join(containerRoot, below))
	}
	return found
}
