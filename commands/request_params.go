package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// givenParams are the parameters that the user names, beside those that are made
// of the URL.
type givenParams struct {
	params   list // -P
	unset    list
	env      list
	envAll   bool
	php      list // --php-value
	phpAdmin list
	raw      bool
}

func (o *givenParams) flags(category string) []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "param", Aliases: []string{"P"}, Category: category, Usage: "parameter `NAME=VALUE`, in place of the one that is made, or added; or @FILE: such lines, or JSON; may come several times", Value: &o.params},
		&cli.GenericFlag{Name: "unset", Category: category, Usage: "leave out the parameter `NAME`; may come several times", Value: &o.unset},
		&cli.GenericFlag{Name: "env", Category: category, Usage: "send the variable `NAME` of the environment; may come several times", Value: &o.env},
		&cli.BoolFlag{Name: "env-all", Category: category, Usage: "send the whole environment, with the secrets in it, as cgi-fcgi does", Destination: &o.envAll},
		&cli.GenericFlag{Name: "php-value", Category: category, Usage: "PHP setting `NAME=VALUE`, in PHP_VALUE; the php-fpm worker keeps it; may come several times", Value: &o.php},
		&cli.GenericFlag{Name: "php-admin-value", Category: category, Usage: "the same, in PHP_ADMIN_VALUE: scripts cannot change it: `NAME=VALUE`", Value: &o.phpAdmin},
		&cli.BoolFlag{Name: "raw-params", Category: category, Usage: "send names and values as they are: empty names, NULs, line ends", Destination: &o.raw},
	}
}

// A paramSet is what they come to.
type paramSet struct {
	env  []wire.Pair // of the environment; --unset takes them out, too
	user []wire.Pair // of the other flags, which have the last word
}

// apply puts the parameters of the user among those that were made.
func (s *paramSet) apply(pairs []wire.Pair, unset []string) []wire.Pair {
	return cgi.Override(cgi.Unset(cgi.Override(pairs, s.env), unset...), s.user)
}

// read reads the flags, and the files that they name. What is behind an = may be
// a secret, and is in no message.
func (o *givenParams) read(ctx context.Context, env *Env) (set paramSet, err error) {
	if set.env, err = o.environment(env); err != nil {
		return set, err
	}
	for _, row := range []struct {
		flag, param string
		values      list
	}{{"php-value", "PHP_VALUE", o.php}, {"php-admin-value", "PHP_ADMIN_VALUE", o.phpAdmin}} {
		p, err := joinSettings(row.flag, row.param, row.values)
		if err != nil {
			return set, err
		}
		set.user = append(set.user, p...)
	}
	joined := len(set.user)
	for _, s := range o.params {
		pairs, err := o.param(ctx, env, s)
		if err != nil {
			return set, err
		}
		set.user = append(set.user, pairs...)
	}
	for _, p := range set.user[:joined] {
		if _, both := wire.Lookup(set.user[joined:], string(p.Name)); both {
			return set, usagef("request: %s is given by -P and by a flag of its own", p.Name)
		}
	}
	return set, nil
}

// param reads one -P.
func (o *givenParams) param(ctx context.Context, env *Env, s string) ([]wire.Pair, error) {
	if name, ok := strings.CutPrefix(s, "@"); ok {
		return o.file(ctx, env, name)
	}
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return nil, withHint(usagef("request: -P takes NAME=VALUE, and there is no ="), "for a variable of the environment: --env NAME; for a file: -P @FILE")
	}
	p := wire.NewPair(name, value)
	if err := o.check(p); err != nil {
		return nil, usagef("request: -P: %w", err)
	}
	return []wire.Pair{p}, nil
}

// sticky are parameters that php-fpm keeps after the request. They hold lines.
var sticky = []string{"PHP_VALUE", "PHP_ADMIN_VALUE"}

// check refuses what nobody means to send without --raw-params.
func (o *givenParams) check(p wire.Pair) error {
	if o.raw {
		return nil
	}
	const hint = "to send it as it is: --raw-params"
	switch {
	case len(p.Name) == 0:
		return withHint(errors.New("there is no name before the ="), hint)
	case bytes.ContainsAny(p.Name, "\x00\r\n"):
		return withHint(fmt.Errorf("the name %.60q holds a NUL byte or a line end", p.Name), hint)
	case bytes.IndexByte(p.Value, 0) >= 0:
		return withHint(fmt.Errorf("the value of %s holds a NUL byte", p.Name), hint)
	case bytes.ContainsAny(p.Value, "\r\n") && !slices.Contains(sticky, string(p.Name)):
		return withHint(fmt.Errorf("the value of %s holds a line end", p.Name), hint)
	}
	return nil
}

// environment returns the variables that --env and --env-all name.
func (o *givenParams) environment(env *Env) (pairs []wire.Pair, err error) {
	var all []wire.Pair
	if env.Environ != nil {
		for _, s := range env.Environ() {
			if name, value, ok := strings.Cut(s, "="); ok && name != "" {
				all = append(all, wire.NewPair(name, value))
			}
		}
	}
	if o.envAll {
		pairs = all
	}
	for _, name := range o.env {
		value, ok := wire.Lookup(all, name)
		switch {
		case strings.Contains(name, "="):
			return nil, withHint(usagef("request: --env takes the name of a variable, and there is an ="), "to name the value, too: -P NAME=VALUE")
		case !ok:
			return nil, usagef("request: --env %s: the environment has no such variable", name)
		}
		p := wire.NewPair(name, string(value))
		if err := o.check(p); err != nil {
			return nil, usagef("request: --env: %w", err)
		}
		if !o.envAll {
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

// joinSettings makes the lines of PHP_VALUE or PHP_ADMIN_VALUE.
func joinSettings(flag, param string, values []string) ([]wire.Pair, error) {
	var lines []string
	for _, s := range values {
		name, value, ok := strings.Cut(s, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, withHint(usagef("request: --%s takes NAME=VALUE", flag), "such as: --"+flag+" memory_limit=64M")
		}
		if strings.ContainsAny(s, "\x00\r\n") {
			return nil, withHint(usagef("request: --%s: the setting of %.60q holds a NUL byte or a line end", flag, name), "a flag for each setting")
		}
		lines = append(lines, name+" = "+strings.TrimSpace(value))
	}
	if len(lines) == 0 {
		return nil, nil
	}
	return []wire.Pair{wire.NewPair(param, strings.Join(lines, "\n"))}, nil
}

// maxParamFile is the most bytes of the file of -P @FILE.
const maxParamFile = 4 << 20

// file reads -P @FILE: lines NAME=VALUE, or JSON: an object of strings, or an
// array of pairs, {"name":…,"value":…} or [name, value].
func (o *givenParams) file(ctx context.Context, env *Env, name string) ([]wire.Pair, error) {
	if name == "" {
		return nil, usagef("request: -P @ needs the name of a file, or - for standard input")
	}
	text, err := readInput(ctx, env, name, maxParamFile)
	if err != nil {
		return nil, err
	}
	parse := parseParamLines
	if t := bytes.TrimSpace(text); len(t) > 0 && (t[0] == '{' || t[0] == '[') {
		parse = parseParamJSON
	}
	pairs, err := parse(text)
	if err != nil {
		return nil, usagef("request: -P @%s: %w", name, err)
	}
	for _, p := range pairs {
		if err := o.check(p); err != nil {
			return nil, usagef("request: -P @%s: %w", name, err)
		}
	}
	return pairs, nil
}

// readInput reads the whole of a file, or of standard input for -, which may
// have limit bytes.
func readInput(ctx context.Context, env *Env, name string, limit int64) ([]byte, error) {
	in, label, closeInput, err := openNamed(ctx, env, name)
	if err != nil {
		return nil, err
	}
	defer closeInput()
	text, err := io.ReadAll(io.LimitReader(until(ctx, in), limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", label, err)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%s: too large, more than %d bytes", label, limit)
	}
	return text, nil
}

// parseParamLines reads NAME=VALUE lines. Empty ones, and those that begin with
// #, are left out.
func parseParamLines(text []byte) (pairs []wire.Pair, err error) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("line %d: there is no =", n)
		}
		pairs = append(pairs, wire.NewPair(name, value))
	}
	return pairs, nil
}

// parseParamJSON reads pairs in the order in which they stand.
func parseParamJSON(text []byte) (pairs []wire.Pair, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	first, err := d.Token()
	if err != nil {
		return nil, jsonError(err)
	}
	for d.More() {
		var p wire.Pair
		if first == json.Delim('{') {
			var name json.Token
			if name, err = d.Token(); err == nil {
				p, err = pairOf(name, d)
			}
		} else {
			p, err = pairIn(d)
		}
		if err != nil {
			return nil, jsonError(err)
		}
		pairs = append(pairs, p)
	}
	if _, err := d.Token(); err != nil {
		return nil, jsonError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON value")
	}
	return pairs, nil
}

// jsonError says where the JSON is wrong, without what stands there.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON after byte %d", syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON does not end")
	}
	return err
}

// pairOf makes a pair of a name and the next value.
func pairOf(name any, d *json.Decoder) (wire.Pair, error) {
	var value any
	if err := d.Decode(&value); err != nil {
		return wire.Pair{}, err
	}
	return jsonPair(name, value)
}

// pairIn reads one element of an array of pairs.
func pairIn(d *json.Decoder) (wire.Pair, error) {
	var raw any
	if err := d.Decode(&raw); err != nil {
		return wire.Pair{}, err
	}
	switch v := raw.(type) {
	case []any:
		if len(v) == 2 {
			return jsonPair(v[0], v[1])
		}
	case map[string]any:
		if _, ok := v["name"]; ok && len(v) == 2 {
			return jsonPair(v["name"], v["value"])
		}
	}
	return wire.Pair{}, errors.New(`an element is no pair: want ["NAME","VALUE"] or {"name":"NAME","value":"VALUE"}`)
}

func jsonPair(name, value any) (wire.Pair, error) {
	n, ok := name.(string)
	if !ok {
		return wire.Pair{}, errors.New("a name is no string")
	}
	switch v := value.(type) {
	case string:
		return wire.NewPair(n, v), nil
	case json.Number:
		return wire.NewPair(n, v.String()), nil
	}
	return wire.Pair{}, fmt.Errorf("the value of %.60q is neither a string nor a number", n)
}
