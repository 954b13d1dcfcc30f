package cgi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// caddy is Caddy 2.6 with php_fastcgi. Its parameters are in another order in
// every request, as those of a Go map; here they have one. As a proxy it adds
// X-Forwarded-* and leaves out the fields of one connection.
//
// A body whose size is not known is announced as CONTENT_LENGTH -1, for which
// php-fpm waits forever. Everything is padded to 8 and each record is sent by
// itself.
var caddy = Preset{
	Name:      "caddy",
	Unordered: true,
	Help:      "Caddy 2.6 with php_fastcgi, whose order is random, here it is fixed",
	Roles:     []wire.Role{wire.Responder},
	Layout:    Layout{Pad: padTo8, Params: 65500, Body: 65500, WriteEach: true},
	rows: []row{
		{name: "AUTH_TYPE", value: nothing, source: "constant"},
		{name: "CONTENT_LENGTH", value: caddyLength, source: "the size of the body, -1 if it is not known"},
		{name: "CONTENT_TYPE", value: caddyType, source: "the header field Content-Type, or that of a form where a body is due"},
		{name: "GATEWAY_INTERFACE", value: cgi11, source: "constant"},
		{name: "PATH_INFO", value: info, source: "what split_path leaves of the path"},
		{name: "QUERY_STRING", value: query, source: "what follows ? in the URL"},
		{name: "REMOTE_ADDR", value: remoteAddr, source: "the HTTP client's address"},
		{name: "REMOTE_HOST", value: remoteAddr, source: "the HTTP client's address"},
		{name: "REMOTE_PORT", value: remotePort, source: "the HTTP client's port"},
		{name: "REMOTE_IDENT", value: nothing, source: "constant"},
		{name: "REMOTE_USER", value: nothing, source: "the user of the directive basicauth"},
		{name: "REQUEST_METHOD", value: method, source: "the method"},
		{name: "REQUEST_SCHEME", value: scheme, source: "that of the connection"},
		{name: "SERVER_NAME", value: serverName, source: "the host of Host"},
		{name: "SERVER_PROTOCOL", value: protocol, source: "the HTTP version"},
		{name: "SERVER_SOFTWARE", value: software("Caddy/2.6.2"), source: "its version"},
		{name: "DOCUMENT_ROOT", value: root, source: "the directive root"},
		{name: "DOCUMENT_URI", value: scriptName, source: "the path, up to the end of the script"},
		{name: "HTTP_HOST", value: hostField, source: "the header field Host"},
		{name: "REQUEST_URI", value: uri, source: "the path and the query as the client sent them"},
		{name: "SCRIPT_FILENAME", value: file, source: "the root and SCRIPT_NAME"},
		{name: "SCRIPT_NAME", value: scriptName, source: "the path, up to the end of the script"},
		{name: "PATH_TRANSLATED", value: translated, optional: true, source: "the root and PATH_INFO"},
		{name: "SERVER_PORT", value: serverPort, source: "the port of Host, or that of the scheme"},
		{name: "HTTPS", value: https, optional: true, source: "on, as the connection has TLS"},
		{name: "SSL_PROTOCOL", value: ifTLS("TLSv1.3"), optional: true, source: "of the connection"},
		{name: "SSL_CIPHER", value: ifTLS("TLS_AES_128_GCM_SHA256"), optional: true, source: "of the connection"},
		{expand: caddyFields},
		{name: "HTTP_X_FORWARDED_FOR", value: remoteAddr, source: "the HTTP client's address"},
		{name: "HTTP_X_FORWARDED_HOST", value: hostField, source: "the header field Host"},
		{name: "HTTP_X_FORWARDED_PROTO", value: scheme, source: "that of the connection"},
	},
}

var caddyHeader = headerRules{join: commas, name: func(field string) string {
	if isField(field, "Host", "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Trailer",
		"Transfer-Encoding", "Upgrade", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto") {
		return ""
	}
	return httpName(field)
}}

// caddyFields are the parameters of the header, without the fields that
// Connection names; TE stays if it is about trailers, and User-Agent is always
// there.
func caddyFields(p *parts) []Param {
	passed := *p
	passed.header = slices.DeleteFunc(slices.Clone(p.header), func(f Field) bool {
		if isField(f.Name, "TE") {
			return !listed(f.Value, "trailers")
		}
		return slices.ContainsFunc(p.header, func(c Field) bool { return isField(c.Name, "Connection") && listed(c.Value, f.Name) })
	})
	params := caddyHeader.params(&passed)
	if !slices.ContainsFunc(p.header, func(f Field) bool { return isField(f.Name, "User-Agent") }) {
		params = append(params, Param{wire.NewPair("HTTP_USER_AGENT", ""), "constant, as the header has no User-Agent"})
	}
	return params
}

// listed reports whether a field's value, a list, has a word, in any case.
func listed(value, word string) bool {
	for item := range strings.SplitSeq(value, ",") {
		if strings.EqualFold(strings.TrimSpace(item), word) {
			return true
		}
	}
	return false
}

func nothing(*parts) string { return "" }

func caddyLength(p *parts) string {
	if p.method == "HEAD" || p.method == "OPTIONS" {
		return "0"
	}
	return strconv.FormatInt(max(p.r.ContentLength, -1), 10)
}

func caddyType(p *parts) string {
	if p.contentType == "" && p.method != "GET" && p.method != "HEAD" && p.method != "OPTIONS" {
		return "application/x-www-form-urlencoded"
	}
	return p.contentType
}

func hostField(p *parts) string {
	for _, f := range p.header {
		if strings.EqualFold(f.Name, "Host") {
			return f.Value
		}
	}
	return p.host
}

func ifTLS(value string) func(*parts) string {
	return func(p *parts) string {
		if p.scheme == "https" {
			return value
		}
		return ""
	}
}
