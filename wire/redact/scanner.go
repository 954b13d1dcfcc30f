package redact

import (
	"bytes"
	"slices"
	"strings"
)

// A scanner goes through a text, and masks what is to be hidden.
type scanner interface {
	// run goes through the next bytes, src. dst holds the same bytes: those that
	// are to be hidden are masked there.
	run(dst, src []byte)
}

// each runs a scanner that goes byte by byte: step returns what is to be shown.
func each(step func(byte) byte, dst, src []byte) {
	for i, c := range src {
		if shown := step(c); shown != c {
			dst[i] = shown
		}
	}
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

func (opaque) run(dst, src []byte) {
	for i, c := range src {
		dst[i] = hidden(c)
	}
}

// several looks for several things at once: what one of them hides is hidden.
type several []scanner

func (s several) run(dst, src []byte) {
	for _, one := range s {
		one.run(dst, src)
	}
}

// newText returns a scanner for what may be any text.
func newText(n *patterns) several {
	return several{&form{names: n}, &json{names: n}}
}

// body is a scanner for the body of a request or a response.
type body struct {
	several
	at      int // bytes so far, up to 2
	first   byte
	encoded bool
}

func newBody(n *patterns, strict, encoded bool) *body {
	return &body{several: several{&form{names: n, strict: strict}, &json{names: n}, &multipart{names: n}}, encoded: encoded}
}

func (b *body) run(dst, src []byte) {
	for ; b.at < 2 && len(src) > 0; dst, src = dst[1:], src[1:] {
		c := src[0]
		if b.at == 1 && b.first == 0x1f && c == 0x8b {
			b.encoded, b.at = true, 2 // the magic number of gzip stays
			continue
		}
		if b.at == 0 {
			b.first = c
		}
		b.at++
		b.rest(dst[:1], src[:1])
	}
	b.rest(dst, src)
}

func (b *body) rest(dst, src []byte) {
	if b.encoded {
		opaque{}.run(dst, src)
		return
	}
	b.several.run(dst, src)
}

// response is a scanner for STDOUT: a header, then a body.
type response struct {
	header header
	text   several // what may be anywhere in the header, but in cookies
	body   *body
}

func newResponse(n *patterns) *response {
	return &response{header: header{names: n}, text: newText(n)}
}

func (r *response) run(dst, src []byte) {
	begin := 0 // of what text has to see yet
	for i := 0; r.body == nil && i < len(src); i++ {
		if shown := r.header.step(src[i]); shown != src[i] {
			dst[i] = shown
		}
		if _, ok := r.header.value.(*cookie); ok {
			r.text.run(dst[begin:i], src[begin:i])
			begin = i + 1
		}
		if r.header.done {
			r.text.run(dst[begin:i+1], src[begin:i+1])
			begin = i + 1
			r.body = newBody(r.header.names, false, r.header.encoded)
		}
	}
	if r.body == nil {
		r.text.run(dst[begin:], src[begin:])
		return
	}
	r.body.run(dst[begin:], src[begin:])
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

func (u *unseen) run(dst, src []byte) {
	for ; !u.known && !u.no && len(src) > 0; dst, src = dst[1:], src[1:] {
		u.begin = append(u.begin, bytes.ToUpper(src[:1])...)
		u.no = !slices.ContainsFunc(usual, func(name string) bool { return strings.HasPrefix(name, string(u.begin)) })
		u.known = slices.Contains(usual, string(u.begin))
		u.pass(dst[:1], src[:1])
	}
	u.pass(dst, src)
}

func (u *unseen) pass(dst, src []byte) {
	if u.no {
		opaque{}.run(dst, src)
		return
	}
	u.response.run(dst, src)
}

// form reports whether a body is urlencoded, or nothing is known of it.
func (a *about) form() bool {
	return len(a.contentType) == 0 || bytes.EqualFold(a.contentType, []byte(urlencoded))
}

const urlencoded = "application/x-www-form-urlencoded"
