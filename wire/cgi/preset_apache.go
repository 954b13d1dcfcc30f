package cgi

import (
	"path"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// apache is Apache 2.4 with mod_proxy_fcgi, and with mod_authnz_fcgi for the
// role AUTHORIZER. Variables that were set before those of CGI come first, then
// the header, without Authorization. Where the script ends, Apache finds out
// from the files: the preset takes the end of its name, as Request does.
//
// The file's name has the URL of the application before it, which php-fpm takes
// off again. KEEP_CONN is set unless the application is known from a SetHandler
// only. PARAMS are records of 16 KiB of whole pairs, the body records of 8 KiB,
// each record is sent by itself.
var apache = Preset{
	Name:    "apache",
	Help:    "Apache 2.4 with ProxyPass (mod_proxy_fcgi), as authorizer mod_authnz_fcgi",
	Roles:   []wire.Role{wire.Responder, wire.Authorizer},
	Layout:  Layout{Pad: padNone, Params: 16 << 10, Body: 8 << 10, WriteEach: true},
	keep:    func(r *Request) bool { return r.Role != wire.Authorizer && !r.Server.Unshared },
	noStdin: true,
	rows: []row{
		{expand: apacheEnv},
		{name: "HTTPS", value: https, optional: true, source: "on, by mod_ssl"},
		{name: "proxy-nokeepalive", value: unshared, optional: true, unless: wire.Authorizer, source: "1, as there is no <Proxy> for the application"},
		{expand: apacheHeader},
		{name: "PATH", value: searchPath, source: "the environment that Apache was started with"},
		{name: "SERVER_SIGNATURE", value: func(p *parts) string { return p.r.Server.Signature }, source: "the directive ServerSignature"},
		{name: "SERVER_SOFTWARE", value: software("Apache/2.4.71 (Debian)"), source: "its version and modules, as ServerTokens says"},
		{name: "SERVER_NAME", value: serverName, source: "the host of Host, or ServerName with UseCanonicalName"},
		{name: "SERVER_ADDR", value: serverAddr, source: "where the connection came in"},
		{name: "SERVER_PORT", value: serverPort, source: "the port of Host, or that of the scheme"},
		{name: "REMOTE_ADDR", value: remoteAddr, source: "the HTTP client's address"},
		{name: "DOCUMENT_ROOT", value: root, source: "the directive DocumentRoot"},
		{name: "REQUEST_SCHEME", value: scheme, source: "that of the connection"},
		{name: "CONTEXT_PREFIX", value: func(p *parts) string { return p.r.Server.ContextPrefix }, source: "the path of an Alias"},
		{name: "CONTEXT_DOCUMENT_ROOT", value: func(p *parts) string { return or(p.r.Server.ContextRoot, p.root) }, source: "the directory of an Alias, or DocumentRoot"},
		{name: "SERVER_ADMIN", value: func(p *parts) string { return or(p.r.Server.Admin, "[no address given]") }, source: "the directive ServerAdmin"},
		{name: "SCRIPT_FILENAME", value: proxied, unless: wire.Authorizer, source: "proxy: and the URL of the application with the file's path"},
		{name: "SCRIPT_FILENAME", value: guarded, only: wire.Authorizer, source: "the document root and the path of the URL"},
		{name: "REMOTE_PORT", value: remotePort, source: "the HTTP client's port"},
		{name: "REMOTE_USER", value: basicUser, optional: true, only: wire.Authorizer, source: "the user of Authorization: Basic"},
		{name: "AUTH_TYPE", value: authType, optional: true, only: wire.Authorizer, source: "the directive AuthType"},
		{name: "GATEWAY_INTERFACE", value: cgi11, source: "constant"},
		{name: "SERVER_PROTOCOL", value: protocol, source: "the HTTP version"},
		{name: "REQUEST_METHOD", value: method, source: "the method"},
		{name: "QUERY_STRING", value: query, source: "what follows ? in the URL"},
		{name: "REQUEST_URI", value: uri, source: "the path and the query as the client sent them"},
		{name: "SCRIPT_NAME", value: scriptName, unless: wire.Authorizer, source: "the path, up to the end of the script"},
		{name: "PATH_INFO", value: info, optional: true, unless: wire.Authorizer, source: "what follows the script in the path"},
		{name: "PATH_TRANSLATED", value: translated, optional: true, unless: wire.Authorizer, source: "the document root and PATH_INFO"},
		{name: "FCGI_ROLE", value: func(*parts) string { return "AUTHORIZER" }, only: wire.Authorizer, source: "constant"},
		{name: "FCGI_APACHE_ROLE", value: apacheRole, optional: true, only: wire.Authorizer, source: "the type of AuthnzFcgiDefineProvider"},
		{name: "REMOTE_PASSWD", value: basicPassword, optional: true, only: wire.Authorizer, source: "the password of Authorization: Basic"},
		{expand: apacheClose},
	},
}

func apacheEnv(p *parts) []Param {
	var params []Param
	for _, f := range p.r.Server.Env {
		params = append(params, Param{wire.NewPair(f.Name, f.Value), "set before, as by SetEnv"})
	}
	return params
}

// proxyHeader: CONTENT_* have their places among the fields, and the fields of
// authentication are Apache's own business.
var proxyHeader = headerRules{join: commas, name: func(field string) string {
	switch {
	case isField(field, "Content-Type", "Content-Length"):
		return httpName(field)[len("HTTP_"):]
	case !plain(field), isField(field, "Proxy", "Authorization", "Proxy-Authorization", "Transfer-Encoding"):
		return ""
	}
	return httpName(field)
}}

// authHeader has less: an authorizer gets no body, and Apache closes.
var authHeader = headerRules{join: commas, name: func(field string) string {
	if isField(field, "Content-Length", "Keep-Alive", "TE", "Trailer", "Upgrade") {
		return ""
	}
	return proxyHeader.name(field)
}}

func apacheHeader(p *parts) []Param {
	if p.r.Role != wire.Authorizer {
		return proxyHeader.params(p)
	}
	params := authHeader.params(p)
	for i := range params {
		if string(params[i].Name) == "HTTP_CONNECTION" {
			params[i].Value = []byte("close")
		}
	}
	return params
}

// apacheClose is what authorizers get last if the header has no Connection.
func apacheClose(p *parts) []Param {
	if p.r.Role != wire.Authorizer {
		return nil
	}
	for _, f := range p.header {
		if isField(f.Name, "Connection") {
			return nil
		}
	}
	return []Param{{wire.NewPair("HTTP_CONNECTION", "close"), "constant, so that no application waits for more"}}
}

func unshared(p *parts) string {
	if p.r.Server.Unshared {
		return "1"
	}
	return ""
}

func searchPath(p *parts) string {
	return or(p.r.Server.Path, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

// proxied is the name of the file as ProxyPass makes it.
func proxied(p *parts) string {
	name := p.file
	if prefix := strings.TrimRight(p.r.Server.ProxyPath, "/"); prefix != "" && p.r.Script == "" {
		name = path.Join(p.root, strings.TrimPrefix(p.script, prefix))
	}
	return "proxy:fcgi://" + or(p.r.Server.App, "localhost") + name
}

// guarded is the file that an authorizer is asked about, which is no script.
func guarded(p *parts) string {
	if p.r.Script != "" {
		return p.file
	}
	return strings.TrimRight(p.root, "/") + p.asked
}

func authType(p *parts) string {
	if basicUser(p) == "" {
		return ""
	}
	return "Basic"
}

func basicPassword(p *parts) string {
	_, password := p.basic()
	return password
}

func apacheRole(p *parts) string {
	switch p.r.Server.Provider {
	case "authn":
		return "AUTHENTICATOR"
	case "authz":
		return "AUTHORIZER"
	}
	return ""
}
