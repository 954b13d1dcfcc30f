package text

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// Quote appends b to dst as a string in double quotes. See Escape.
func Quote(dst, b []byte) []byte {
	return append(Escape(append(dst, '"'), b), '"')
}

// Escape appends b to dst so that it can stand in double quotes, and can be
// shown on a terminal whatever it holds: printable UTF-8 as it is, everything
// else (controls, C1 and bidirectional ones too, what is invisible, and bytes
// that are no UTF-8) as \n, \r, \t, \\, \" or \xNN.
func Escape(dst, b []byte) []byte {
	for len(b) > 0 {
		n := plainASCII(b)
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			break
		}
		n = 1
		if b[0] < utf8.RuneSelf {
			dst = escapeByte(dst, b[0])
		} else if r, size := utf8.DecodeRune(b); visible(r, size) {
			dst = append(dst, b[:size]...)
			n = size
		} else {
			for _, c := range b[:size] {
				dst = escapeByte(dst, c)
			}
			n = size
		}
		b = b[n:]
	}
	return dst
}

// plainASCII returns how many bytes at the start of b need no second look.
func plainASCII(b []byte) int {
	for i, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(b)
}

// visible reports whether a decoded rune above ASCII can be shown. What Unicode
// ignores by default is not seen, so it is no news to a reader.
func visible(r rune, size int) bool {
	return (r != utf8.RuneError || size > 1) && unicode.IsPrint(r) &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && !unicode.Is(unicode.Variation_Selector, r)
}

func escapeByte(dst []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '"', '\\':
		return append(dst, '\\', c)
	}
	return append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}

// Unquote appends what the quoted string s stands for to dst: "…" with escapes
// as in Go, or x"…" with hexadecimal digits. It is the inverse of Quote.
func Unquote(dst, s []byte) ([]byte, error) {
	hex := len(s) > 0 && s[0] == 'x'
	if hex {
		s = s[1:]
	}
	n := quotedLen(s)
	switch {
	case n < 0:
		return dst, errors.New("text: quoted string: " + errUnclosed.Error())
	case n != len(s):
		return dst, fmt.Errorf("text: quoted string: %q follows its end", s[n:])
	}
	dst, _, err := unquote(dst, s[1:n-1], hex)
	if err != nil {
		return dst, fmt.Errorf("text: quoted string: %w", err)
	}
	return dst, nil
}

var errUnclosed = errors.New("the closing quote is missing")

// quotedLen returns the length of the string in quotes at the start of s, -1
// if there is none or its end is missing.
func quotedLen(s []byte) int {
	if len(s) == 0 || s[0] != '"' {
		return -1
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// unquote appends what is written between quotes to dst, which may be s[:0]:
// nothing is shorter than what it stands for. at is the place of an error.
func unquote(dst, s []byte, hex bool) (b []byte, at int, err error) {
	if hex {
		return unhex(dst, s)
	}
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			n := bytes.IndexByte(s[i:], '\\')
			if n < 0 {
				n = len(s) - i
			}
			dst = append(dst, s[i:i+n]...)
			i += n
			continue
		}
		var n int
		if dst, n = unescape(dst, s[i:]); n == 0 {
			return dst, i, fmt.Errorf("unknown escape %q", s[i:min(len(s), i+2)])
		}
		i += n
	}
	return dst, 0, nil
}

// unescape appends what the escape at the start of s stands for and returns
// its length, 0 if it is none.
func unescape(dst, s []byte) ([]byte, int) {
	if len(s) < 2 {
		return dst, 0
	}
	if s[1] == 'x' && len(s) >= 4 {
		high, low := unhexDigit(s[2]), unhexDigit(s[3])
		if high|low > 15 {
			return dst, 0
		}
		return append(dst, high<<4|low), 4
	}
	if i := strings.IndexByte(`nrt"\abfv'`, s[1]); i >= 0 {
		return append(dst, "\n\r\t\"\\\a\b\f\v'"[i]), 2
	}
	n := 4 // \101
	switch s[1] {
	case 'u':
		n = 6
	case 'U':
		n = 10
	}
	if len(s) < n {
		return dst, 0
	}
	r, multibyte, _, err := strconv.UnquoteChar(string(s[:n]), '"')
	switch {
	case err != nil:
		return dst, 0
	case multibyte:
		return utf8.AppendRune(dst, r), n
	}
	return append(dst, byte(r)), n
}

// unhex appends the bytes that hexadecimal digits stand for. Spaces may stand
// between two bytes.
func unhex(dst, s []byte) (b []byte, at int, err error) {
	for i := 0; i < len(s); {
		if s[i] == ' ' {
			i++
			continue
		}
		if i+1 == len(s) {
			return dst, i, errors.New("odd number of hexadecimal digits")
		}
		high, low := unhexDigit(s[i]), unhexDigit(s[i+1])
		if high|low > 15 {
			return dst, i, fmt.Errorf("%q is no byte in hexadecimal", s[i:i+2])
		}
		dst = append(dst, high<<4|low)
		i += 2
	}
	return dst, 0, nil
}

// unhexDigit returns the value of a hexadecimal digit, 255 for anything else.
func unhexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
