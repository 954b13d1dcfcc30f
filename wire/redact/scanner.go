package redact

import "bytes"

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
	text   several
	body   *body
}

func newResponse(n names) *response {
	return &response{header: header{names: n}, text: newText(n)}
}

func (r *response) step(c byte) byte {
	if r.body != nil {
		return r.body.step(c)
	}
	shown := several{&r.header, r.text}.step(c)
	if r.header.done {
		r.body = newBody(r.header.names, false, r.header.encoded)
	}
	return shown
}

// form reports whether a body is urlencoded, or nothing is known of it.
func (a *about) form() bool {
	return len(a.contentType) == 0 || bytes.HasPrefix(a.contentType, []byte(urlencoded))
}

const urlencoded = "APPLICATION/X-WWW-FORM-URLENCODED"
