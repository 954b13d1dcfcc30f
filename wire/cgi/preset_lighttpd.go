package cgi

import (
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// lighttpd is lighttpd 1.4 with mod_fastcgi. CONTENT_LENGTH comes first and is
// always there. It rewrites a URL that could be written plainer (%41 for A, //,
// ..): QUERY_STRING is then that of the plain one, which is REDIRECT_URI.
// Header fields come last, in their order, without those that are empty.
//
// Nothing is padded, and PARAMS are one record; a body makes records of up to
// 65535 bytes.
var lighttpd = Preset{
	Name:      "lighttpd",
	Help:      "lighttpd 1.4 with mod_fastcgi, as authorizer its mode authorizer",
	Roles:     []wire.Role{wire.Responder, wire.Authorizer},
	Layout:    Layout{Pad: padNone, Params: wire.MaxContent, Body: wire.MaxContent},
	MaxParams: wire.MaxContent,
	rows: []row{
		{name: "CONTENT_LENGTH", value: anyLength, optional: true, unless: wire.Authorizer, source: "the size of the body, 0 if there is none"},
		{name: "QUERY_STRING", value: func(p *parts) string { return p.plainQuery() }, source: "what follows ? in the plain form of the URL"},
		{name: "REQUEST_URI", value: uri, source: "the path and the query as the client sent them"},
		{name: "REDIRECT_URI", value: redirected, optional: true, source: "the plain form of the URL, as it differs"},
		{name: "REDIRECT_STATUS", value: status200, source: "constant"},
		{name: "SCRIPT_NAME", value: scriptName, unless: wire.Authorizer, source: "the path, up to the end of the script"},
		{name: "PATH_INFO", value: info, optional: true, unless: wire.Authorizer, source: "what follows the script in the path"},
		{name: "PATH_TRANSLATED", value: translated, optional: true, unless: wire.Authorizer, source: "the document root and PATH_INFO"},
		{name: "SCRIPT_FILENAME", value: file, unless: wire.Authorizer, source: "the document root and the path, up to the end of the script"},
		{name: "SCRIPT_FILENAME", value: guarded, only: wire.Authorizer, source: "the document root and the path"},
		{name: "DOCUMENT_ROOT", value: root, source: "server.document-root, or docroot of fastcgi.server"},
		{name: "REQUEST_METHOD", value: method, source: "the method"},
		{name: "SERVER_PROTOCOL", value: protocol, source: "the HTTP version"},
		{name: "SERVER_SOFTWARE", value: software("lighttpd/1.4.69"), source: "server.tag, or its version"},
		{name: "GATEWAY_INTERFACE", value: cgi11, source: "constant"},
		{name: "REQUEST_SCHEME", value: scheme, source: "that of the connection"},
		{name: "HTTPS", value: https, optional: true, source: "on, as the connection has TLS"},
		{name: "SERVER_PORT", value: serverPort, source: "where the connection came in"},
		{name: "SERVER_ADDR", value: serverAddr, source: "where the connection came in"},
		{name: "SERVER_NAME", value: serverName, source: "the host of Host, or server.name"},
		{name: "REMOTE_ADDR", value: remoteAddr, source: "the HTTP client's address"},
		{name: "REMOTE_PORT", value: remotePort, source: "the HTTP client's port"},
		{expand: lighttpdHeader.params},
	},
}

var lighttpdHeader = headerRules{join: crumbs, skipEmpty: true, name: func(field string) string {
	switch {
	case isField(field, "Content-Type"):
		return "CONTENT_TYPE"
	case isField(field, "Proxy", "Transfer-Encoding"):
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r < 0x80 && alnum(byte(r)) {
			return r
		}
		return '_'
	}, httpName(field))
}}

// anyLength is CONTENT_LENGTH also where there is no body.
func anyLength(p *parts) string {
	if p.r.ContentLength == 0 {
		return "0"
	}
	return p.contentLength()
}

func redirected(p *parts) string {
	if plain := p.plainURI(); plain != p.uri {
		return plain
	}
	return ""
}

func (p *parts) plainQuery() string {
	_, query, _ := strings.Cut(p.plainURI(), "?")
	return query
}

// plainURI is the URL as server.http-parseopts makes it by itself: nothing is
// encoded that need not be, hexadecimal digits are capitals, and the path has
// no %2F, no //, . or ...
func (p *parts) plainURI() string {
	raw, query, found := strings.Cut(p.uri, "?")
	raw = recode(raw, true)
	if cleaned, err := clean(raw); err == nil {
		raw = cleaned
	}
	if found {
		return raw + "?" + recode(query, false)
	}
	return raw
}

// recode writes s with the least percent-encoding that a URL allows.
func recode(s string, isPath bool) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		encoded := false
		if c == '%' && i+3 <= len(s) {
			if d, err := decode(s[i : i+3]); err == nil {
				c, encoded = d[0], true
				i += 2
			}
		}
		switch {
		case encoded && (alnum(c) || strings.IndexByte("-._~", c) >= 0 || isPath && c == '/'),
			!encoded && c > ' ' && c < 0x7f && strings.IndexByte(`"<>[\]^`+"`{|}", c) < 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
