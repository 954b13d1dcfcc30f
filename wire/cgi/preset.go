package cgi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Param is a parameter and where it comes from.
type Param struct {
	wire.Pair
	// Source says in a few words what the value was made of, in the words of
	// the server's configuration where it has such.
	Source string
}

// Pairs returns params without their sources.
func Pairs(params []Param) []wire.Pair {
	if params == nil {
		return nil
	}
	pairs := make([]wire.Pair, len(params))
	for i := range params {
		pairs[i] = params[i].Pair
	}
	return pairs
}

// A Preset is how one server makes FastCGI requests of HTTP requests: which
// parameters, in which order, in which records.
type Preset struct {
	Name  string      // such as "nginx"
	Help  string      // a few words about it
	Roles []wire.Role // that it can ask for; the first one is the usual
	// Layout is how it cuts a request into records.
	Layout Layout
	// MaxParams is how many bytes of PARAMS it sends at most, more are an error
	// of the HTTP request; 0 is no limit.
	MaxParams int
	// Unordered: its parameters are in another order in every request. Those of
	// Params have a fixed one.
	Unordered bool

	// names returns the names of the rows that are there, in order, where the
	// server's configuration decides. nil is all of them.
	names func(*parts) []string
	rows  []row
	keep  func(*Request) bool // nil is never
	// noStdin: an AUTHORIZER gets no STDIN at all, not even its end.
	noStdin bool
}

// A Layout is how a server cuts requests into records. Where the records of a
// body depend on how it came in, it is what they are when all of it is there.
// The zero value is the layout of package client.
type Layout struct {
	// Pad returns how many bytes of padding, 0 to 255, a record of type t with
	// that many bytes of content gets.
	Pad func(t wire.Type, content int) (padding int)
	// Params and Body are the most content of the records of PARAMS and of
	// STDIN, 1 to 65535 bytes.
	Params, Body int
	SplitPairs   bool // a pair that does not fit goes on in the next record
	WriteEach    bool // each record is a write of its own
}

// A Server is what a web server knows from its configuration and its
// connections, beside the addresses, names and ports of Request. Everything can
// be left out.
type Server struct {
	Software string // SERVER_SOFTWARE; "" is that of the version the preset was compared with

	// Names are the parameters that the configuration has, in its order: nginx's
	// fastcgi_param directives, or the environment of cgi-fcgi. nil is what
	// Debian's fastcgi_params has, with SCRIPT_FILENAME and where the URL needs
	// it PATH_INFO, or what people write before cgi-fcgi. Without PATH_INFO
	// nginx has no fastcgi_split_path_info either.
	Names []string
	// Env are variables that Apache has before those of CGI: of SetEnv, of
	// mod_unique_id and the like.
	Env []Field

	Path                       string // PATH of Apache, and of cgi-fcgi
	Signature, Admin           string // Apache: SERVER_SIGNATURE, SERVER_ADMIN
	ContextPrefix, ContextRoot string // Apache: of Alias; "" is none, and the document root
	App                        string // Apache: the application in the URL of ProxyPass, as HOST:PORT; "" is localhost
	ProxyPath                  string // Apache: the path that ProxyPass maps to the document root; "" is /
	// Unshared is that Apache has no <Proxy> or ProxyPass for the application,
	// only a SetHandler: it does not keep the connection then, and says so.
	Unshared bool
	// Provider is the type of Apache's AuthnzFcgiDefineProvider: authn, authz,
	// or authnz, which "" is, too.
	Provider string
}

// Presets returns all presets, in the order of help. They are not to be
// changed.
func Presets() []*Preset { return []*Preset{&nginx, &apache, &lighttpd, &caddy, &cgiFcgi} }

// Default returns what Request.Params uses: the parameters of nginx that
// matter, without what it repeats.
func Default() *Preset { return &standard }

// A row is a parameter and where it comes from, or several that one place has.
type row struct {
	name     string
	value    func(*parts) string
	expand   func(*parts) []Param // in place of name and value
	optional bool                 // left out when it is empty
	only     wire.Role            // the one role that has it; 0: all
	unless   wire.Role            // the one role that has it not; 0: none
	source   string
}

// Params returns the parameters that the server makes of r, each with its
// source. The error is a *ParamError.
func (s *Preset) Params(r *Request) ([]Param, error) {
	p, rows, err := s.prepare(r)
	if err != nil {
		return nil, err
	}
	p.sources = true
	params := make([]Param, 0, len(rows)+len(p.header))
	p.each(rows, func(param Param) { params = append(params, param) })
	return params, s.Check(Pairs(params))
}

// Pairs is Params without the sources.
func (s *Preset) Pairs(r *Request) ([]wire.Pair, error) {
	p, rows, err := s.prepare(r)
	if err != nil {
		return nil, err
	}
	pairs := make([]wire.Pair, 0, len(rows)+len(p.header))
	p.each(rows, func(param Param) { pairs = append(pairs, param.Pair) })
	return pairs, s.Check(pairs)
}

// prepare returns what the rows are made of, and those that there are.
func (s *Preset) prepare(r *Request) (*parts, []row, error) {
	role := cmp.Or(r.Role, wire.Responder)
	if !slices.Contains(s.Roles, role) {
		return nil, nil, &ParamError{"role", fmt.Sprintf("%s does not ask for %v", s.Name, role)}
	}
	p, err := r.parts()
	if err != nil {
		return nil, nil, err
	}
	rows, err := s.chosen(p)
	return p, rows, err
}

// each makes the parameters of the rows, in their order.
func (p *parts) each(rows []row, add func(Param)) {
	role := cmp.Or(p.r.Role, wire.Responder)
	for i := range rows {
		row := &rows[i]
		switch {
		case row.only != 0 && row.only != role, row.unless == role:
		case row.expand != nil:
			for _, param := range row.expand(p) {
				add(param)
			}
		default:
			if value := row.value(p); value != "" || !row.optional {
				add(Param{p.arena.pair(row.name, value), row.source})
			}
		}
	}
}

// Check is the function Check, with the limit of the server.
func (s *Preset) Check(pairs []wire.Pair) error {
	if err := Check(pairs); err != nil {
		return err
	}
	if s.MaxParams == 0 {
		return nil
	}
	var size int
	for i := range pairs {
		size += pairs[i].Len()
	}
	if size > s.MaxParams {
		return &ParamError{"PARAMS", fmt.Sprintf("%d bytes, and %s sends %d at most", size, s.Name, s.MaxParams)}
	}
	return nil
}

// Keep reports whether the server sets KEEP_CONN in such a request by itself.
// See FastCGI 1.0, section 5.1.
func (s *Preset) Keep(r *Request) bool { return s.keep != nil && s.keep(r) }

// NoStdin reports whether the server sends no STDIN at all for the role, not
// even its end.
func (s *Preset) NoStdin(role wire.Role) bool { return s.noStdin && role == wire.Authorizer }

// chosen returns the rows that the configuration has, in its order.
func (s *Preset) chosen(p *parts) ([]row, error) {
	if s.names == nil {
		return s.rows, nil
	}
	names := p.r.Server.Names
	if names == nil {
		names = s.names(p)
	}
	var rows []row
	for _, name := range names {
		i := slices.IndexFunc(s.rows, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, &ParamError{name, "the preset " + s.Name + " knows no such parameter"}
		}
		rows = append(rows, s.rows[i])
	}
	for _, r := range s.rows {
		if r.expand != nil {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// headerRules are how a server makes parameters of header fields.
type headerRules struct {
	name      func(field string) string     // of the parameter; "" leaves it out
	join      func(name string) string      // what is between the values of one name; nil: a parameter each
	skipEmpty bool                          // fields without a value are left out
	without   func(p *parts, n string) bool // parameters that are left out; nil is none
}

// params are the parameters of the header.
func (h *headerRules) params(p *parts) []Param {
	params := make([]Param, 0, len(p.header))
	for _, f := range p.header {
		name := h.name(f.Name)
		if name == "" || h.skipEmpty && f.Value == "" || h.without != nil && h.without(p, name) {
			continue
		}
		if h.join != nil {
			if i := slices.IndexFunc(params, func(a Param) bool { return string(a.Name) == name }); i >= 0 {
				params[i].Value = append(params[i].Value, h.join(name)+f.Value...)
				continue
			}
		}
		param := Param{Pair: p.arena.pair(name, f.Value)}
		if p.sources {
			param.Source = "the header field " + f.Name
		}
		params = append(params, param)
	}
	return params
}

// An arena is memory that many pairs share: a server makes some for every
// request.
type arena []byte

// pair is wire.NewPair.
func (a *arena) pair(name, value string) wire.Pair {
	if need := len(name) + len(value); cap(*a)-len(*a) < need {
		*a = make([]byte, 0, max(need, 1<<10))
	}
	from := len(*a)
	*a = append(append(*a, name...), value...)
	mid, to := from+len(name), len(*a)
	return wire.Pair{Name: (*a)[from:mid:mid], Value: (*a)[mid:to:to]}
}

// commas joins as RFC 9110, section 5.3, says; crumbs knows that cookies are an
// exception.
func commas(string) string { return ", " }

func crumbs(name string) string {
	if name == "HTTP_COOKIE" {
		return "; "
	}
	return ", "
}

// httpName is HTTP_NAME of a field. See RFC 3875, section 4.1.18.
func httpName(field string) string {
	b := make([]byte, 0, 64)
	b = append(append(b, "HTTP_"...), field...)
	for i, c := range b {
		switch {
		case c == '-':
			b[i] = '_'
		case 'a' <= c && c <= 'z':
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// plain reports whether a name is of letters, digits and hyphens only: what
// nginx and Apache pass, so that no two fields become the same parameter.
func plain(field string) bool {
	for i := range len(field) {
		if c := field[i]; !alnum(c) && c != '-' {
			return false
		}
	}
	return true
}

func alnum(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' }

// isField reports whether name is one of those, in any case.
func isField(name string, of ...string) bool {
	return slices.ContainsFunc(of, func(s string) bool { return strings.EqualFold(s, name) })
}

// padTo8 pads content of PARAMS and of the body to a multiple of eight bytes.
func padTo8(t wire.Type, content int) int {
	if t == wire.TypeParams || t == wire.TypeStdin || t == wire.TypeData {
		return wire.PadTo8(content)
	}
	return 0
}

// padNone pads nothing.
func padNone(wire.Type, int) int { return 0 }
