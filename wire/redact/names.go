package redact

import (
	"slices"
	"strings"
)

// Names returns the patterns of names whose values are masked always.
func Names() []string {
	return []string{
		"PHP_AUTH_*", "*AUTHORIZATION*",
		"*PASSWORD*", "*PASSWD*", "*PASSPHRASE*", "PASS", "*_PASS", "PW", "PWD_*", "*_PW", "*_PWD",
		"*SECRET*", "*TOKEN*", "*JWT*", "*CSRF*", "*XSRF*", "*CREDENTIAL*",
		"*API_KEY*", "*APIKEY*", "*ACCESS_KEY*", "*ACCESSKEY*", "*PRIVATE_KEY*", "*PRIVATEKEY*",
		"*SESSION*", "*SESSID*", "*_DSN", "*DATABASE_URL",
	}
}

// names are patterns of names, normal.
type names []string

func newNames(patterns []string) names {
	n := make(names, len(patterns))
	for i, p := range patterns {
		n[i] = string(normal([]byte(p)))
	}
	return n
}

// secret reports whether a name, normal, matches a pattern.
func (n names) secret(name []byte) bool {
	return slices.ContainsFunc(n, func(p string) bool { return matches(p, name) })
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

// maxWord is how many bytes of a name are kept.
const maxWord = 256

// A word is a name that is being gathered. Of a long one the first and the last
// bytes are looked at.
type word struct {
	buf  []byte
	long bool
	hot  bool // long: its beginning is secret
}

func (w *word) reset() { w.buf, w.long, w.hot = w.buf[:0], false, false }

func (w *word) add(n names, c byte) {
	if len(w.buf) == maxWord {
		if !w.long {
			w.long, w.hot = true, n.secret(normal(w.buf))
		}
		w.buf = append(w.buf[:0], w.buf[maxWord/2:]...)
	}
	w.buf = append(w.buf, c)
}

// secret reports whether the word is one whose value is to be masked.
func (w *word) secret(n names) bool { return w.hot || n.secret(normal(w.buf)) }

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
	if w.secret(n) {
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
