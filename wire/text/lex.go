package text

import (
	"bytes"
	"fmt"
	"strings"
)

// A SyntaxError says what is wrong with a text, and where.
type SyntaxError struct {
	Line, Column int    // from 1; the column in bytes
	What         string // what is wrong
	Hint         string // the nearest right form, or what was expected
}

// Error says where and what.
func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("text: line %d, column %d: %s", e.Line, e.Column, e.What)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// A scanner takes the words off one line. What it returns points into the
// line, where strings are decoded in place.
type scanner struct {
	line []byte
	pos  int
	n    int // number of the line
}

// A side is a word or a string: an argument, or half of one with an =.
type side struct {
	text   []byte
	quoted bool // in quotes, also as x"…"
	wide   bool // marked as wide:
	col    int
}

// An argument is what stands between two spaces: a side, or two with an =.
type argument struct {
	key, value side
	pair       bool // there was an =
}

// fail returns an error at a column.
func (s *scanner) fail(col int, hint, format string, args ...any) error {
	return &SyntaxError{Line: s.n, Column: col, What: fmt.Sprintf(format, args...), Hint: hint}
}

// space skips white space and reports whether anything but a comment follows.
func (s *scanner) space() bool {
	for s.pos < len(s.line) && isSpace(s.line[s.pos]) {
		s.pos++
	}
	if s.pos < len(s.line) && s.line[s.pos] == '#' {
		s.pos = len(s.line)
	}
	return s.pos < len(s.line)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// col returns the column of the next byte.
func (s *scanner) col() int { return s.pos + 1 }

// word takes a word that ends at a space. It is empty at the end of the line.
func (s *scanner) word() side {
	w := side{}
	if s.space() {
		w = side{text: s.bare(""), col: s.col()}
		w.col -= len(w.text)
	} else {
		w.col = s.col()
	}
	return w
}

// bare takes what stands before a space, a quote, or one of the bytes of stop.
func (s *scanner) bare(stop string) []byte {
	start := s.pos
	for s.pos < len(s.line) {
		c := s.line[s.pos]
		if isSpace(c) || c == '"' || strings.IndexByte(stop, c) >= 0 {
			break
		}
		s.pos++
	}
	return s.line[start:s.pos]
}

// argument takes the next argument; the caller knows from space that there is
// one.
func (s *scanner) argument() (a argument, err error) {
	if a.key, err = s.side("="); err != nil {
		return a, err
	}
	if s.pos < len(s.line) && s.line[s.pos] == '=' {
		s.pos++
		a.pair = true
		if a.value, err = s.side(""); err != nil {
			return a, err
		}
	}
	if s.pos < len(s.line) && !isSpace(s.line[s.pos]) {
		return a, s.fail(s.col(), "", "a space was expected, not %q", s.line[s.pos:s.pos+1])
	}
	return a, nil
}

// What to do about mistakes that are made in several places.
const (
	hintEscapes = `one of \\ \" \n \r \t \xHH was expected`
	hintHex     = "two digits a byte were expected, such as 01 0a, or a string in quotes"
	hintOnce    = "leave one of the two out"
)

// side takes a word, which one of the bytes of stop ends, or a string.
func (s *scanner) side(stop string) (side, error) {
	w := side{col: s.col()}
	if bytes.HasPrefix(s.line[s.pos:], []byte(wideMark)) {
		w.wide = true
		s.pos += len(wideMark)
	}
	rest := s.line[s.pos:]
	hex := bytes.HasPrefix(rest, []byte(`x"`))
	if !hex && (len(rest) == 0 || rest[0] != '"') {
		w.text = s.bare(stop)
		if s.pos < len(s.line) && s.line[s.pos] == '"' {
			return w, s.fail(s.col(), "put all of it in quotes", "a quote inside a word")
		}
		return w, nil
	}
	if hex {
		s.pos++
	}
	n := quotedLen(s.line[s.pos:])
	if n < 0 {
		return w, s.fail(s.col(), `a " inside of quotes is written \"`, "%v", errUnclosed)
	}
	inside := s.line[s.pos+1 : s.pos+n-1]
	text, at, err := unquote(inside[:0], inside, hex)
	if err != nil {
		hint := hintEscapes
		if hex {
			hint = hintHex
		}
		return w, s.fail(s.col()+1+at, hint, "%v", err)
	}
	s.pos += n
	w.text, w.quoted = text, true
	return w, nil
}
