package commands

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// authRules are those of the app authorizer.
type authRules struct {
	allow, deny pathPatterns
	users       list
	variables   list
	realm       string
}

var authFlags = []string{"allow-path", "deny-path", "user", "variable", "realm"}

func (o *authRules) flags(category string) []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "allow-path", Category: category, Usage: "authorizer: let everybody see the path `PATTERN`: * is anything, and DIR/ all below it; may come several times, as the next three may", Value: &o.allow},
		&cli.GenericFlag{Name: "deny-path", Category: category, Usage: "authorizer: refuse the path `PATTERN` with 403, whatever else is said", Value: &o.deny},
		&cli.GenericFlag{Name: "user", Category: category, Usage: "authorizer: let `NAME:PASSWORD` see what --allow-path does not name, and answer others with 401", Value: &o.users},
		&cli.GenericFlag{Name: "variable", Category: category, Usage: "authorizer: give requests that pass the parameter `NAME=VALUE`; AUTH_USER is that of who has logged in", Value: &o.variables},
		&cli.StringFlag{Name: "realm", Category: category, Usage: "authorizer: say `TEXT` when asking for a password", Destination: &o.realm},
	}
}

const authHelp = `
authorizer refuses what --deny-path names, lets pass what --allow-path names, and asks for a --user
where there are any; else it refuses what no --allow-path names, and lets all pass if there is none.
The path is that of REQUEST_URI, decoded and without dots, and %2f counts as a slash.
`

// given tells which of the flags were.
func (o *authRules) given(given map[string]bool) {
	given["allow-path"], given["deny-path"], given["user"] = len(o.allow) > 0, len(o.deny) > 0, len(o.users) > 0
	given["variable"], given["realm"] = len(o.variables) > 0, o.realm != ""
}

// authorizerApp decides by the rules; without any it is the one that is built
// in, to try things with.
func authorizerApp(_ context.Context, _ *Env, o *appOptions, _ string) (served, error) {
	r := &o.rules
	if r.realm != "" && len(r.users) == 0 {
		return served{}, usagef("serve authorizer: --realm without --user: nobody is asked for a password")
	}
	if len(r.allow)+len(r.deny)+len(r.users)+len(r.variables) == 0 {
		app, err := server.FindApp("authorizer")
		return served{handler: app.Handler, close: func() {}}, err
	}
	a := &server.Authorizer{Allow: r.allow, Deny: r.deny, Realm: r.realm}
	var err error
	if a.Variables, err = authVariables(r.variables); err != nil {
		return served{}, err
	}
	if len(r.users) > 0 {
		known, err := passwords(r.users)
		if err != nil {
			return served{}, err
		}
		a.Login = server.Passwords(known)
	}
	return served{handler: a.Handle, close: func() {}}, nil
}

// transforms are what filter can do to letters, the first if nobody says.
var transforms = []struct {
	word   string
	change func(byte) byte
}{
	{"upper", server.Upper},
	{"lower", server.Lower},
	{"rot13", server.Rot13},
	{"none", func(c byte) byte { return c }},
}

func transformWords() (words []string) {
	for _, t := range transforms {
		words = append(words, t.word)
	}
	return words
}

// filterApp changes what it is given.
func filterApp(_ context.Context, _ *Env, o *appOptions, _ string) (served, error) {
	for _, t := range transforms {
		if t.word == o.transform.word {
			return served{handler: server.Filter(t.change), close: func() {}}, nil
		}
	}
	return served{}, usagef("serve filter: --transform: want %s", orList(transformWords()))
}

// pathPatterns is the value of a flag that may come several times.
type pathPatterns []server.PathPattern

// Set implements flag.Value.
func (l *pathPatterns) Set(s string) error {
	if !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "*") {
		return errors.New("want a path from / on, or a pattern that begins with *")
	}
	*l = append(*l, server.PathPattern(s))
	return nil
}

// String returns "": there is no default.
func (l *pathPatterns) String() string { return "" }

// What users hold, and values of variables may, is secret: it is in no message.

// passwords reads NAME:PASSWORD.
func passwords(users []string) (map[string]string, error) {
	known := make(map[string]string)
	for _, user := range users {
		name, password, ok := strings.Cut(user, ":")
		if !ok || name == "" {
			return nil, usagef("--user: want NAME:PASSWORD")
		}
		if _, twice := known[name]; twice {
			return nil, usagef("--user: two passwords for the name %q", name)
		}
		known[name] = password
	}
	return known, nil
}

// authVariables reads NAME=VALUE.
func authVariables(list []string) (variables []wire.Pair, err error) {
	for _, v := range list {
		name, value, ok := strings.Cut(v, "=")
		switch {
		case !ok:
			return nil, usagef("--variable: want NAME=VALUE")
		case !server.VariableName(name):
			return nil, usagef("--variable %q: a name is made of letters, digits, _ and -", name)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
			return nil, usagef("--variable %s: the value is no line of text, as a header field has to be", name)
		}
		variables = append(variables, wire.NewPair(name, value))
	}
	return variables, nil
}
