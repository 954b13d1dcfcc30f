package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// A decoder makes bytes of the pieces of a text: of lines, or of whatever a
// read brings.
type decoder interface {
	// decode appends the bytes in piece to dst. A line has no line end.
	decode(dst, piece []byte) ([]byte, error)
	// end appends what was held back until now. It may be called again, and then
	// does nothing.
	end(dst []byte) ([]byte, error)
}

// A lossError says that n bytes are missing in a dump; -1: not known how many.
type lossError struct {
	n    int64
	what string
}

func (e *lossError) Error() string { return e.what }

// A lineReader reads lines of bounded length.
type lineReader struct {
	in *bufio.Reader
	n  int // number of the last line, from 1
}

// next returns the next line without its end, valid until the next call. A
// line that is too long comes cut, with a *lossError.
func (r *lineReader) next() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if len(line) == 0 && err != nil {
		return nil, err
	}
	r.n++
	if err == bufio.ErrBufferFull {
		line = bytes.Clone(line)
		for err == bufio.ErrBufferFull {
			_, err = r.in.ReadSlice('\n')
		}
		return line, &lossError{-1, fmt.Sprintf("the line is longer than %d bytes", len(line))}
	}
	if err == io.EOF {
		err = nil // the next call says so
	}
	return bytes.TrimRight(line, "\r\n"), err
}

// where says which line err is about.
func (r *lineReader) where(err error) error {
	return &InputError{Where: fmt.Sprintf("line %d", r.n), Err: err}
}

// A pieceReader cuts a text into the pieces that a decoder wants.
type pieceReader interface {
	next() ([]byte, error)
	where(error) error // says where the last piece is
}

// A blockReader takes a text as it comes.
type blockReader struct {
	in  *bufio.Reader
	n   int   // bytes of the last piece
	off int64 // of the next piece
}

func (r *blockReader) next() ([]byte, error) {
	r.in.Discard(r.n) // cannot fail: they are in the buffer
	r.n = 0
	if _, err := r.in.Peek(1); err != nil {
		return nil, err
	}
	b, err := r.in.Peek(r.in.Buffered())
	r.n = len(b)
	r.off += int64(r.n)
	return b, err
}

func (r *blockReader) where(err error) error {
	return &InputError{Where: fmt.Sprintf("before offset %d", r.off), Err: err}
}

// A textReader makes the byte stream that a text stands for.
type textReader struct {
	in  pieceReader
	dec decoder
	out []byte
	pos int
	err error // to be returned when out is read
}

// newLineStream opens a text that is read by lines and holds one byte stream.
func newLineStream(r *bufio.Reader, dec decoder) Source {
	return newStream(&textReader{in: &lineReader{in: r}, dec: dec})
}

// newTextStream opens any other text that holds one byte stream.
func newTextStream(r *bufio.Reader, dec decoder) Source {
	return newStream(&textReader{in: &blockReader{in: r}, dec: dec})
}

func (r *textReader) Read(b []byte) (int, error) {
	for r.pos == len(r.out) {
		if err := r.err; err != nil {
			if r.err = nil; err == io.EOF {
				r.err = io.EOF
			}
			return 0, err
		}
		r.out, r.pos = r.out[:0], 0
		piece, err := r.in.next()
		switch {
		case err == nil:
			r.out, err = r.dec.decode(r.out, piece)
		case err == io.EOF:
			var loss error
			if r.out, loss = r.dec.end(r.out); loss != nil {
				err = loss // and the end when this is called again
			}
		}
		if r.err = err; err != nil && err != io.EOF {
			r.err = r.in.where(err)
		}
	}
	n := copy(b, r.out[r.pos:])
	r.pos += n
	return n, nil
}

// maxLearn is how many lines a format looks at to learn how a dump is made.
const maxLearn = 64

// headLines returns the whole lines at the start of an input, the last one
// only if nothing else is there.
func headLines(head []byte) (lines [][]byte) {
	for len(head) > 0 && len(lines) < maxLearn {
		line, rest, whole := bytes.Cut(head, []byte("\n"))
		if !whole && len(lines) > 1 {
			break
		}
		lines = append(lines, bytes.TrimRight(line, "\r"))
		head = rest
	}
	return lines
}

// peekHead returns what a format may look at before it begins to read.
func peekHead(r *bufio.Reader) []byte {
	r.Peek(1)
	head, _ := r.Peek(min(r.Buffered(), detectLen))
	return head
}

// likely rates text that reads as the bytes b: whether these are FastCGI.
func likely(b []byte) int {
	g := walk(b)
	switch {
	case g.strong:
		return 3
	case g.records > 0 || g.framed:
		return 2
	}
	if g, _ = search(b, 0); g.strong {
		return 1
	}
	return 0
}
