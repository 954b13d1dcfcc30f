package commands

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
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
	headers  list
	body     bodyOptions
	boundary string // of a multipart body
	params   list
	unset    list
	root     string
	script   string
	role     choice
	dataFile string
}

func (o *paramOptions) flags() []cli.Flag {
	o.role = choice{"responder", []string{"responder", "authorizer", "filter"}}
	const category = "Request"
	flags := []cli.Flag{
		&cli.StringFlag{Name: "method", Aliases: []string{"X", "request"}, Category: category, Usage: "request `METHOD` (default GET, with -d POST)", Destination: &o.method},
		&cli.GenericFlag{Name: "header", Aliases: []string{"H"}, Category: category, Usage: "request header `'Name: value'`, becomes HTTP_NAME; may come several times", Value: &o.headers},
		&cli.GenericFlag{Name: "param", Aliases: []string{"P"}, Category: category, Usage: "parameter `NAME=VALUE`, in place of the one that is made, or added; may come several times", Value: &o.params},
		&cli.GenericFlag{Name: "unset", Category: category, Usage: "leave out the parameter `NAME`; may come several times", Value: &o.unset},
		&cli.StringFlag{Name: "root", Category: category, Usage: "document root `DIR`, as the application sees it: SCRIPT_FILENAME is DIR and the path of URL", Destination: &o.root},
		&cli.StringFlag{Name: "script", Category: category, Usage: "run the script `FILE`, whatever URL says", Destination: &o.script},
		choiceFlag(category, "role", nil, "`ROLE` of the application: "+orList(o.role.words), &o.role),
		&cli.StringFlag{Name: "data-file", Category: category, Usage: "send `FILE` as the DATA stream of a filter", Destination: &o.dataFile},
	}
	return append(flags, o.body.flags()...)
}

// An input is what a request sends beside its parameters.
type input struct {
	stdin, data *body
}

func (in *input) close() {
	in.stdin.close()
	in.data.close()
}

// open opens the bodies, so that their sizes are known.
func (o *paramOptions) open(ctx context.Context, env *Env) (*input, error) {
	if err := o.contradictions(); err != nil {
		return nil, err
	}
	if len(o.body.forms) > 0 {
		o.boundary = newBoundary()
	}
	if name := o.body.upload; name != "" && name != "-" && (o.url == "" || strings.HasSuffix(o.url, "/")) {
		o.url = "/" + strings.TrimLeft(o.url+url.PathEscape(filepath.Base(name)), "/") // as curl does
	}
	stdin, err := o.body.open(ctx, env, o.boundary)
	if err != nil {
		return nil, err
	}
	in := &input{stdin: stdin, data: &body{}}
	if o.body.get && stdin.present {
		if err := o.putInURL(in); err != nil {
			in.close()
			return nil, err
		}
	}
	if o.dataFile != "" {
		if err := in.data.file(ctx, env, o.dataFile, nil); err != nil {
			in.close()
			return nil, err
		}
	}
	return in, nil
}

// putInURL makes the body the query of the URL.
func (o *paramOptions) putInURL(in *input) error {
	query, err := in.stdin.query()
	if err != nil {
		return err
	}
	o.url = withQuery(o.url, query)
	in.stdin.close()
	in.stdin = &body{}
	return nil
}

// build makes the request, with what the user should know about it.
func (o *paramOptions) build(in *input) (req client.Request, notes []string, err error) {
	r := cgi.Request{Method: o.method, URL: o.url, ContentLength: in.stdin.size, DataLength: in.data.size, DataModified: in.data.modified}
	if r.Role, err = wire.ParseRole(o.role.word); err != nil {
		return req, nil, usageError{err}
	}
	if r.Root, err = absolute(o.root); err != nil {
		return req, nil, err
	}
	if r.Script, err = o.scriptFile(); err != nil {
		return req, nil, err
	}
	if r.Method == "" {
		r.Method = o.body.method()
	}
	unset := o.unset
	if r.Header, unset, notes, err = o.fields(unset); err != nil {
		return req, nil, err
	}
	pairs, err := r.Params()
	if err != nil {
		return req, nil, usageError{err}
	}
	user, more, err := o.userParams()
	if err != nil {
		return req, nil, err
	}
	pairs = cgi.Override(cgi.Unset(pairs, unset...), user)
	if err := cgi.Check(pairs); err != nil {
		return req, nil, usageError{err}
	}
	req = client.Request{Role: r.Role, Params: pairs, Stdin: in.stdin.reader(), Data: in.data.reader()}
	return req, append(notes, more...), nil
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

// fields reads -H as curl does: "Name: value", "Name;" for an empty value, and
// "Name:" for one that would be sent by itself and is not wanted.
func (o *paramOptions) fields(unset []string) (fields []cgi.Field, without, notes []string, err error) {
	without = unset
	said := map[string]bool{} // by -H
	for _, s := range o.headers {
		f, remove, err := parseHeader(s)
		if err != nil {
			return nil, nil, nil, err
		}
		name := strings.ToLower(f.Name)
		said[name] = true
		switch {
		case name == "content-length":
			notes = append(notes, "hint: CONTENT_LENGTH is that of the body; to send another one: -P CONTENT_LENGTH=N")
		case name == "proxy":
			notes = append(notes, "hint: the header Proxy is left out, as web servers do (httpoxy); to send it: -P HTTP_PROXY=VALUE")
		case name == "host" && remove:
			without = append(slices.Clone(without), "HTTP_HOST")
		}
		if !remove {
			fields = append(fields, f)
		}
	}
	for _, f := range o.body.fields(o.boundary) {
		if !said[strings.ToLower(f.Name)] {
			fields = append(fields, f)
		}
	}
	return fields, without, notes, nil
}

// parseHeader reads a value of -H, which may be a secret and is in no message.
func parseHeader(s string) (f cgi.Field, remove bool, err error) {
	name, value, ok := strings.Cut(s, ":")
	value = strings.TrimSpace(value)
	remove = ok && value == ""
	if !ok {
		if name, ok = strings.CutSuffix(s, ";"); !ok {
			return f, false, usagef("request: -H takes 'Name: value', and there is no colon")
		}
	}
	f = cgi.Field{Name: strings.TrimSpace(name), Value: value}
	if f.Name == "" {
		return f, false, usagef("request: -H takes 'Name: value', and there is no name")
	}
	return f, remove, nil
}

// sticky are parameters that php-fpm keeps after the request.
var sticky = []string{"PHP_VALUE", "PHP_ADMIN_VALUE"}

// userParams reads -P. What is behind the = may be a secret.
func (o *paramOptions) userParams() (pairs []wire.Pair, notes []string, err error) {
	for _, s := range o.params {
		name, value, ok := strings.Cut(s, "=")
		switch {
		case !ok:
			return nil, nil, usagef("request: -P takes NAME=VALUE, and there is no =")
		case name == "":
			return nil, nil, usagef("request: -P takes NAME=VALUE, and there is no name")
		case slices.Contains(sticky, name):
			notes = append(notes, "warning: what "+name+" sets stays in the php-fpm worker, for later requests too")
		}
		pairs = append(pairs, wire.NewPair(name, value))
	}
	return pairs, notes, nil
}
