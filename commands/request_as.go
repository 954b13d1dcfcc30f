package commands

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/redact"
)

// asOptions make requests as web servers make them.
type asOptions struct {
	name    choice
	diff    choice
	explain bool
	json    bool   // what is shown is lines of JSON
	app     string // the application, as Apache writes it
}

func (o *asOptions) flags(category string) []cli.Flag {
	var names []string
	for _, s := range cgi.Presets() {
		names = append(names, s.Name)
	}
	o.name.words, o.diff.words = names, names
	return []cli.Flag{
		choiceFlag(category, "as", nil, "make the request as `SERVER` does, parameters and records: "+orList(names), &o.name),
		&cli.BoolFlag{Name: "explain-params", Category: category, Usage: "print each parameter with where it comes from, send nothing", Destination: &o.explain},
		choiceFlag(category, "diff", nil, "print how the request would differ if `SERVER` made it, send nothing", &o.diff),
	}
}

// shows reports whether the request is shown and not sent.
func (o *asOptions) shows() bool { return o.explain || o.diff.word != "" }

// check refuses what contradicts itself.
func (o *asOptions) check(format string) error {
	switch {
	case o.explain && o.diff.word != "":
		return usagef("request: --explain-params and --diff: one of them at a time")
	case o.shows() && format != "" && format != "jsonl":
		return withHint(usagef("request: --format %s is for what is sent, and --explain-params and --diff send nothing", format),
			"they print a table, or with --format jsonl a line of JSON for each parameter")
	}
	o.json = format == "jsonl"
	return nil
}

// server is the one that --as names.
func (o *asOptions) server() *cgi.Preset { return serverNamed(o.name.word) }

func serverNamed(name string) *cgi.Preset {
	for _, s := range cgi.Presets() {
		if s.Name == name {
			return s
		}
	}
	return cgi.Default()
}

// layout is how the server cuts a request into records; nil is our own way.
func (o *asOptions) layout() *client.Layout {
	if o.name.word == "" {
		return nil
	}
	return clientLayout(o.server())
}

func clientLayout(s *cgi.Preset) *client.Layout {
	l := s.Layout
	return &client.Layout{Pad: l.Pad, Params: l.Params, Body: l.Body, SplitPairs: l.SplitPairs, WriteEach: l.WriteEach}
}

// asRole says that a server does not ask for a role.
func asRole(s *cgi.Preset, role wire.Role) error {
	if slices.Contains(s.Roles, role) {
		return nil
	}
	var can []string
	for _, other := range cgi.Presets() {
		if slices.Contains(other.Roles, role) {
			can = append(can, other.Name)
		}
	}
	hint := "no web server does that; without --as it is possible"
	if len(can) > 0 {
		hint = "those that do: " + strings.Join(can, ", ")
	}
	return withHint(usagef("request: %s sends no requests for the role %v", s.Name, role), hint)
}

// proxyNote says what became of a header field Proxy.
func proxyNote(m made) []string {
	if !slices.ContainsFunc(m.fields.fields, func(f cgi.Field) bool { return strings.EqualFold(f.Name, "Proxy") }) {
		return nil
	}
	if _, sent := wire.Lookup(m.pairs, "HTTP_PROXY"); sent {
		return nil
	}
	return []string{"hint: the header Proxy is left out, as most web servers do (httpoxy); to send it: -P HTTP_PROXY=VALUE"}
}

// asApache is the application as Apache names it in SCRIPT_FILENAME: for a Unix
// socket the host that manuals have behind unix:PATH|fcgi://.
func (t target) asApache() string {
	if t.app == nil && t.addr.Network == "tcp" {
		return t.addr.Address
	}
	return "localhost"
}

// showAs prints what would be sent, and where it comes from; mask is nil if
// nothing is to be masked.
func (o *paramOptions) showAs(env *Env, in *input, mask *redact.Redactor) error {
	server := o.as.server()
	m, err := o.make(in, server)
	if err != nil {
		return err
	}
	if o.as.diff.word == "" {
		sources := m.sources()
		m.pairs = masked(mask, m)
		return printSources(env, o.as.json, m, sources)
	}
	other := serverNamed(o.as.diff.word)
	n, err := o.make(in, other)
	if err != nil {
		return err
	}
	m.pairs, n.pairs = masked(mask, m), masked(mask, n)
	return printDiff(env, o.as.json, [2]*cgi.Preset{server, other}, [2]made{m, n})
}

// masked returns the pairs as they would be shown if they were sent.
func masked(mask *redact.Redactor, m made) []wire.Pair {
	if mask == nil {
		return m.pairs
	}
	var sent bytes.Buffer
	w := wire.NewWriter(&sent)
	_ = w.WriteRecord(wire.BeginRecord(1, m.request.Role, 0)) // a buffer takes everything
	params := w.Pairs(wire.TypeParams, 1)
	for _, p := range m.pairs {
		_ = params.WritePair(p)
	}
	_ = params.Close()
	_ = w.Flush()
	var shown []byte
	c := flow.Conn{Info: &flow.ConnInfo{}, Whole: true}
	c.Feed(wire.ToApp, time.Time{}, sent.Bytes(), func(e *flow.Event) {
		mask.Event(e)
		if e.Kind == flow.KindRecord && e.Header.Type == wire.TypeParams {
			shown = append(shown, e.Data...)
		}
	})
	pairs, _ := wire.ParsePairs(shown) // masking keeps lengths
	return pairs
}

// sources returns where each of the pairs comes from: from the preset, unless a
// flag changed or added it.
func (m *made) sources() []string {
	var sources []string
	from := map[string][]cgi.Param{}
	for _, p := range m.params {
		from[string(p.Name)] = append(from[string(p.Name)], p)
	}
	for _, p := range m.pairs {
		source := "a flag"
		if left := from[string(p.Name)]; len(left) > 0 {
			if string(left[0].Value) == string(p.Value) {
				source = left[0].Source
			}
			from[string(p.Name)] = left[1:]
		}
		sources = append(sources, source)
	}
	return sources
}

// printSources prints the parameters and their sources.
func printSources(env *Env, json bool, m made, sources []string) error {
	var lines []byte
	var rows [][]string
	for i, p := range m.pairs {
		rows = append(rows, []string{pretty.Clean(string(p.Name)), pretty.Clean(sources[i]), pretty.Quote(p.Value, 0)})
		lines = pretty.AppendText(append(lines, '{'), "name", p.Name)
		lines = pretty.AppendText(lines, "value", p.Value)
		lines = append(pretty.AppendText(lines, "source", []byte(sources[i])), "}\n"...)
	}
	if json {
		return write(env.Stdout, lines)
	}
	return writeTable(env, []string{"parameter", "comes from", "value"}, rows)
}

// writeTable prints a table on stdout.
func writeTable(env *Env, head []string, rows [][]string) error {
	if err := pretty.TableIn(env.Stdout, env.Terminal.columns(), head, rows); err != nil {
		return outputError{err}
	}
	return nil
}
