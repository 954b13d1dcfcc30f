package commands

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
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
func (o *paramOptions) open(env *Env) (*input, error) {
	stdin, err := openBody(env, o.data)
	if err != nil {
		return nil, err
	}
	in := &input{stdin: stdin, data: &body{}}
	if o.dataFile != "" {
		if in.data, err = openBody(env, []string{"@" + o.dataFile}); err != nil {
			stdin.close()
			return nil, err
		}
	}
	return in, nil
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

// parseHeader reads a value of -H: "Name: value", and curl's "Name;" for an
// empty one. A value may be a secret and is in no message.
func parseHeader(s string) (name, value string, err error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		if name, ok = strings.CutSuffix(s, ";"); !ok {
			return "", "", usagef("-H takes 'Name: value', there is no colon")
		}
		value = ""
	}
	return strings.TrimSpace(name), strings.TrimSpace(value), nil
}

// parseParam reads a value of -P. What is behind the = may be a secret.
func parseParam(s string) (wire.Pair, error) {
	name, value, ok := strings.Cut(s, "=")
	switch {
	case !ok:
		return wire.Pair{}, usagef("-P takes NAME=VALUE, there is no =")
	case name == "":
		return wire.Pair{}, usagef("-P takes NAME=VALUE, there is no name")
	}
	return wire.NewPair(name, value), nil
}
