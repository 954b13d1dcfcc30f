package cgi

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Request is an HTTP request that becomes the parameters of a FastCGI
// request. Only URL is needed.
type Request struct {
	Role   wire.Role // 0 is RESPONDER
	Method string    // "" is GET
	// URL is a path with a query, or all of a URL: its host becomes that of the
	// request, https sets HTTPS. "" is the path of Script.
	URL      string
	Protocol string // "" is HTTP/1.1

	Root   string // DOCUMENT_ROOT, as the app sees it; "" is the directory of Script
	Script string // the file to run, absolute or below Root; "" is found by the path of URL
	Index  string // what is run for a path that ends in /; "" is index.php
	Split  string // the end of a script's name, behind which PATH_INFO begins; "" is .php

	Header []Field // in order; Host is added if it is missing
	// ContentLength is the size of the body in bytes; less than 0 leaves
	// CONTENT_LENGTH out, which makes many apps see no body.
	ContentLength int64

	ServerName, ServerAddr, ServerPort string // "" is from URL, or localhost, 127.0.0.1, 80 or 443
	RemoteAddr, RemotePort             string // "" is 127.0.0.1, 0

	// Of the file that a FILTER works on. See FastCGI 1.0, section 6.4.
	DataLength   int64     // bytes
	DataModified time.Time // sent in seconds since 1970
}

// A Field is a field of an HTTP header.
type Field struct {
	Name, Value string // as in HTTP, without the colon
}

// A ParamError says that a request has no representation as parameters.
type ParamError struct {
	Name string // of the parameter, the header field or the part of Request
	Why  string // what is wrong with it
}

// Error names the parameter and says what is wrong.
func (e *ParamError) Error() string { return fmt.Sprintf("cgi: %q: %s", e.Name, e.Why) }

// Params returns the parameters of r in the order in which nginx sends them.
// They are what php-fpm and other apps need: REQUEST_METHOD, SCRIPT_NAME and
// SCRIPT_FILENAME always, QUERY_STRING also when it is empty. A header field
// Proxy is left out, because HTTP_PROXY configures programs. The error is a
// *ParamError.
func (r *Request) Params() ([]wire.Pair, error) {
	p, err := r.parts()
	if err != nil {
		return nil, err
	}
	var pairs []wire.Pair
	for _, row := range nginx {
		if value := row.value(p); (value != "" || !row.optional) && !(r.Role == wire.Authorizer && authorizerOmits[row.name]) {
			pairs = append(pairs, wire.NewPair(row.name, value))
		}
	}
	if r.Role == wire.Filter {
		pairs = append(pairs,
			wire.NewPair("FCGI_DATA_LAST_MOD", strconv.FormatInt(r.DataModified.Unix(), 10)),
			wire.NewPair("FCGI_DATA_LENGTH", strconv.FormatInt(r.DataLength, 10)))
	}
	for _, f := range p.fields {
		pairs = append(pairs, wire.NewPair(f.Name, f.Value))
	}
	return pairs, Check(pairs)
}

// A row is a parameter and where it comes from.
type row struct {
	name     string
	value    func(*parts) string
	optional bool // left out when it is empty
}

// nginx is its fastcgi.conf, with PATH_INFO split off as its manual shows it.
var nginx = []row{
	{name: "SCRIPT_FILENAME", value: func(p *parts) string { return p.file }},
	{name: "PATH_INFO", value: func(p *parts) string { return p.info }, optional: true},
	{name: "PATH_TRANSLATED", value: func(p *parts) string { return p.translated }, optional: true},
	{name: "QUERY_STRING", value: func(p *parts) string { return p.query }},
	{name: "REQUEST_METHOD", value: func(p *parts) string { return p.method }},
	{name: "CONTENT_TYPE", value: func(p *parts) string { return p.contentType }},
	{name: "CONTENT_LENGTH", value: func(p *parts) string { return p.contentLength() }, optional: true},
	{name: "SCRIPT_NAME", value: func(p *parts) string { return p.script }},
	{name: "REQUEST_URI", value: func(p *parts) string { return p.uri }},
	{name: "DOCUMENT_URI", value: func(p *parts) string { return p.path }},
	{name: "DOCUMENT_ROOT", value: func(p *parts) string { return p.root }},
	{name: "SERVER_PROTOCOL", value: func(p *parts) string { return or(p.r.Protocol, "HTTP/1.1") }},
	{name: "REQUEST_SCHEME", value: func(p *parts) string { return p.scheme }},
	{name: "HTTPS", value: func(p *parts) string { return p.https() }, optional: true},
	{name: "GATEWAY_INTERFACE", value: func(*parts) string { return "CGI/1.1" }},
	{name: "SERVER_SOFTWARE", value: func(*parts) string { return "fcgiscope" }},
	{name: "REMOTE_ADDR", value: func(p *parts) string { return or(p.r.RemoteAddr, "127.0.0.1") }},
	{name: "REMOTE_PORT", value: func(p *parts) string { return or(p.r.RemotePort, "0") }},
	{name: "SERVER_ADDR", value: func(p *parts) string { return or(p.r.ServerAddr, "127.0.0.1") }},
	{name: "SERVER_PORT", value: func(p *parts) string { return or(p.r.ServerPort, p.port) }},
	{name: "SERVER_NAME", value: func(p *parts) string { return or(p.r.ServerName, p.host) }},
	{name: "REDIRECT_STATUS", value: func(*parts) string { return "200" }},
}

// authorizerOmits: see FastCGI 1.0, section 6.3.
var authorizerOmits = map[string]bool{"CONTENT_LENGTH": true, "PATH_INFO": true, "PATH_TRANSLATED": true, "SCRIPT_NAME": true}

// parts are what the rows are made of.
type parts struct {
	r                          *Request
	method, scheme, host, port string
	uri, path, query           string // path is decoded, the others are as they came
	root, script, info         string
	file, translated           string
	contentType                string
	fields                     []Field // HTTP_*
}

func (r *Request) parts() (*parts, error) {
	p := &parts{r: r, method: or(r.Method, "GET"), root: strings.TrimRight(r.Root, "/")}
	if r.Root != "" && p.root == "" {
		p.root = "/"
	}
	if p.root == "" && strings.HasPrefix(r.Script, "/") {
		p.root = path.Dir(r.Script)
	}
	authority, err := p.splitURL()
	if err != nil {
		return nil, err
	}
	p.findScript()
	return p, p.setFields(authority)
}

// splitURL sets what comes from URL, and returns its host and port.
func (p *parts) splitURL() (authority string, err error) {
	p.scheme, p.uri = "http", p.r.URL
	for _, scheme := range []string{"http", "https"} {
		if rest, ok := strings.CutPrefix(p.r.URL, scheme+"://"); ok {
			p.scheme = scheme
			end := strings.IndexAny(rest, "/?#")
			if end < 0 {
				end = len(rest)
			}
			authority, p.uri = rest[:end], rest[end:]
		}
	}
	p.uri, _, _ = strings.Cut(p.uri, "#")
	if p.uri == "" && p.r.Script != "" {
		p.uri = p.belowRoot(p.r.Script)
	}
	if !strings.HasPrefix(p.uri, "/") {
		p.uri = "/" + p.uri
	}
	raw, query, _ := strings.Cut(p.uri, "?")
	p.query = query
	if p.path, err = decode(raw); err != nil {
		return "", err
	}
	p.path, err = clean(p.path)
	return authority, err
}

// decode undoes percent-encoding.
func decode(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 > len(s) {
			return "", &ParamError{"URL", fmt.Sprintf("%q is no percent-encoding", s[i:])}
		}
		v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", &ParamError{"URL", fmt.Sprintf("%q is no percent-encoding", s[i:i+3])}
		}
		b.WriteByte(byte(v))
		i += 2
	}
	return b.String(), nil
}

// clean resolves . and .. and merges slashes, as nginx does.
func clean(s string) (string, error) {
	depth := 0
	for _, part := range strings.Split(s, "/") {
		switch part {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return "", &ParamError{"URL", "the path leaves the document root"}
		}
	}
	c := path.Clean(s)
	if last := s[strings.LastIndexByte(s, '/')+1:]; c != "/" && (last == "" || last == "." || last == "..") {
		c += "/"
	}
	return c, nil
}

// findScript splits the path into SCRIPT_NAME and PATH_INFO, as nginx does with
// fastcgi_split_path_info ^(.+?\.php)(/.*)$.
func (p *parts) findScript() {
	if strings.HasSuffix(p.path, "/") && !p.isScript(strings.TrimRight(p.path, "/")) {
		p.path += or(p.r.Index, "index.php")
	}
	p.script = p.path
	if script := p.r.Script; script != "" {
		p.script = p.belowRoot(script)
		if strings.HasPrefix(p.path, p.script+"/") {
			p.info = p.path[len(p.script):]
		}
		p.file = script
		if !strings.HasPrefix(script, "/") {
			p.file = path.Join(p.root, script)
		}
	} else {
		end := or(p.r.Split, ".php")
		if i := strings.Index(p.path[min(2, len(p.path)):], end+"/"); i >= 0 {
			i += 2 + len(end)
			p.script, p.info = p.path[:i], p.path[i:]
		}
		p.file = strings.TrimRight(p.root, "/") + p.script
	}
	if p.info != "" {
		p.translated = strings.TrimRight(p.root, "/") + p.info
	}
}

// isScript reports whether the path is that of a script, or goes on behind one.
func (p *parts) isScript(s string) bool {
	end := or(p.r.Split, ".php")
	return p.r.Script != "" || strings.HasSuffix(s, end) || strings.Contains(s, end+"/")
}

// belowRoot is the name of a script as the URL has it.
func (p *parts) belowRoot(script string) string {
	if !strings.HasPrefix(script, "/") {
		return "/" + script
	}
	if rest, ok := strings.CutPrefix(script, strings.TrimRight(p.root, "/")+"/"); ok {
		return "/" + rest
	}
	return or(p.path, "/"+path.Base(script))
}

// setFields sets what comes from the header.
func (p *parts) setFields(authority string) error {
	host := authority
	for _, f := range p.r.Header {
		switch {
		case f.Name == "":
			return &ParamError{"", "a header field has no name"}
		case strings.ContainsAny(f.Name+f.Value, "\r\n"):
			return &ParamError{f.Name, "a header field holds a line end"}
		case strings.EqualFold(f.Name, "Content-Type"):
			p.contentType = f.Value
		case strings.EqualFold(f.Name, "Content-Length"), strings.EqualFold(f.Name, "Proxy"):
			// The one is ContentLength's, the other dangerous: httpoxy.org.
		default:
			if strings.EqualFold(f.Name, "Host") {
				host = f.Value
			}
			p.addField("HTTP_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")), f.Value)
		}
	}
	if host == "" {
		host = "localhost"
	}
	if !p.hasField("HTTP_HOST") {
		p.fields = append([]Field{{"HTTP_HOST", host}}, p.fields...)
	}
	p.host, p.port = host, "80"
	if p.scheme == "https" {
		p.port = "443"
	}
	// The host of the URL or of the header, so its forms are those of a URL.
	if u := (url.URL{Host: host}); u.Port() != "" {
		p.host, p.port = u.Hostname(), u.Port()
	}
	return nil
}

// addField joins fields of the same name. See RFC 3875, section 4.1.18.
func (p *parts) addField(name, value string) {
	separator := ", "
	if name == "HTTP_COOKIE" {
		separator = "; "
	}
	for i := range p.fields {
		if p.fields[i].Name == name {
			p.fields[i].Value += separator + value
			return
		}
	}
	p.fields = append(p.fields, Field{name, value})
}

func (p *parts) hasField(name string) bool {
	for _, f := range p.fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// contentLength is exact, and left out where a request has no body.
// See RFC 3875, section 4.1.2.
func (p *parts) contentLength() string {
	n := p.r.ContentLength
	if n < 0 || n == 0 && (p.method == "GET" || p.method == "HEAD") {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func (p *parts) https() string {
	if p.scheme == "https" {
		return "on"
	}
	return ""
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
