package cgi

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// nginx is nginx 1.22. Its fastcgi_param directives decide what there is; those
// of Debian's fastcgi_params come first, then SCRIPT_FILENAME, as most
// configurations have it. Header fields come last, one parameter for each field
// (from 1.23 on, fields of one name are joined), without those whose parameter
// has a directive of its own. A header field Proxy is passed.
//
// PARAMS are one record, whose content and padding together can be more than
// 65535 bytes: php-fpm resets the connection then. A body that is in memory
// makes a record for each buffer, at most two; a larger one was in a file and
// makes records of 32 KiB.
var nginx = Preset{
	Name:      "nginx",
	Help:      "nginx 1.22 with Debian's fastcgi_params and SCRIPT_FILENAME",
	Roles:     []wire.Role{wire.Responder},
	Layout:    Layout{Pad: padTo8, Params: wire.MaxContent, Body: 32 << 10},
	MaxParams: wire.MaxContent,
	names:     nginxNames,
	rows: []row{
		{name: "QUERY_STRING", value: query, source: "$query_string: what follows ? in the URL"},
		{name: "REQUEST_METHOD", value: method, source: "$request_method: the method"},
		{name: "CONTENT_TYPE", value: contentType, source: "$content_type: the header field Content-Type"},
		{name: "CONTENT_LENGTH", value: contentLength, source: "$content_length: the header field Content-Length"},
		{name: "SCRIPT_NAME", value: nginxScript, source: "$fastcgi_script_name: the path, up to the end of the script"},
		{name: "REQUEST_URI", value: uri, source: "$request_uri: the path and the query as the client sent them"},
		{name: "DOCUMENT_URI", value: documentURI, source: "$document_uri: the path, decoded and without . and .."},
		{name: "DOCUMENT_ROOT", value: root, source: "$document_root: the directive root"},
		{name: "SERVER_PROTOCOL", value: protocol, source: "$server_protocol: the HTTP version"},
		{name: "REQUEST_SCHEME", value: scheme, source: "$scheme: that of the connection"},
		{name: "HTTPS", value: https, optional: true, source: "$https if_not_empty: on, as the connection has TLS"},
		{name: "GATEWAY_INTERFACE", value: cgi11, source: "constant"},
		{name: "SERVER_SOFTWARE", value: software("nginx/1.22.1"), source: "nginx/$nginx_version: its version"},
		{name: "REMOTE_ADDR", value: remoteAddr, source: "$remote_addr: the HTTP client's address"},
		{name: "REMOTE_PORT", value: remotePort, source: "$remote_port: the HTTP client's port"},
		{name: "REMOTE_USER", value: basicUser, source: "$remote_user: the user of Authorization: Basic"},
		{name: "SERVER_ADDR", value: serverAddr, source: "$server_addr: where the connection came in"},
		{name: "SERVER_PORT", value: serverPort, source: "$server_port: where the connection came in"},
		{name: "SERVER_NAME", value: configuredName, source: "$server_name: the directive server_name"},
		{name: "REDIRECT_STATUS", value: status200, source: "constant"},
		{name: "HTTP_HOST", value: hostOnly, source: "$host: the header field Host, without its port"},
		{name: "SCRIPT_FILENAME", value: nginxFile, source: "$document_root$fastcgi_script_name"},
		{name: "PATH_INFO", value: info, source: "$fastcgi_path_info: what fastcgi_split_path_info leaves of the path"},
		{name: "PATH_TRANSLATED", value: translated, source: "$document_root$fastcgi_path_info"},
		{expand: nginxHeader.params},
	},
}

// nginxNames is the configuration that most people have.
func nginxNames(p *parts) []string {
	names := []string{
		"QUERY_STRING", "REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH",
		"SCRIPT_NAME", "REQUEST_URI", "DOCUMENT_URI", "DOCUMENT_ROOT", "SERVER_PROTOCOL", "REQUEST_SCHEME", "HTTPS",
		"GATEWAY_INTERFACE", "SERVER_SOFTWARE",
		"REMOTE_ADDR", "REMOTE_PORT", "REMOTE_USER", "SERVER_ADDR", "SERVER_PORT", "SERVER_NAME",
		"REDIRECT_STATUS", "HTTP_HOST", "SCRIPT_FILENAME",
	}
	if p.info != "" { // who has such URLs has fastcgi_split_path_info
		names = append(names, "PATH_INFO")
	}
	return names
}

var nginxHeader = headerRules{
	name: func(field string) string {
		if !plain(field) { // ignore_invalid_headers, underscores_in_headers
			return ""
		}
		return httpName(field)
	},
	without: func(p *parts, name string) bool {
		return nginxHas(p, name)
	},
}

// nginxHas reports whether the configuration has a fastcgi_param of that name.
func nginxHas(p *parts, name string) bool {
	names := p.r.Server.Names
	if names == nil {
		names = nginxNames(p)
	}
	return slices.Contains(names, name)
}

// nginxScript is $fastcgi_script_name: the whole path, unless the configuration
// has fastcgi_split_path_info, which is there for PATH_INFO.
func nginxScript(p *parts) string {
	if p.info != "" && p.r.Script == "" && !nginxHas(p, "PATH_INFO") {
		return p.path
	}
	return p.script
}

func nginxFile(p *parts) string {
	if script := nginxScript(p); script != p.script {
		return strings.TrimRight(p.root, "/") + script
	}
	return p.file
}

func hostOnly(p *parts) string { return strings.ToLower(p.host) }

// configuredName is no part of the request: that of a full URL is taken as the
// name of the server that is meant.
func configuredName(p *parts) string { return or(p.r.ServerName, p.urlHost) }

func basicUser(p *parts) string {
	user, _ := p.basic()
	return user
}

// basic returns what Authorization: Basic has, "" where there is none. See RFC
// 7617, section 2.
func (p *parts) basic() (user, password string) {
	const scheme = "basic "
	for _, f := range p.header {
		if isField(f.Name, "Authorization") && len(f.Value) > len(scheme) && strings.EqualFold(f.Value[:len(scheme)], scheme) {
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(f.Value[len(scheme):]))
			if user, password, ok := strings.Cut(string(b), ":"); ok && err == nil {
				return user, password
			}
		}
	}
	return "", ""
}
