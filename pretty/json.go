package pretty

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire/text"
)

// object is a JSON object that is being appended to. Keys come from the
// program and need no escaping. Nothing here allocates.
type object struct {
	b []byte
}

func (o *object) key(k string) {
	o.b = append(o.b, ',', '"')
	o.b = append(o.b, k...)
	o.b = append(o.b, '"', ':')
}

func (o *object) int(k string, v int64) {
	o.key(k)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *object) bool(k string, v bool) {
	o.key(k)
	o.b = strconv.AppendBool(o.b, v)
}

// string is for what the program made. Where it quotes a peer that sent no
// UTF-8, U+FFFD stands for the bytes.
func (o *object) string(k, v string) {
	o.key(k)
	o.b = appendJSONString(o.b, v)
}

// base64 is for bytes that may be anything.
func (o *object) base64(k string, v []byte) {
	o.key(k)
	o.b = append(o.b, '"')
	o.b = base64.StdEncoding.AppendEncode(o.b, v)
	o.b = append(o.b, '"')
}

// text is for bytes from a peer that usually are text: a string where nothing
// of them would be lost or hidden, base64 under the key with _base64 otherwise.
func (o *object) text(k, base64Key string, v []byte) {
	if !isText(v) {
		o.base64(base64Key, v)
		return
	}
	o.key(k)
	o.b = appendJSONString(o.b, v)
}

// AppendText appends the member key of a JSON object as jsonl has it: v as a
// string where nothing of it would be lost or hidden, otherwise in base64
// under the key with _base64. The key needs no escaping.
func AppendText(dst []byte, key string, v []byte) []byte {
	o := object{dst}
	o.text(key, key+"_base64", v)
	if len(dst) == 0 || dst[len(dst)-1] == '{' { // no comma before the first
		return append(dst, o.b[len(dst)+1:]...)
	}
	return o.b
}

// isText reports whether b is valid UTF-8 without control characters other
// than tab.
func isText(b []byte) bool {
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || r < 0xa0 {
			return false
		}
		i += n
	}
	return true
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string of printable characters: others,
// such as those that turn the direction of writing, are escaped.
func appendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendJSONByte(dst, c)
			i++
			start = i
			continue
		}
		r, n, plain := decodeRune(s[i:])
		if plain {
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendJSONRune(dst, r)
		i += n
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// decodeRune takes a character above ASCII off s and says whether it can be
// shown as it is: package text decides that for all formats.
func decodeRune[T string | []byte](s T) (r rune, n int, plain bool) {
	var b [utf8.UTFMax]byte
	var escaped [4 * utf8.UTFMax]byte
	r, n = utf8.DecodeRune(b[:copy(b[:], s)])
	return r, n, b[0] == text.Escape(escaped[:0], b[:n])[0]
}

func appendJSONByte(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	}
	return appendJSONRune(dst, rune(c))
}

// appendJSONRune appends r as \uXXXX, as a surrogate pair above 0xFFFF.
func appendJSONRune(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		dst = appendJSONRune(dst, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// clock appends times, with the part down to the second kept from one to the
// next: formatting it is the dear part.
type clock struct {
	second int64
	prefix [len("2006-01-02T15:04:05.")]byte
	valid  bool
}

// time appends t in UTC as RFC 3339 with nanoseconds; nothing for the zero time.
func (o *object) time(k string, t time.Time, c *clock) {
	if t.IsZero() {
		return
	}
	o.key(k)
	o.b = append(o.b, '"')
	o.b = c.append(o.b, t, 9)
	o.b = append(o.b, 'Z', '"')
}

// append appends t in UTC with digits (1 to 9) decimals of the second. A year
// beyond four digits is not one that a capture can hold; it is cut.
func (c *clock) append(dst []byte, t time.Time, digits int) []byte {
	if s := t.Unix(); s != c.second || !c.valid {
		c.second, c.valid = s, true
		var b [64]byte
		copy(c.prefix[:], t.UTC().AppendFormat(b[:0], "2006-01-02T15:04:05."))
	}
	dst = append(dst, c.prefix[:]...)
	var frac [9]byte
	n := t.Nanosecond()
	for i := 8; i >= 0; i-- {
		frac[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, frac[:digits]...)
}
