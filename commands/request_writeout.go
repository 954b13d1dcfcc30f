package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
)

// A variable is what --write-out can print.
type variable struct {
	name, help string
	value      func(x *exchange) any // a string, int64, uint32 or time.Duration
}

// variables are those of curl that mean something here, under its names, and
// those of FastCGI.
var variables = []variable{
	{"response_code", "HTTP status, 000 without a response", func(x *exchange) any { return int64(x.status()) }},
	{"http_code", "the same", func(x *exchange) any { return int64(x.status()) }},
	{"content_type", "that of the response", func(x *exchange) any { return x.field("Content-Type") }},
	{"size_header", "bytes of the response header", func(x *exchange) any { return x.headerSize() }},
	{"size_download", "bytes of the response body", func(x *exchange) any { return x.answer.size }},
	{"size_upload", "bytes of the request body", func(x *exchange) any { return x.bodySize }},
	{"time_connect", "seconds from the start until there was a connection", func(x *exchange) any { return x.since(x.connected) }},
	{"time_starttransfer", "seconds from the start until the first record came", func(x *exchange) any { return x.since(x.times().First) }},
	{"time_total", "seconds from the start until the answer was complete", func(x *exchange) any { return x.since(x.finished) }},
	{"num_connects", "connections that were made for it", func(x *exchange) any { return int64(x.connects) }},
	{"num_retries", "how often it was sent again", func(x *exchange) any { return int64(x.tries) }},
	{"method", "REQUEST_METHOD", func(x *exchange) any { return x.param("REQUEST_METHOD") }},
	{"url", "REQUEST_URI", func(x *exchange) any { return x.param("REQUEST_URI") }},
	{"exitcode", "that of fcgiscope, if this is the only request", func(x *exchange) any { return int64(exitCode(x.err)) }},
	{"errormsg", "what went wrong, nothing if nothing did", func(x *exchange) any { return x.message() }},
	{"app_status", "appStatus of END_REQUEST", func(x *exchange) any { return int64(x.end.AppStatus) }},
	{"protocol_status", "protocolStatus of END_REQUEST, nothing if none came", func(x *exchange) any { return x.protocolStatus() }},
	{"request_id", "the request id", func(x *exchange) any { return int64(x.request.ID) }},
	{"records", "records of the answer", func(x *exchange) any { return x.records() }},
	{"stderr_size", "bytes of STDERR", func(x *exchange) any { return x.stderrSize() }},
}

// writeOutHelp lists the variables, a line each.
func writeOutHelp() string {
	var b bytes.Buffer
	for _, v := range variables {
		writeEntry(&b, 20, v.name, v.help)
	}
	return b.String()
}

// A template is the value of --write-out, taken apart.
type template struct {
	given bool
	file  string // what holds it; "" if it was given itself
	slots []slot
}

// maxTemplate is the most bytes of the file of -w @FILE.
const maxTemplate = 1 << 20

// A slot is a text, or what is to be put in its place.
type slot struct {
	text     string
	variable *variable
	to       func(*Env) io.Writer // from here on
	json     bool
}

// Set implements flag.Value.
func (t *template) Set(s string) error {
	if s == theSame {
		return nil
	}
	if name, ok := strings.CutPrefix(s, "@"); ok {
		if name == "-" || name == "" {
			return fmt.Errorf("a file is needed, standard input is for the body")
		}
		*t = template{given: true, file: name}
		return nil
	}
	t.file = ""
	return t.parse(s)
}

// open reads the file, if the template is in one.
func (t *template) open(ctx context.Context, env *Env) error {
	if t.file == "" {
		return nil
	}
	text, err := readInput(ctx, env, t.file, maxTemplate)
	if err != nil {
		return err
	}
	if err := t.parse(string(text)); err != nil {
		return usagef("request: -w @%s: %w", t.file, err)
	}
	return nil
}

// parse takes a template apart.
func (t *template) parse(s string) error {
	t.given, t.slots = true, nil
	for s != "" {
		p, n, err := parseSlot(s)
		if err != nil {
			return err
		}
		t.slots = append(t.slots, p)
		s = s[n:]
	}
	return nil
}

// Serialize is what the library sets the aliases of a flag to.
func (t *template) Serialize() string { return theSame }

// String returns "": nothing is the default.
func (t *template) String() string { return "" }

// parseSlot reads the first slot of s, which is n bytes of it.
func parseSlot(s string) (p slot, n int, err error) {
	switch {
	case strings.HasPrefix(s, "%%"):
		return slot{text: "%"}, 2, nil
	case strings.HasPrefix(s, `\n`):
		return slot{text: "\n"}, 2, nil
	case strings.HasPrefix(s, `\r`):
		return slot{text: "\r"}, 2, nil
	case strings.HasPrefix(s, `\t`):
		return slot{text: "\t"}, 2, nil
	case strings.HasPrefix(s, "%{"):
		name, _, ok := strings.Cut(s[2:], "}")
		if !ok {
			return p, 0, fmt.Errorf("%%{ without a }")
		}
		p, err := slotOf(name)
		return p, len(name) + 3, err
	}
	n = 1 + strings.IndexAny(s[1:], `%\`)
	if n == 0 {
		n = len(s)
	}
	return slot{text: s[:n]}, n, nil
}

func slotOf(name string) (slot, error) {
	switch name {
	case "json":
		return slot{json: true}, nil
	case "stderr":
		return slot{to: func(env *Env) io.Writer { return env.Stderr }}, nil
	case "stdout":
		return slot{to: func(env *Env) io.Writer { return env.Stdout }}, nil
	}
	names := []string{"json", "stderr", "stdout"}
	for i := range variables {
		if variables[i].name == name {
			return slot{variable: &variables[i]}, nil
		}
		names = append(names, variables[i].name)
	}
	if near := wire.Nearest(name, names); near != "" {
		return slot{}, fmt.Errorf("no variable %%{%s} (did you mean %%{%s}?)", name, near)
	}
	return slot{}, fmt.Errorf("no variable %%{%s}: there are %s", name, strings.Join(names, ", "))
}

// write prints what became of x.
func (t *template) write(env *Env, x *exchange) error {
	w := env.Stdout
	for _, p := range t.slots {
		text := p.text
		switch {
		case p.to != nil:
			w = p.to(env)
			continue
		case p.json:
			text = x.json()
		case p.variable != nil:
			text = shown(p.variable.name, p.variable.value(x))
		}
		if err := write(w, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// shown is a value as curl prints it.
func shown(name string, value any) string {
	switch v := value.(type) {
	case time.Duration:
		return fmt.Sprintf("%.6f", v.Seconds())
	case int64:
		if name == "response_code" || name == "http_code" {
			return fmt.Sprintf("%03d", v)
		}
		return strconv.FormatInt(v, 10)
	}
	return pretty.Clean(value.(string))
}

// json is all variables as one object.
func (x *exchange) json() string {
	out := []byte("{")
	for _, v := range variables {
		value := v.value(x)
		if text, ok := value.(string); ok {
			out = pretty.AppendText(out, v.name, []byte(text))
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%q:%s", v.name, shown("", value)) // no leading zeros
	}
	return string(append(out, '}'))
}
