package commands

import (
	"context"
	"fmt"
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
	data     list
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
	return []cli.Flag{
		&cli.StringFlag{Name: "method", Aliases: []string{"X", "request"}, Category: category, Usage: "request `METHOD` (default GET, with -d POST)", Destination: &o.method},
		&cli.GenericFlag{Name: "header", Aliases: []string{"H"}, Category: category, Usage: "request header `'Name: value'`, becomes HTTP_NAME; may come several times", Value: &o.headers},
		&cli.GenericFlag{Name: "data", Aliases: []string{"d"}, Category: category, Usage: "request body `DATA`, @FILE, or @- for stdin; several are joined by &", Value: &o.data},
		&cli.GenericFlag{Name: "param", Aliases: []string{"P"}, Category: category, Usage: "parameter `NAME=VALUE`, in place of the one that is made, or added; may come several times", Value: &o.params},
		&cli.GenericFlag{Name: "unset", Category: category, Usage: "leave out the parameter `NAME`; may come several times", Value: &o.unset},
		&cli.StringFlag{Name: "root", Category: category, Usage: "document root `DIR`, as the application sees it: SCRIPT_FILENAME is DIR and the path of URL", Destination: &o.root},
		&cli.StringFlag{Name: "script", Category: category, Usage: "run the script `FILE`, whatever URL says", Destination: &o.script},
		choiceFlag(category, "role", nil, "`ROLE` of the application: "+orList(o.role.words), &o.role),
		&cli.StringFlag{Name: "data-file", Category: category, Usage: "send `FILE` as the DATA stream of a filter", Destination: &o.dataFile},
	}
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
	stdin, err := openBody(ctx, env, o.data)
	if err != nil {
		return nil, err
	}
	in := &input{stdin: stdin, data: &body{}}
	if o.dataFile != "" {
		if in.data, err = openBody(ctx, env, []string{"@" + o.dataFile}); err != nil {
			stdin.close()
			return nil, err
		}
	}
	return in, nil
}

// build makes the request, with what the user should know about it.
func (o *paramOptions) build(in *input) (req client.Request, notes []string, err error) {
	r := cgi.Request{Method: o.method, URL: o.url, ContentLength: in.stdin.size, DataLength: in.data.size, DataModified: in.data.modified}
	if r.Role, err = wire.ParseRole(o.role.word); err != nil {
		return req, nil, usageError{err}
	}
	if err := o.contradictions(r.Role, in); err != nil {
		return req, nil, err
	}
	if r.Root, err = absolute(o.root); err != nil {
		return req, nil, err
	}
	if r.Script, err = o.scriptFile(); err != nil {
		return req, nil, err
	}
	if r.Method == "" && in.stdin.r != nil {
		r.Method = "POST"
	}
	unset := o.unset
	if r.Header, unset, notes, err = o.fields(in, unset); err != nil {
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
	req = client.Request{Role: r.Role, Params: pairs, Stdin: in.stdin.r, Data: in.data.r}
	return req, append(notes, more...), nil
}

// contradictions are flags that cannot be meant together.
func (o *paramOptions) contradictions(role wire.Role, in *input) error {
	switch {
	case o.dataFile != "" && role != wire.Filter:
		return usagef("request: --data-file is for --role filter")
	case o.dataFile == "" && role == wire.Filter:
		return usagef("request: --role filter needs --data-file, the file to be filtered")
	case in.stdin.r != nil && role == wire.Authorizer:
		return usagef("request: -d with --role authorizer: an authorizer gets no body")
	}
	return nil
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
func (o *paramOptions) fields(in *input, unset []string) (fields []cgi.Field, without, notes []string, err error) {
	without = unset
	typed := in.stdin.r == nil
	for _, s := range o.headers {
		f, remove, err := parseHeader(s)
		if err != nil {
			return nil, nil, nil, err
		}
		switch name := strings.ToLower(f.Name); {
		case name == "content-type":
			typed = true
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
	if !typed {
		fields = append(fields, cgi.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
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
