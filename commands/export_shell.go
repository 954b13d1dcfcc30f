package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// shellQuote writes a word as a POSIX shell reads it.
func shellQuote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// asCurl are the flags that curl has, too, by its name for them.
var asCurl = map[string]string{
	"method": "-X", "head": "-I", "header": "-H", "user": "-u", "user-agent": "-A", "referer": "-e", "cookie": "-b",
	"data": "-d", "data-binary": "--data-binary", "data-raw": "--data-raw", "data-urlencode": "--data-urlencode", "json": "--json",
	"form": "-F", "form-string": "--form-string", "upload-file": "-T", "get": "-G",
}

// noneOfHTTP are the flags that a web server does not let its clients decide.
var noneOfHTTP = []string{"param", "unset", "env", "env-all", "php-value", "php-admin-value", "role", "data-file"}

// exportCurl prints a command that asks the web server in front.
func exportCurl(_ context.Context, e *export, w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("curl")
	var left []string
	for _, s := range e.given {
		name, known := asCurl[s.name]
		switch {
		case known && s.takes:
			b.WriteString(" " + name + " " + shellQuote(s.value))
		case known:
			b.WriteString(" " + name)
		case slices.Contains(noneOfHTTP, s.name) && !slices.Contains(left, "--"+s.name):
			left = append(left, "--"+s.name)
		}
	}
	url := e.o.params.url
	if url == "" {
		url, _, _ = strings.Cut(e.param("REQUEST_URI"), "?")
	}
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		url = "http://localhost/" + strings.TrimPrefix(url, "/")
	}
	if strings.ContainsAny(url, "[]{}") {
		b.WriteString(" -g")
	}
	b.WriteString(" " + shellQuote(url) + "\n")
	if len(left) > 0 {
		e.warn("only the web server decides what %s says: left out", strings.Join(left, ", "))
	}
	return e.put(w, &b)
}

// exportOwn prints the whole command of this program.
func exportOwn(_ context.Context, e *export, w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("fcgiscope request")
	for _, arg := range e.o.args() {
		b.WriteString(" " + shellQuote(arg))
	}
	for _, s := range e.given {
		b.WriteString(" --" + s.name)
		if s.takes {
			b.WriteString(" " + shellQuote(s.value))
		}
	}
	b.WriteByte('\n')
	return e.put(w, &b)
}

// cgiFcgiBreaks is how many bytes of parameters cgi-fcgi sends in a record; it
// splits a pair that does not fit.
const cgiFcgiBreaks = 8184

// exportCgiFcgi prints a command with the parameters as its environment.
func exportCgiFcgi(_ context.Context, e *export, w io.Writer) error {
	network, address, err := e.address()
	if err == nil {
		err = e.responder()
	}
	if err != nil {
		return err
	}
	if network == "unix" && strings.ContainsAny(address, ":@\x00") {
		return usagef("request: --export cgi-fcgi: it cannot connect to %v", e.target)
	}
	var b bytes.Buffer
	from := " </dev/null"
	if file := e.bodyFile(); file != "" {
		from = " <" + shellQuote(file)
	} else if e.request.Stdin != nil {
		body, err := e.inline()
		if err != nil {
			return err
		}
		from = ""
		b.WriteString("printf " + printfQuote(body) + " |\n")
	}
	b.WriteString("env -i \\\n")
	size := 0
	for i, p := range e.request.Params {
		switch {
		case len(p.Name) == 0 || bytes.IndexByte(p.Name, '=') >= 0 || bytes.IndexByte(p.Name, 0) >= 0 || bytes.IndexByte(p.Value, 0) >= 0:
			return usagef("request: --export cgi-fcgi: an environment cannot hold the parameter %q", p.Name)
		case slices.ContainsFunc(e.request.Params[i+1:], func(o wire.Pair) bool { return bytes.Equal(o.Name, p.Name) }):
			e.warn("%q is there more than once, and an environment holds the last one", p.Name)
		}
		size += len(p.Append(nil))
		b.WriteString("  " + shellQuote(string(p.Name)+"="+string(p.Value)) + " \\\n")
	}
	fmt.Fprintf(&b, "  cgi-fcgi -bind -connect %s%s\n", shellQuote(address), from)
	if size > cgiFcgiBreaks {
		e.warn("the parameters take %d bytes: cgi-fcgi splits pairs after %d, and php-fpm resets the connection then", size, cgiFcgiBreaks)
	}
	return e.put(w, &b)
}

// printfQuote writes bytes as the first word of the shell's printf.
func printfQuote(p []byte) string {
	var b strings.Builder
	for _, c := range p {
		switch {
		case c == '%':
			b.WriteString("%%")
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	if strings.HasPrefix(b.String(), "-") {
		return "-- '" + strings.ReplaceAll(b.String(), "'", `'\''`) + "'"
	}
	return "'" + strings.ReplaceAll(b.String(), "'", `'\''`) + "'"
}
