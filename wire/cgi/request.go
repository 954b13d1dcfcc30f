package cgi

import (
	"fmt"
	"net/url"
	"path"
	"slices"
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
	Front  string // what is run, below Root, for a path that names no script; "" is nothing
	Split  string // the end of a script's name, behind which PATH_INFO begins; "" is .php

	Header []Field // in order; Host is added if it is missing
	// ContentLength is the size of the body in bytes; less than 0 leaves
	// CONTENT_LENGTH out, which makes many apps see no body.
	ContentLength int64
	// Server is what a Preset needs to know beside the request.
	Server Server

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

// Params returns the parameters of r as Default makes them: what php-fpm and
// other apps need, in the order in which nginx sends them. REQUEST_METHOD,
// SCRIPT_NAME and SCRIPT_FILENAME are there always, QUERY_STRING also when it is
// empty. A header field Proxy is left out, because HTTP_PROXY configures
// programs. The error is a *ParamError.
func (r *Request) Params() ([]wire.Pair, error) {
	return Default().Pairs(r)
}

// parts are what the rows are made of.
type parts struct {
	r                          *Request
	method, scheme, host, port string
	uri, path, query           string // path is decoded, the others are as they came
	asked                      string // path before the index was added
	root, script, info         string
	file, translated           string
	contentType                string
	urlHost                    string  // of a full URL
	arena                      *arena  // of the parameters
	header                     []Field // with Host, Content-Length and Content-Type, where they belong
	sources                    bool    // somebody wants to know where the parameters come from
}

func (r *Request) parts() (*parts, error) {
	p := &parts{r: r, arena: new(arena), method: or(r.Method, "GET"), root: strings.TrimRight(r.Root, "/")}
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
	p.asked = p.path
	p.findScript()
	return p, p.setHeader(authority)
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
	for part := range strings.SplitSeq(s, "/") {
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
	if front := p.r.Front; front != "" && !p.isScript(p.path) {
		p.path = path.Join("/", front)
	}
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

// setHeader sets what comes from the header. authority is that of the URL.
func (p *parts) setHeader(authority string) error {
	host, hasHost := authority, false
	p.header = make([]Field, 0, len(p.r.Header)+2)
	for _, f := range p.r.Header {
		switch {
		case f.Name == "":
			return &ParamError{"", "a header field has no name"}
		case strings.ContainsAny(f.Name, "\r\n"), strings.ContainsAny(f.Value, "\r\n"):
			return &ParamError{f.Name, "a header field holds a line end"}
		case strings.EqualFold(f.Name, "Content-Type"):
			p.contentType = f.Value
		case strings.EqualFold(f.Name, "Content-Length"):
			continue // it is ContentLength's
		case strings.EqualFold(f.Name, "Host"):
			host, hasHost = f.Value, true
		}
		p.header = append(p.header, f)
	}
	p.insertLength()
	host = or(host, "localhost")
	if !hasHost {
		p.header = slices.Insert(p.header, 0, Field{"Host", host})
	}
	p.urlHost, _ = splitPort(authority)
	p.host, p.port = splitPort(host)
	if p.port == "" {
		p.port = "80"
		if p.scheme == "https" {
			p.port = "443"
		}
	}
	return nil
}

// insertLength puts Content-Length where it was in the header, or else where
// most clients have it: before Content-Type.
func (p *parts) insertLength() {
	length := p.contentLength()
	if length == "" {
		return
	}
	at := slices.IndexFunc(p.r.Header, func(f Field) bool { return strings.EqualFold(f.Name, "Content-Length") })
	if at < 0 {
		at = slices.IndexFunc(p.header, func(f Field) bool { return strings.EqualFold(f.Name, "Content-Type") })
	}
	if at < 0 {
		at = len(p.header)
	}
	p.header = slices.Insert(p.header, min(at, len(p.header)), Field{"Content-Length", length})
}

// splitPort splits host and port as URLs have them; port is "" where there is
// none.
func splitPort(authority string) (host, port string) {
	if u := (url.URL{Host: authority}); u.Port() != "" {
		return u.Hostname(), u.Port()
	}
	return authority, ""
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

// https is "on" for https, and "" otherwise.
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
