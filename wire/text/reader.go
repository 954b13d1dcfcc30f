package text

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

const (
	maxLine = 1 << 20 // bytes of a line; the longest canonical one has 260 KiB
	maxRaw  = 1 << 20 // bytes of one entry of raw bytes
)

// A Reader reads the text form. It keeps one entry at a time.
type Reader struct {
	r     *bufio.Reader
	line  []byte
	n     int // number of line
	build builder
	arg   argument
	raw   []byte
	bad   bool  // the entry before has an error: what continues it is skipped
	err   error // what the reader said when it was asked for the next line's beginning
}

// NewReader returns a Reader that reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 32<<10)} }

// Parse reads a text that is all there. The lines share no memory with b. The
// first error ends it; the lines before it are returned.
func Parse(b []byte) (lines []Line, err error) {
	r := NewReader(bytes.NewReader(b))
	for {
		l, err := r.Next()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		l.Record = l.Record.Clone()
		l.Raw = bytes.Clone(l.Raw)
		lines = append(lines, l)
	}
}

// Next returns the next entry, io.EOF after the last one. A *SyntaxError says
// that an entry is not as it should be; the call can be repeated and goes on
// behind it. Other errors are those of the underlying reader.
//
// An entry that can be continued is returned when the line after it has begun:
// where a person or a program waits for the answer, an empty line helps.
//
// The slices of the line are valid until the next call.
func (r *Reader) Next() (Line, error) {
	for {
		for r.bad && r.continued() {
			if err := r.readLine(); err != nil {
				return Line{}, err
			}
		}
		r.bad = false
		if err := r.readLine(); err != nil {
			return Line{}, err
		}
		s := scanner{line: r.line, n: r.n}
		for s.pos < len(s.line) && isSpace(s.line[s.pos]) {
			s.pos++
		}
		if s.pos == len(s.line) {
			continue
		}
		l := Line{Number: r.n}
		if err := r.entry(&s, &l); err != nil {
			r.bad = true
			return Line{}, err
		}
		return l, nil
	}
}

// readLine reads a line into r.line, without its end. The rest of one that is
// too long is left out, and the error says so.
func (r *Reader) readLine() error {
	if err := r.err; err != nil {
		r.err = nil
		return err
	}
	r.line = r.line[:0]
	long := false
	for {
		part, err := r.r.ReadSlice('\n')
		long = long || len(r.line)+len(part) > maxLine
		if !long {
			r.line = append(r.line, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && (err != io.EOF || len(r.line) == 0) {
			return err
		}
		break
	}
	r.n++
	if long {
		r.bad = true
		return &SyntaxError{Line: r.n, Column: maxLine, What: fmt.Sprintf("the line is longer than %d bytes", maxLine)}
	}
	r.line = bytes.TrimSuffix(bytes.TrimSuffix(r.line, []byte("\n")), []byte("\r"))
	if r.n == 1 {
		r.line = bytes.TrimPrefix(r.line, []byte("\ufeff"))
	}
	return nil
}

// continued reports whether the next line belongs to this entry.
func (r *Reader) continued() bool {
	next, err := r.r.Peek(1)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return len(next) > 0 && isSpace(next[0])
}

// each calls take for every argument of the entry: those on the rest of its
// line, then those of the indented lines that follow.
func (r *Reader) each(s *scanner, take func(s *scanner, a *argument, indented bool) error) error {
	for indented := false; ; indented = true {
		for s.space() {
			a, err := s.argument()
			if err == nil {
				r.arg = a
				err = take(s, &r.arg, indented)
			}
			if err != nil {
				return err
			}
		}
		if !r.continued() {
			return nil
		}
		if err := r.readLine(); err != nil {
			return err
		}
		*s = scanner{line: r.line, n: r.n}
	}
}
