package redact

import (
	"bytes"
	"slices"
	"strings"
)

// A scanner goes through a text byte by byte, and says for each what is to be
// shown: the byte itself, or a mask.
type scanner interface {
	step(c byte) byte
}

// hidden is what a secret byte becomes.
func hidden(c byte) byte {
	if c == 0 {
		return 0
	}
	return mask
}

// opaque hides everything.
type opaque struct{}

func (opaque) step(c byte) byte { return hidden(c) }

// several looks for several things at once: what one of them hides is hidden.
type several []scanner

func (s several) step(c byte) byte {
	shown := c
	for _, one := range s {
		if out := one.step(c); out != c {
			shown = out
		}
	}
	return shown
}

// newText returns a scanner for what may be any text.
func newText(n names) several {
	return several{&form{names: n}, &json{names: n}}
}

// body is a scanner for the body of a request or a response.
type body struct {
	several
	at      int // bytes so far, up to 2
	first   byte
	encoded bool
}

func newBody(n names, strict, encoded bool) *body {
	return &body{several: several{&form{names: n, strict: strict}, &json{names: n}, &multipart{names: n}}, encoded: encoded}
}

func (b *body) step(c byte) byte {
	if b.at == 1 && b.first == 0x1f && c == 0x8b {
		b.encoded, b.at = true, 2 // the magic number of gzip stays
		return c
	}
	if b.at == 0 {
		b.first = c
	}
	b.at = min(b.at+1, 2)
	if b.encoded {
		return hidden(c)
	}
	return b.several.step(c)
}

// response is a scanner for STDOUT: a header, then a body.
type response struct {
	header header
	text   several // what may be anywhere in the header, but in cookies
	body   *body
}

func newResponse(n names) *response {
	return &response{header: header{names: n}, text: newText(n)}
}

func (r *response) step(c byte) byte {
	if r.body != nil {
		return r.body.step(c)
	}
	shown := r.header.step(c)
	if _, ok := r.header.value.(*cookie); !ok {
		if out := r.text.step(c); out != c {
			shown = out
		}
	}
	if r.header.done {
		r.body = newBody(r.header.names, false, r.header.encoded)
	}
	return shown
}

// unseen is a scanner for STDOUT of which the beginning may be missing. It is a
// response if it begins with the name of a usual field; if not everything from
// there on is hidden.
type unseen struct {
	response *response
	begin    []byte // in upper case
	known    bool
	no       bool
}

// usual is what responses begin with.
var usual = []string{
	"STATUS:", "CONTENT-", "X-", "SET-COOKIE:", "LOCATION:", "CACHE-CONTROL:", "EXPIRES:", "PRAGMA:", "DATE:", "SERVER:",
	"VARY:", "ETAG:", "LAST-MODIFIED:", "ACCESS-CONTROL-", "WWW-AUTHENTICATE:", "VARIABLE-", "HTTP/",
}

func (u *unseen) step(c byte) byte {
	if !u.known && !u.no {
		u.begin = append(u.begin, bytes.ToUpper([]byte{c})...)
		u.no = !slices.ContainsFunc(usual, func(name string) bool { return strings.HasPrefix(name, string(u.begin)) })
		u.known = slices.Contains(usual, string(u.begin))
	}
	if u.no {
		return hidden(c)
	}
	return u.response.step(c)
}

// form reports whether a body is urlencoded, or nothing is known of it.
func (a *about) form() bool {
	return len(a.contentType) == 0 || bytes.HasPrefix(a.contentType, []byte(urlencoded))
}

const urlencoded = "APPLICATION/X-WWW-FORM-URLENCODED"
