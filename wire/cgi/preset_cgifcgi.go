package cgi

import "github.com/fcgiscope/fcgiscope/wire"

// cgiFcgi is cgi-fcgi 2.4 of libfcgi. It sends its whole environment: what that
// has, and in which order, is what is written before its name. Here it is what
// people write to ask php-fpm something, and never the environment of this
// process, which holds secrets.
//
// PARAMS are padded to 8 and fill records of 8184 bytes, across which pairs are
// split: php-fpm takes no more than one. The body is not padded, and makes a
// record for each read from its standard input, of 8184 bytes at most.
var cgiFcgi = Preset{
	Name:   "cgi-fcgi",
	Help:   "cgi-fcgi 2.4 of libfcgi, with the variables that people give it",
	Roles:  []wire.Role{wire.Responder},
	Layout: Layout{Pad: cgiFcgiPad, Params: 8184, Body: 8184, SplitPairs: true},
	names:  cgiFcgiNames,
	rows: []row{
		{name: "PATH", value: searchPath, source: "the environment"},
		{name: "GATEWAY_INTERFACE", value: cgi11, source: "constant"},
		{name: "SERVER_SOFTWARE", value: software("cgi-fcgi"), source: "constant"},
		{name: "SERVER_PROTOCOL", value: protocol, source: "the HTTP version"},
		{name: "SERVER_NAME", value: serverName, source: "the host of the URL"},
		{name: "SERVER_ADDR", value: serverAddr, source: "loopback: there is no HTTP server"},
		{name: "SERVER_PORT", value: serverPort, source: "the port of the URL"},
		{name: "REMOTE_ADDR", value: remoteAddr, source: "loopback: there is no HTTP client"},
		{name: "REMOTE_PORT", value: remotePort, source: "0: there is no HTTP client"},
		{name: "DOCUMENT_ROOT", value: root, source: "the document root"},
		{name: "REQUEST_METHOD", value: method, source: "the method"},
		{name: "REQUEST_SCHEME", value: scheme, source: "the scheme of the URL"},
		{name: "SCRIPT_NAME", value: scriptName, source: "the path of the URL, up to the end of the script"},
		{name: "SCRIPT_FILENAME", value: file, source: "the document root and SCRIPT_NAME"},
		{name: "REQUEST_URI", value: uri, source: "the path and the query of the URL"},
		{name: "DOCUMENT_URI", value: documentURI, source: "the path of the URL"},
		{name: "PATH_INFO", value: info, source: "what follows the script in the path"},
		{name: "QUERY_STRING", value: query, source: "what follows ? in the URL"},
		{name: "CONTENT_TYPE", value: contentType, source: "the type of the body"},
		{name: "CONTENT_LENGTH", value: contentLength, source: "the size of the body"},
		{name: "REDIRECT_STATUS", value: status200, source: "constant"},
		{expand: cgiFcgiFields},
	},
}

// cgiFcgiNames are those without which php-fpm does not answer, and those that
// the request needs.
func cgiFcgiNames(p *parts) []string {
	names := []string{"SCRIPT_NAME", "SCRIPT_FILENAME", "REQUEST_METHOD"}
	if p.info != "" {
		names = append(names, "PATH_INFO")
	}
	if p.query != "" {
		names = append(names, "QUERY_STRING")
	}
	if p.contentLength() != "" {
		names = append(names, "CONTENT_TYPE", "CONTENT_LENGTH")
	}
	return names
}

// cgiFcgiFields are the header fields of the request, as nobody makes them by
// himself: there is no HTTP.
func cgiFcgiFields(p *parts) []Param {
	given := *p
	given.header = p.r.Header
	return standardHeader.params(&given)
}

func cgiFcgiPad(t wire.Type, content int) int {
	if t == wire.TypeParams {
		return wire.PadTo8(content)
	}
	return 0
}
