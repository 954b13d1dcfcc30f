package text

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// entry reads the entry that begins at s, which stands behind white space.
func (r *Reader) entry(s *scanner, l *Line) error {
	first := s.line[s.pos]
	if first == '#' {
		l.Kind = KindComment
		l.Comment = string(s.line[s.pos+1:])
		return nil
	}
	if s.pos > 0 {
		return s.fail(s.col(), "", "an indented line continues a record, and there is none above it")
	}
	switch first {
	case '>', '<':
		s.pos++
		l.Directed = true
		if first == '<' {
			l.Dir = wire.ToServer
		}
		return r.directed(s, l)
	case '!':
		return event(s, l)
	case '@':
		return directive(s, l)
	}
	return s.failStart()
}

// failStart is the error for a line that begins with nothing known.
func (s *scanner) failStart() error {
	const hint = "> or <, @, ! or # was expected"
	col := s.col()
	word := s.word()
	if t, err := wire.ParseType(string(word.text)); err == nil && t.Known() {
		dir := string(appendDir(nil, t.Spec().Dir))
		return s.fail(col, "did you mean "+dir+string(word.text)+"?", "no direction before %q", word.text)
	}
	if string(word.text) == rawWord {
		return s.fail(col, "did you mean > raw or < raw?", "no direction before %q", word.text)
	}
	return s.fail(col, hint, "%q begins no line", word.text)
}

// directed reads what stands behind > or <.
func (r *Reader) directed(s *scanner, l *Line) error {
	if !s.space() {
		return s.fail(s.col(), "such as "+wire.TypeBeginRequest.String()+" or "+rawWord, "a record type was expected")
	}
	if s.line[s.pos] == '!' {
		return event(s, l)
	}
	word := s.word()
	if strings.EqualFold(string(word.text), rawWord) {
		return r.rawBytes(s, l)
	}
	t, err := wire.ParseType(string(word.text))
	if err != nil {
		return s.fail(word.col, hintType(string(word.text)), "unknown record type %q", word.text)
	}
	b := &r.build
	b.reset(t)
	head := *s
	head.pos = len(head.line)
	if err := r.each(s, b.add); err != nil {
		return err
	}
	l.Kind = KindRecord
	l.Record, err = b.finish(&head)
	return err
}

func hintType(word string) string {
	names := []string{rawWord}
	for _, s := range wire.Specs() {
		names = append(names, s.Name)
	}
	if near := wire.Nearest(strings.TrimPrefix(strings.ToUpper(word), "FCGI_"), names); near != "" {
		return "did you mean " + near + "?"
	}
	return "a name of the specification, or such as TYPE(42), was expected"
}

// rawBytes reads bytes that are no record: strings, and words of hexadecimal
// digits.
func (r *Reader) rawBytes(s *scanner, l *Line) error {
	raw := r.raw[:0]
	err := r.each(s, func(s *scanner, a *argument, _ bool) (err error) {
		switch {
		case a.pair:
			return s.fail(a.key.col, "", "raw bytes have no fields")
		case a.key.wide:
			return s.fail(a.key.col, "", "%s belongs to a name or a value", wideMark)
		}
		raw, err = hexValue(s, raw, &a.key)
		if err == nil && len(raw) > maxRaw {
			err = s.fail(a.key.col, "begin another line with it", "more than %d raw bytes", maxRaw)
		}
		return err
	})
	r.raw = raw
	l.Kind, l.Raw = KindRaw, raw
	return err
}

// event reads "! fin" and the like.
func event(s *scanner, l *Line) error {
	s.pos++
	word := s.word()
	switch strings.ToLower(string(word.text)) {
	case "fin":
		l.Kind = KindFin
	case "rst":
		l.Kind = KindRst
	case "gap":
		l.Kind, l.Count = KindGap, -1
		if s.space() {
			if err := s.count(&l.Count); err != nil {
				return err
			}
		}
	default:
		return s.fail(word.col, didYouMean(string(word.text), []string{"fin", "rst", "gap"}), "unknown event %q", word.text)
	}
	return s.end()
}

// directive reads "@conn" and the like.
func directive(s *scanner, l *Line) (err error) {
	word := s.word()
	switch strings.ToLower(string(word.text)) {
	case "@conn":
		l.Kind = KindConn
		err = s.conn(l)
	case "@at":
		l.Kind = KindAt
		err = s.at(l)
	case "@cut":
		l.Kind = KindCut
		err = s.count(&l.Count)
	default:
		return s.fail(word.col, didYouMean(string(word.text), []string{"@conn", "@at", "@cut"}), "unknown directive %q", word.text)
	}
	if err != nil {
		return err
	}
	return s.end()
}

// end is an error if anything but a comment is left of the line.
func (s *scanner) end() error {
	if s.space() {
		return s.fail(s.col(), "", "nothing was expected here, not %q", s.line[s.pos:])
	}
	return nil
}

// count takes a number that is not negative.
func (s *scanner) count(n *int64) error {
	word := s.word()
	v, err := strconv.ParseInt(string(word.text), 0, 64)
	if err != nil || v < 0 {
		return s.fail(word.col, "a number was expected", "bad number %q", word.text)
	}
	*n = v
	return nil
}

// conn takes the number of a connection and up to two addresses.
func (s *scanner) conn(l *Line) error {
	var n int64
	col := s.col() + 1
	if err := s.count(&n); err != nil {
		return err
	}
	if n > math.MaxInt32 {
		return s.fail(col, "", "connection %d is too large a number", n)
	}
	l.Conn = int(n)
	for i := 0; i < 2 && s.space(); i++ {
		address, err := s.side("")
		if err != nil {
			return err
		}
		l.Client, l.Server = l.Server, string(address.text)
	}
	return nil
}

// at takes a duration after + or -, or a time.
func (s *scanner) at(l *Line) (err error) {
	word := s.word()
	text := string(word.text)
	if text != "" && (text[0] == '+' || text[0] == '-') {
		l.After, err = time.ParseDuration(text[1:])
		if err == nil && l.After >= 0 {
			if text[0] == '-' {
				l.After = -l.After
			}
			return nil
		}
	} else if l.Time, err = time.Parse(time.RFC3339Nano, text); err == nil && !l.Time.IsZero() {
		return nil
	}
	return s.fail(word.col, "such as +1.2ms or 2026-01-31T12:00:00.000001Z was expected", "bad time %q", text)
}
