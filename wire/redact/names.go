package redact

import (
	"bytes"
	"math"
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

// A part of a name makes it secret, wherever in the name it stands.
type part struct {
	text  []byte // at least two bytes, normal
	found finding
}

// A finding says which parts a name holds, as bits.
type finding uint8

const (
	isSecret finding = 1 << iota
	isCookie         // a text may show cookies that the header had
)

// A glob is any other pattern. Most names fail at what stands behind its last
// wildcard.
type glob struct{ pattern, tail string }

// patterns are patterns of names, normal, in tables: looking for them all takes
// little more than looking at each byte of a name once.
type patterns struct {
	first  [codes * codes]uint8 // by the codes of two bytes: which of parts begin with them
	parts  [][]part             // the first is empty
	byTail [codes][]glob        // by the code of the last byte of the tail
	byHead [codes][]glob        // without a tail: by that of the first byte
	others []glob               // with neither
}

func newPatterns(list []string) *patterns {
	n := &patterns{parts: make([][]part, 1)}
	n.addPart("COOKIE", isCookie)
	for _, p := range list {
		p = string(normal([]byte(p)))
		part := strings.TrimSuffix(strings.TrimPrefix(p, "*"), "*")
		g := glob{p, p[strings.LastIndexAny(p, "*?")+1:]}
		switch {
		case len(part) == len(p)-2 && len(part) >= 2 && !strings.ContainsAny(part, "*?"):
			n.addPart(part, isSecret)
		case g.tail != "":
			c := code[g.tail[len(g.tail)-1]]
			n.byTail[c] = append(n.byTail[c], g)
		case p != "" && p[0] != '*' && p[0] != '?':
			n.byHead[code[p[0]]] = append(n.byHead[code[p[0]]], g)
		default:
			n.others = append(n.others, g)
		}
	}
	return n
}

func (n *patterns) addPart(text string, found finding) {
	at := &n.first[pair(code[text[0]], code[text[1]])]
	switch {
	case *at > 0:
	case len(n.parts) <= math.MaxUint8:
		*at = uint8(len(n.parts))
		n.parts = append(n.parts, nil)
	default:
		*at = math.MaxUint8 // shared by all that come so late
	}
	n.parts[*at] = append(n.parts[*at], part{[]byte(text), found})
}

// find returns which parts are in a text of any length.
func (n *patterns) find(b []byte) (found finding) {
	if len(b) == 0 {
		return 0
	}
	last := code[b[0]]
	for i, c := range b[1:] {
		next := code[c]
		if at := n.first[pair(last, next)]; at > 0 {
			for _, p := range n.parts[at] {
				if hasPrefix(b[i:], p.text) {
					found |= p.found
				}
			}
		}
		last = next
	}
	return found
}

// glob reports whether a name matches one of the other patterns.
func (n *patterns) glob(name []byte) bool {
	some := func(list []glob) bool {
		return slices.ContainsFunc(list, func(g glob) bool {
			at := len(name) - len(g.tail)
			return at >= 0 && hasPrefix(name[at:], []byte(g.tail)) && matches(g.pattern, normal(bytes.Clone(name)))
		})
	}
	if len(name) > 0 && (some(n.byTail[code[name[len(name)-1]]]) || some(n.byHead[code[name[0]]])) {
		return true
	}
	return some(n.others)
}

// secret reports whether a name matches a pattern.
func (n *patterns) secret(name []byte) bool { return n.find(name)&isSecret != 0 || n.glob(name) }

// field is secret for a name in a text.
func (n *patterns) field(name []byte) bool { return n.find(name) != 0 || n.glob(name) }

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

// normal returns name in upper case with _ for -, in place.
func normal(name []byte) []byte {
	for i, c := range name {
		name[i] = upper[c]
	}
	return name
}

// hasPrefix reports whether name, made normal, begins with prefix.
func hasPrefix(name, prefix []byte) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i, c := range prefix {
		if upper[name[i]] != c {
			return false
		}
	}
	return true
}

// codes is how many codes there are: one for each letter, digit and _, and some
// that all other bytes share.
const codes = 64

// upper makes a byte normal; code is what it is looked up by.
var upper, code = func() (upper, code [256]byte) {
	const own = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	for i := range upper {
		c := byte(i)
		switch {
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case c == '-':
			c = '_'
		}
		upper[i] = c
		if at := strings.IndexByte(own, c); at >= 0 {
			code[i] = byte(at)
		} else {
			code[i] = byte(len(own) + i%(codes-len(own)))
		}
	}
	return upper, code
}()

// pair is the place of two bytes with these codes.
func pair(first, second byte) int { return int(first)%codes*codes + int(second)%codes }

// maxWord is how many bytes at the end of a name are kept. A name that is longer
// is matched by globs as if it began there; parts are found in all of it.
const maxWord = 256

// A word is a name that is being gathered.
type word struct {
	buf   []byte  // its end: up to 2*maxWord bytes
	found finding // in what is not in buf any more
}

func (w *word) reset() { w.buf, w.found = w.buf[:0], 0 }

func (w *word) empty() bool { return len(w.buf) == 0 && w.found == 0 }

func (w *word) add(n *patterns, p ...byte) {
	if len(p) > 4*maxWord { // all but its ends need not be copied
		w.add(n, p[:maxWord]...)
		w.found |= n.find(w.buf) | n.find(p)
		w.buf = append(w.buf[:0], p[len(p)-maxWord:]...)
		return
	}
	for len(p) > 0 {
		if len(w.buf) == 2*maxWord {
			w.found |= n.find(w.buf)
			w.buf = append(w.buf[:0], w.buf[maxWord:]...)
		}
		k := min(2*maxWord-len(w.buf), len(p))
		w.buf, p = append(w.buf, p[:k]...), p[k:]
	}
}

// end returns what globs see of the word.
func (w *word) end() []byte { return w.buf[max(0, len(w.buf)-maxWord):] }

// field reports whether the word names a field of a text whose value is to be
// masked.
func (w *word) field(n *patterns) bool {
	return w.found|n.find(w.buf) != 0 || n.glob(w.end())
}

// secret reports whether the word names something else that is to be masked.
func (w *word) secret(n *patterns) bool {
	return (w.found|n.find(w.buf))&isSecret != 0 || n.glob(w.end())
}

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
func (w *word) kind(n *patterns) kind {
	if w.secret(n) {
		return secret
	}
	name := string(normal(w.buf))
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
