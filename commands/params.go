package commands

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// paramOptions are what a request is made of.
type paramOptions struct {
	url      string
	method   string
	header   fieldOptions
	body     bodyOptions
	given    givenParams
	as       asOptions
	root     string
	rootMap  rootMap
	index    string
	script   string
	role     choice
	dataFile string
}

// The headings of the flags that say what is sent, and how.
const (
	requestFlags  = "Request"
	bodyFlags     = "Body"
	paramFlags    = "Parameters"
	protocolFlags = "Protocol"
)

func (o *paramOptions) flags() []cli.Flag {
	o.role = choice{"responder", []string{"responder", "authorizer", "filter"}}
	const category = requestFlags
	flags := []cli.Flag{
		&cli.StringFlag{Name: "method", Aliases: []string{"X", "request"}, Category: category, Usage: "request `METHOD` (default GET, with -d POST)", Destination: &o.method},
	}
	flags = append(flags, o.header.flags(category)...)
	flags = append(flags,
		&cli.StringFlag{Name: "root", Category: category, Usage: "document root `DIR`, as the application sees it: SCRIPT_FILENAME is DIR and the path of URL", Destination: &o.root},
		&cli.StringFlag{Name: "script", Category: category, Usage: "run the script `FILE`, whatever URL says", Destination: &o.script},
		&cli.StringFlag{Name: "index", Category: category, Usage: "front controller: run `NAME` below the root for a URL that names no script, as try_files of nginx does", Destination: &o.index},
		&cli.GenericFlag{Name: "root-map", Category: category, Usage: "`/HERE=/THERE`: the paths of the script and the root, which are below /HERE, are below /THERE for the application; the longest of several wins", Value: &o.rootMap},
		choiceFlag(category, "role", nil, "`ROLE` of the application: "+orList(o.role.words), &o.role),
		&cli.StringFlag{Name: "data-file", Category: category, Usage: "send `FILE` as the DATA stream of a filter", Destination: &o.dataFile},
	)
	flags = append(flags, o.body.flags()...)
	flags = append(flags, o.as.flags(category)...)
	return append(flags, o.given.flags(paramFlags)...)
}

// An input is what a request sends, as far as it was read from files and the
// environment.
type input struct {
	stdin, data *body
	boundary    string // of a multipart body
	params      paramSet
	cookies     jarSet
}

func (in *input) close() {
	in.stdin.close()
	in.data.close()
}

// open opens the bodies, so that their sizes are known, and reads what else the
// request is made of.
func (o *paramOptions) open(ctx context.Context, env *Env) (*input, error) {
	if err := o.contradictions(); err != nil {
		return nil, err
	}
	in := &input{stdin: &body{}, data: &body{}}
	if err := o.fill(ctx, env, in); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (o *paramOptions) fill(ctx context.Context, env *Env, in *input) (err error) {
	if in.params, err = o.given.read(ctx, env); err != nil {
		return err
	}
	if in.cookies, err = o.header.cookies.read(ctx, env); err != nil {
		return err
	}
	if len(o.body.forms) > 0 {
		in.boundary = newBoundary()
	}
	if in.stdin, err = o.body.open(ctx, env, in.boundary); err != nil {
		in.stdin = &body{}
		return err
	}
	if o.dataFile != "" {
		return in.data.file(ctx, env, o.dataFile, nil)
	}
	return nil
}

// request is the HTTP request that becomes the parameters.
func (o *paramOptions) request(in *input) (r cgi.Request, fields fieldSet, err error) {
	r = cgi.Request{Method: o.method, URL: o.url, Front: o.index, ContentLength: in.stdin.size, DataLength: in.data.size, DataModified: in.data.modified}
	if r.URL, err = o.body.url(o.url, in.stdin); err != nil {
		return r, fields, err
	}
	if r.Role, err = wire.ParseRole(o.role.word); err != nil {
		return r, fields, usageError{err}
	}
	if r.Root, err = absolute(o.root); err != nil {
		return r, fields, err
	}
	if r.Script, err = o.scriptFile(); err != nil {
		return r, fields, err
	}
	if r.Method == "" {
		r.Method = o.body.method()
	}
	if o.body.get {
		r.ContentLength = 0
	}
	if err = o.checkLines(&r); err != nil {
		return r, fields, err
	}
	if fields, err = o.header.read(o.given.raw, o.body.fields(in.boundary)...); err != nil {
		return r, fields, err
	}
	r.Header = fields.fields
	err = fields.addUnsaid(o.given.raw, in.cookies.field(&r))
	r.Header = fields.fields
	return r, fields, err
}

// checkLines refuses what does not fit in the first line of an HTTP request, or
// would put a line end into a parameter, without --raw-params.
func (o *paramOptions) checkLines(r *cgi.Request) error {
	if o.given.raw {
		return nil
	}
	const hint = "to send it as it is: --raw-params"
	if strings.ContainsAny(r.Method, " \t\r\n") {
		return withHint(usagef("request: -X: the method holds a space or a line end"), hint)
	}
	for _, part := range []struct{ what, value, hint string }{
		{"the URL", r.URL, "%0A is a line end in a URL; --data-urlencode with -G makes it\n" + hint},
		{"--root", r.Root, hint}, {"--script", r.Script, hint}, {"--index", r.Front, hint},
	} {
		if strings.ContainsAny(part.value, "\r\n") {
			return withHint(usagef("request: %s holds a line end", part.what), part.hint)
		}
	}
	return nil
}

// A made request is what a preset makes of an HTTP request.
type made struct {
	request cgi.Request
	fields  fieldSet
	params  []cgi.Param // of the preset
	pairs   []wire.Pair // the same with what flags say of parameters
}

// make makes the parameters as a web server does.
func (o *paramOptions) make(in *input, server *cgi.Preset) (m made, err error) {
	if m.request, m.fields, err = o.request(in); err != nil {
		return m, err
	}
	m.request.Server.App = o.as.app
	if err := asRole(server, m.request.Role); err != nil {
		return m, err
	}
	if m.params, err = server.Params(&m.request); err != nil {
		return m, usagef("request: %w", err)
	}
	m.pairs = append(o.rootMap.params(cgi.Pairs(m.params)), m.fields.raw...)
	m.pairs = in.params.apply(m.pairs, append(m.fields.unset, o.given.unset...))
	if !o.given.raw {
		if err := server.Check(m.pairs); err != nil {
			return m, usageError{err}
		}
	}
	return m, nil
}

// build makes the request, with what the user should know about it.
func (o *paramOptions) build(in *input) (req client.Request, notes []string, err error) {
	server := o.as.server()
	m, err := o.make(in, server)
	if err != nil {
		return req, nil, err
	}
	req = client.Request{
		Role: m.request.Role, Params: m.pairs, Data: in.data.reader(),
		Keep: server.Keep(&m.request), Layout: o.as.layout(), NoStdinEnd: server.NoStdin(m.request.Role),
	}
	size := int64(0)
	if !o.body.get {
		req.Stdin, size = in.stdin.reader(), in.stdin.size
	}
	notes = append(m.fields.notes, proxyNote(m)...)
	return req, append(notes, o.warnings(req, size)...), nil
}

// warnings are what is lawful in the request and likely a mistake.
func (o *paramOptions) warnings(req client.Request, body int64) (notes []string) {
	if o.given.envAll {
		notes = append(notes, "warning: --env-all sends the whole environment, with the secrets that are in it")
	}
	for _, w := range cgi.Lint(req.Role, req.Params, body) {
		notes = append(notes, "warning: "+w.Text)
	}
	return notes
}

// scriptFile is --script as the application needs it: absolute, or below the
// root where there is one and it does not begin with a dot.
func (o *paramOptions) scriptFile() (string, error) {
	if o.root != "" && !strings.HasPrefix(o.script, ".") {
		return o.script, nil
	}
	return absolute(o.script)
}

// absolute makes a path of this machine one that does not depend on where we
// are: the application is somewhere else.
func absolute(name string) (string, error) {
	if name == "" || path.IsAbs(name) {
		return name, nil
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return filepath.ToSlash(abs), nil
}
