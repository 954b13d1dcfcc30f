package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// nginxVariables are what nginx itself knows of a request.
var nginxVariables = map[string]string{
	"QUERY_STRING": "$query_string", "REQUEST_METHOD": "$request_method", "CONTENT_TYPE": "$content_type", "CONTENT_LENGTH": "$content_length",
	"REQUEST_URI": "$request_uri", "SERVER_PROTOCOL": "$server_protocol", "REQUEST_SCHEME": "$scheme", "HTTPS": "$https if_not_empty",
	"REMOTE_ADDR": "$remote_addr", "REMOTE_PORT": "$remote_port", "SERVER_ADDR": "$server_addr", "SERVER_PORT": "$server_port",
	"SERVER_NAME": "$server_name", "SERVER_SOFTWARE": "nginx/$nginx_version",
}

// exportNginx prints a location that asks the application in the same way: what
// belongs to the request is left to nginx, the header goes through by itself,
// and the script and what -P says is written out. The request itself is what
// --export curl prints.
func exportNginx(_ context.Context, e *export, w io.Writer) error {
	network, address, err := e.address()
	if err == nil {
		err = e.responder()
	}
	if err != nil {
		return err
	}
	if network == "unix" {
		address = "unix:" + address
	}
	uri, _, _ := strings.Cut(e.o.params.url, "?")
	if i := strings.Index(uri, "://"); i >= 0 {
		_, uri, _ = strings.Cut(uri[i+3:], "/")
	}
	path, err := url.PathUnescape("/" + strings.TrimPrefix(uri, "/")) // as nginx compares it
	if err != nil || uri == "" {
		path = or(e.param("DOCUMENT_URI"), "/")
	}
	written := map[string]bool{} // by the user, who means this value
	for _, p := range e.in.params.user {
		written[string(p.Name)] = true
	}
	for _, p := range e.in.params.env {
		written[string(p.Name)] = true
	}
	var b bytes.Buffer
	quoted, err := nginxQuote("URL", path)
	if err == nil {
		address, err = nginxQuote("ADDR", address)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(&b, "location = %s {\n    fastcgi_pass %s;\n", quoted, address)
	if e.request.Keep {
		b.WriteString("    fastcgi_keep_conn on; # and keepalive in the upstream\n")
	}
	for _, p := range e.request.Params {
		if err := nginxParam(&b, p, written[string(p.Name)]); err != nil {
			return err
		}
	}
	b.WriteString("}\n")
	return e.put(w, &b)
}

// nginxParam writes a line fastcgi_param, unless nginx sends the parameter by
// itself.
func nginxParam(b *bytes.Buffer, p wire.Pair, written bool) error {
	name := string(p.Name)
	if strings.HasPrefix(name, "HTTP_") && !written {
		return nil
	}
	value, known := nginxVariables[name]
	if !known || written {
		var err error
		if value, err = nginxQuote(name, string(p.Value)); err != nil {
			return err
		}
	}
	quoted, err := nginxQuote(name, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "    fastcgi_param %s %s;\n", quoted, value)
	return nil
}

// nginxQuote writes a word as nginx's configuration has it, where nothing takes
// the meaning from a dollar sign. What cannot be written is named by name.
func nginxQuote(name, s string) (string, error) {
	if strings.ContainsAny(s, "$\x00") {
		return "", usagef("request: --export nginx: its configuration cannot hold %q, which has a dollar sign or a NUL byte", name)
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:"
	if s != "" && strings.Trim(s, plain) == "" {
		return s, nil
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
