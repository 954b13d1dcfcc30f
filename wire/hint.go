package wire

import "bytes"

// foreign lists what other protocols begin with, the longer before the shorter.
var foreign = []struct{ prefix, what string }{
	{"HTTP/", "an HTTP response"},
	{"GET ", "an HTTP request"},
	{"POST ", "an HTTP request"},
	{"HEAD ", "an HTTP request"},
	{"PUT ", "an HTTP request"},
	{"DELETE ", "an HTTP request"},
	{"OPTIONS ", "an HTTP request"},
	{"PATCH ", "an HTTP request"},
	{"CONNECT ", "an HTTP request"},
	{"PRI * HT", "an HTTP/2 connection"},
	{"PROXY ", "a PROXY protocol header"},
	{"\r\n\r\n\x00\r\nQ", "a PROXY protocol header"},
	{"SSH-", "an SSH server"},
	{"+OK", "a POP3 or Redis server"},
	{"-ERR", "a Redis server"},
	{"*1\r\n", "a Redis client"},
	{"220 ", "an SMTP or FTP server"},
	{"Status: ", "CGI output without FastCGI records"},
	{"Content-", "CGI output without FastCGI records"},
	{"<!DOCTYP", "an HTML page"},
	{"<html", "an HTML page"},
}

// Hint says what the first bytes of a stream look like when they are no
// FastCGI: "looks like an HTTP request". It returns "" where it knows nothing.
func Hint(b []byte) string {
	for _, f := range foreign {
		// A header is eight bytes, so a longer prefix matches as far as it goes.
		if n := min(len(f.prefix), len(b)); n >= 3 && bytes.HasPrefix(b, []byte(f.prefix[:n])) && (n == len(f.prefix) || n >= HeaderLen) {
			return "looks like " + f.what
		}
	}
	switch {
	case len(b) >= 6 && b[0] == 22 && b[1] == 3 && b[2] <= 4 && (b[5] == 1 || b[5] == 2):
		return "looks like TLS"
	case len(b) >= 7 && b[0] == 21 && b[1] == 3 && b[2] <= 4 && b[3] == 0 && b[4] == 2:
		return "looks like TLS"
	case len(b) >= 5 && b[0] == 0x12 && b[1] == 0x34 && (b[4] == 2 || b[4] == 10):
		return "looks like an AJP request"
	case len(b) >= 8 && b[3] == 0 && b[4] == 10 && b[5] >= '0' && b[5] <= '9' && (b[6] == '.' || b[7] == '.'):
		return "looks like a MySQL server"
	case len(b) >= 8 && b[0] == 0 && b[1] == 0 && b[4] == 0 && b[5] == 3 && b[6] == 0 && b[7] == 0:
		return "looks like a PostgreSQL client"
	case bytes.HasPrefix(b, []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f")): // it asks for TLS
		return "looks like a PostgreSQL client"
	case len(b) >= 8 && (b[0] == 0 || b[0] == 5) && b[3] == 0 && looksLikeUwsgiPair(b[4:]):
		return "looks like uwsgi"
	case scgiNetstring(b):
		return "looks like SCGI"
	}
	return ""
}

// looksLikeUwsgiPair: a 16-bit little-endian length and a CGI name.
func looksLikeUwsgiPair(b []byte) bool {
	n := int(b[0]) | int(b[1])<<8
	if n == 0 || n > 64 || len(b) < 4 {
		return false
	}
	for _, c := range b[2:min(len(b), 2+n)] {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// scgiNetstring: digits, a colon, and the name that must come first.
func scgiNetstring(b []byte) bool {
	i := bytes.IndexByte(b, ':')
	if i < 1 || i > 6 || len(b) < i+3 {
		return false
	}
	for _, c := range b[:i] {
		if c < '0' || c > '9' {
			return false
		}
	}
	rest := b[i+1:]
	return bytes.HasPrefix([]byte("CONTENT_LENGTH"), rest[:min(len(rest), 14)])
}
