package cgi

import (
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
)

// standard is nginx's fastcgi.conf, with PATH_INFO split off as its manual
// shows it, without what is empty or twice there. What an AUTHORIZER does not
// get is in FastCGI 1.0, section 6.3.
var standard = Preset{
	Name:  "fcgiscope",
	Help:  "what php-fpm and other applications need",
	Roles: []wire.Role{wire.Responder, wire.Authorizer, wire.Filter},
	rows: []row{
		{name: "SCRIPT_FILENAME", value: file, source: "the document root and the path of the script, or --script"},
		{name: "PATH_INFO", value: info, optional: true, unless: wire.Authorizer, source: "what follows the script in the path of the URL"},
		{name: "PATH_TRANSLATED", value: translated, optional: true, unless: wire.Authorizer, source: "the document root and PATH_INFO"},
		{name: "QUERY_STRING", value: query, source: "what follows ? in the URL"},
		{name: "REQUEST_METHOD", value: method, source: "the method"},
		{name: "CONTENT_TYPE", value: contentType, source: "the header field Content-Type"},
		{name: "CONTENT_LENGTH", value: contentLength, optional: true, unless: wire.Authorizer, source: "the size of the body"},
		{name: "SCRIPT_NAME", value: scriptName, unless: wire.Authorizer, source: "the path of the URL, up to the end of the script"},
		{name: "REQUEST_URI", value: uri, source: "the path and the query of the URL, as they are"},
		{name: "DOCUMENT_URI", value: documentURI, source: "the path of the URL, decoded"},
		{name: "DOCUMENT_ROOT", value: root, source: "--root, or the directory of the script"},
		{name: "SERVER_PROTOCOL", value: protocol, source: "the HTTP version"},
		{name: "REQUEST_SCHEME", value: scheme, source: "the scheme of the URL"},
		{name: "HTTPS", value: https, optional: true, source: "on, as the URL is https"},
		{name: "GATEWAY_INTERFACE", value: cgi11, source: "constant"},
		{name: "SERVER_SOFTWARE", value: software("fcgiscope"), source: "the name of this program"},
		{name: "REMOTE_ADDR", value: remoteAddr, source: "loopback: there is no HTTP client"},
		{name: "REMOTE_PORT", value: remotePort, source: "0: there is no HTTP client"},
		{name: "SERVER_ADDR", value: serverAddr, source: "loopback: there is no HTTP server"},
		{name: "SERVER_PORT", value: serverPort, source: "the port of the URL or of Host, or that of the scheme"},
		{name: "SERVER_NAME", value: serverName, source: "the host of the URL or of Host"},
		{name: "REDIRECT_STATUS", value: status200, source: "constant; php-cgi wants it"},
		{name: "FCGI_DATA_LAST_MOD", value: dataModified, only: wire.Filter, source: "when the file to be filtered was changed"},
		{name: "FCGI_DATA_LENGTH", value: dataLength, only: wire.Filter, source: "the size of the file to be filtered"},
		{expand: standardHeader.params},
	},
}

var standardHeader = headerRules{join: crumbs, name: func(field string) string {
	// Content-* have their own, and Proxy is dangerous: httpoxy.org.
	if isField(field, "Content-Type", "Content-Length", "Proxy") {
		return ""
	}
	return httpName(field)
}}

// The values that rows of several servers have.

func file(p *parts) string          { return p.file }
func info(p *parts) string          { return p.info }
func translated(p *parts) string    { return p.translated }
func query(p *parts) string         { return p.query }
func method(p *parts) string        { return p.method }
func contentType(p *parts) string   { return p.contentType }
func scriptName(p *parts) string    { return p.script }
func uri(p *parts) string           { return p.uri }
func documentURI(p *parts) string   { return p.path }
func root(p *parts) string          { return p.root }
func scheme(p *parts) string        { return p.scheme }
func protocol(p *parts) string      { return or(p.r.Protocol, "HTTP/1.1") }
func contentLength(p *parts) string { return p.contentLength() }
func https(p *parts) string         { return p.https() }
func remoteAddr(p *parts) string    { return or(p.r.RemoteAddr, "127.0.0.1") }
func remotePort(p *parts) string    { return or(p.r.RemotePort, "0") }
func serverAddr(p *parts) string    { return or(p.r.ServerAddr, "127.0.0.1") }
func serverPort(p *parts) string    { return or(p.r.ServerPort, p.port) }
func serverName(p *parts) string    { return or(p.r.ServerName, p.host) }
func cgi11(*parts) string           { return "CGI/1.1" }
func status200(*parts) string       { return "200" }

func software(version string) func(*parts) string {
	return func(p *parts) string { return or(p.r.Server.Software, version) }
}

func dataModified(p *parts) string { return strconv.FormatInt(p.r.DataModified.Unix(), 10) }
func dataLength(p *parts) string   { return strconv.FormatInt(p.r.DataLength, 10) }
