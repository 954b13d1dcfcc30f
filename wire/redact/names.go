package redact

import (
	"bytes"
	"slices"
	"strings"
)

// Names returns the patterns of names whose values are masked always.
func Names() []string {
	return []string{
		"PHP_AUTH_*", "*AUTHORIZATION*",
		"*PASSWORD*", "*PASSWD*", "*PASSPHRASE*", "*PASSCODE*", "PASS", "*_PASS", "PW", "*_PW", "PWD", "PWD_*", "*_PWD",
		"*SECRET*", "*TOKEN*", "*JWT*", "*CSRF*", "*XSRF*", "*CREDENTIAL*",
		"*API_KEY*", "*APIKEY*", "*ACCESS_KEY*", "*ACCESSKEY*", "*PRIVATE_KEY*", "*PRIVATEKEY*",
		"*SESSION*", "*SESSID*", "SID", "*NONCE*", "*SIGNATURE*", "OTP", "*_OTP", "*_DSN", "*DATABASE_URL",
	}
}

// names are patterns of names, normal.
type names struct {
	parts [][]byte // *PART*: what most patterns are, and fast
	globs []glob   // all others
}

// A glob is a pattern with what stands behind its last wildcard, which is looked
// at first: most names fail there.
type glob struct{ pattern, tail string }

func newNames(patterns []string) names {
	var n names
	for _, p := range patterns {
		p = string(normal([]byte(p)))
		part := strings.TrimSuffix(strings.TrimPrefix(p, "*"), "*")
		if len(part) == len(p)-2 && !strings.ContainsAny(part, "*?") {
			n.parts = append(n.parts, []byte(part))
		} else {
			n.globs = append(n.globs, glob{p, p[strings.LastIndexAny(p, "*?")+1:]})
		}
	}
	return n
}

// secret reports whether a name, normal, matches a pattern.
func (n names) secret(name []byte) bool {
	return slices.ContainsFunc(n.parts, func(part []byte) bool { return bytes.Contains(name, part) }) ||
		slices.ContainsFunc(n.globs, func(g glob) bool { return hasSuffix(name, g.tail) && matches(g.pattern, name) })
}

// hasSuffix is bytes.HasSuffix.
func hasSuffix(b []byte, s string) bool { return len(b) >= len(s) && string(b[len(b)-len(s):]) == s }

// field is secret for a name in a text, which may show cookies that the header
// had.
func (n names) field(name []byte) bool {
	return n.secret(name) || bytes.Contains(name, []byte("COOKIE"))
}

// normal returns name in upper case with _ for -, in place.
func normal(name []byte) []byte {
	for i, c := range name {
		switch {
		case 'a' <= c && c <= 'z':
			name[i] = c - 'a' + 'A'
		case c == '-':
			name[i] = '_'
		}
	}
	return name
}

// matches reports whether s matches a pattern with * and ?. The time is that of
// both lengths multiplied, whatever they hold.
func matches(pattern string, s []byte) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0: // let the last * take one more
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// maxWord is how many bytes of a name are looked at at a time.
const maxWord = 256

// A word is a name that is being gathered. A long one is looked at in pieces
// that overlap by half.
type word struct {
	buf []byte
	hot bool // a piece of a long one was secret
}

func (w *word) reset() { w.buf, w.hot = w.buf[:0], false }

func (w *word) add(n names, c byte) {
	if len(w.buf) == maxWord {
		w.hot = w.hot || n.secret(normal(w.buf))
		w.buf = append(w.buf[:0], w.buf[maxWord/2:]...)
	}
	w.buf = append(w.buf, c)
}

// secret reports whether the word names a field of a text whose value is to be
// masked.
func (w *word) secret(n names) bool { return w.hot || n.field(normal(w.buf)) }

// A kind says what the value of a parameter or a header field is.
type kind uint8

const (
	plain kind = iota
	secret
	cookies   // a=b; c=d
	setCookie // a=b; Path=/
	contentType
	contentEncoding
)

// kind returns what the value of a parameter or a header field with that name
// is. What servers put in front of names does not matter: REDIRECT_, HTTP_, and
// Variable- in the answer of an AUTHORIZER.
func (w *word) kind(n names) kind {
	if w.hot || n.secret(normal(w.buf)) {
		return secret
	}
	name := string(w.buf)
	for _, prefix := range []string{"VARIABLE_", "REDIRECT_", "HTTP_"} {
		for strings.HasPrefix(name, prefix) {
			name = name[len(prefix):]
		}
	}
	switch name {
	case "COOKIE", "COOKIE2":
		return cookies
	case "SET_COOKIE", "SET_COOKIE2":
		return setCookie
	case "CONTENT_TYPE":
		return contentType
	case "CONTENT_ENCODING":
		return contentEncoding
	}
	if n.secret([]byte(name)) {
		return secret
	}
	return plain
}
