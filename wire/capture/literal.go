package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A literal decodes bytes as the source of a program has them: numbers in
// lists, and strings with escapes. C, Go, Python, JavaScript, JSON and the
// shell agree in that, and in what is a comment.
type literal struct {
	numbers numbersIn
	bare    bool // the whole text is the inside of a string

	depth  int    // of braces
	quote  byte   // of the string that is being read, 0 outside
	word   []byte // a number or name that is being read
	escape []byte // an escape that is being read, without its backslash
	inEsc  bool
	last   byte // the character before, outside of strings
	note   byte // in a comment: '/' or '#' to the end of the line, '*' to */
}

// numbersIn says where numbers are bytes.
type numbersIn uint8

const (
	nowhere numbersIn = iota
	braces
	anywhere
)

// decode implements decoder.
func (d *literal) decode(dst, p []byte) ([]byte, error) {
	var first error
	for _, c := range p {
		var err error
		switch {
		case d.inEsc:
			dst, err = d.escaped(dst, c)
		case d.note != 0:
			d.comment(c)
		case d.quote != 0 || d.bare:
			dst = d.inside(dst, c)
		default:
			dst, err = d.outside(dst, c)
		}
		if first == nil {
			first = err
		}
	}
	return dst, first
}

// end implements decoder.
func (d *literal) end(dst []byte) ([]byte, error) {
	if d.inEsc {
		return d.finish(dst)
	}
	return d.number(dst)
}

func (d *literal) comment(c byte) {
	if c == '\n' && d.note != '*' || c == '/' && d.note == '*' && d.last == '*' {
		d.note, c = 0, 0
	}
	d.last = c
}

// inside takes a character of a string.
func (d *literal) inside(dst []byte, c byte) []byte {
	switch {
	case c == '\\':
		d.inEsc, d.escape = true, d.escape[:0]
	case !d.bare && c == d.quote:
		d.quote = 0
	case d.bare && (c == '\n' || c == '\r'):
		// The text is wrapped.
	default:
		dst = append(dst, c)
	}
	return dst
}

// outside takes a character of the program.
func (d *literal) outside(dst []byte, c byte) ([]byte, error) {
	if isWord(c) || c == '-' && len(d.word) == 0 {
		d.last = c
		if len(d.word) < 64 {
			d.word = append(d.word, c)
		}
		return dst, nil
	}
	last := d.last
	d.last = c
	dst, err := d.number(dst)
	switch c {
	case '"', '\'', '`':
		d.quote = c
	case '{':
		d.depth++
	case '}':
		d.depth = max(0, d.depth-1)
	case '#':
		d.note = c
	case '/', '*':
		if last == '/' {
			d.note, d.last = c, 0
		}
	}
	return dst, err
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// number takes the word that ended.
func (d *literal) number(dst []byte) ([]byte, error) {
	word := d.word
	d.word = d.word[:0]
	if d.numbers == nowhere || d.numbers == braces && d.depth == 0 || len(word) == 0 {
		return dst, nil
	}
	if c := word[0]; c != '-' && (c < '0' || c > '9') {
		return dst, nil // a name
	}
	v, err := strconv.ParseInt(string(bytes.TrimSuffix(word, []byte("u8"))), 0, 32)
	if err != nil || v < -128 || v > 255 {
		return dst, &lossError{1, "a number is no byte, -128 to 255"}
	}
	return append(dst, byte(v)), nil
}

// escaped takes a character of an escape.
func (d *literal) escaped(dst []byte, c byte) ([]byte, error) {
	n := len(d.escape)
	if n == 0 {
		if v, ok := escapes[c]; ok && c != '0' {
			d.inEsc = false
			return append(dst, v), nil
		}
		if c == 'x' || c == 'u' || c == 'U' || '0' <= c && c <= '7' {
			d.escape = append(d.escape, c)
			return dst, nil
		}
		d.inEsc = false
		if c != '\n' { // a backslash joins lines
			dst = append(dst, c)
		}
		return dst, nil
	}
	digits, octal := map[byte]int{'x': 2, 'u': 4, 'U': 8}[d.escape[0]], false
	if digits == 0 {
		digits, octal = 2, true // behind the first one
	}
	if hexDigit(c) >= 0 && (!octal || c <= '7') {
		d.escape = append(d.escape, c)
		if n < digits {
			return dst, nil
		}
		return d.finish(dst)
	}
	dst, err := d.finish(dst)
	more, err2 := d.decode(dst, []byte{c}) // behind the escape
	if err == nil {
		err = err2
	}
	return more, err
}

// finish appends what the escape stands for.
func (d *literal) finish(dst []byte) ([]byte, error) {
	d.inEsc = false
	if len(d.escape) == 0 {
		return dst, nil
	}
	digits, base := d.escape, 8
	if d.escape[0] >= 'U' {
		digits, base = d.escape[1:], 16
	}
	v, err := strconv.ParseUint(string(digits), base, 32)
	switch {
	case err != nil:
		return dst, &lossError{1, "an escape is no byte, 0 to 255"}
	case v <= 255: // JSON has no other way to write a byte
		return append(dst, byte(v)), nil
	case base == 8:
		return dst, &lossError{1, "an escape is no byte, 0 to 255"}
	}
	return utf8.AppendRune(dst, rune(v)), nil
}

// learnLiteral finds out which parts of a source text are the bytes.
func learnLiteral(head []byte) (d literal, score int) {
	candidates := []literal{{numbers: anywhere}, {numbers: nowhere}, {bare: true}}
	if bytes.IndexByte(head, '{') >= 0 {
		candidates[0].numbers = braces
	}
	for _, c := range candidates {
		if c.bare && bytes.IndexByte(head, '\\') < 0 {
			continue
		}
		try := c
		b, err := try.decode(nil, wholeWords(head))
		if err != nil {
			continue
		}
		n := scoreLikes + 10*likely(b) - 5
		if c.numbers == anywhere && bytes.IndexByte(head, ',') < 0 {
			n -= 2 // rather what od prints
		}
		if n > scoreLikes && n > score {
			d, score = c, n
		}
	}
	return d, score
}

func matchLiteral(head []byte) int {
	if !isText(head) {
		return 0
	}
	_, score := learnLiteral(head)
	return score
}

func openLiteral(r *bufio.Reader, o Options) (Source, error) {
	d, score := learnLiteral(peekHead(r))
	if score == 0 {
		return nil, fmt.Errorf("capture: no bytes of FastCGI in the form of a program's source")
	}
	return newTextStream(r, &d), nil
}
