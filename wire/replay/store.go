package replay

import (
	"fmt"
	"io"
	"os"
)

const (
	storeMemory = 32 << 20 // bytes that are kept in memory; more goes to a temporary file
	// MaxKept is how many bytes of conversations a Plan keeps, in memory and in
	// a temporary file.
	MaxKept = 16 << 30
	copying = 64 << 10 // bytes at once
)

// A store keeps bytes that are written once and read often. The first of them
// are in memory, the others in a temporary file that only this process can see.
type store struct {
	blocks [][]byte // of storeBlock bytes each
	file   *os.File
	size   int64
}

const storeBlock = 256 << 10

// A span is where in a store something is.
type span struct{ at, size int64 }

// add keeps p, and returns where.
func (s *store) add(p []byte) (span, error) {
	where := span{s.size, int64(len(p))}
	if s.size+int64(len(p)) > MaxKept {
		return where, fmt.Errorf("replay: the conversations are too large: more than %d GiB", int64(MaxKept)>>30)
	}
	for len(p) > 0 && s.size < storeMemory {
		if s.size%storeBlock == 0 {
			s.blocks = append(s.blocks, make([]byte, 0, storeBlock))
		}
		last := &s.blocks[len(s.blocks)-1]
		n := min(len(p), storeBlock-len(*last))
		*last = append(*last, p[:n]...)
		s.size += int64(n)
		p = p[n:]
	}
	if len(p) == 0 {
		return where, nil
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "fcgiscope-replay-*")
		if err != nil {
			return where, err
		}
		s.file = f
		_ = os.Remove(f.Name()) // close does it where an open file cannot be removed
	}
	n, err := s.file.WriteAt(p, s.size-storeMemory)
	s.size += int64(n)
	return where, err
}

// read returns the next bytes of a span that begins at w.at, up to copying of
// them: a part of the memory, or of buf, which it may allocate.
func (s *store) read(w span, buf *[]byte) ([]byte, error) {
	if w.at < storeMemory {
		block := s.blocks[w.at/storeBlock]
		from := w.at % storeBlock
		return block[from:min(int64(len(block)), from+min(w.size, copying))], nil
	}
	n := min(w.size, copying)
	if int64(cap(*buf)) < n {
		*buf = make([]byte, copying)
	}
	p := (*buf)[:n]
	if _, err := s.file.ReadAt(p, w.at-storeMemory); err != nil {
		return nil, err
	}
	return p, nil
}

// close gives the store up.
func (s *store) close() {
	s.blocks = nil
	if s.file != nil {
		s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}

// spans are the places of something that was kept in pieces.
type spans []span

// add appends a piece, to the last one if it goes on there.
func (l *spans) add(w span) {
	if n := len(*l); n > 0 && (*l)[n-1].at+(*l)[n-1].size == w.at {
		(*l)[n-1].size += w.size
		return
	}
	if w.size > 0 {
		*l = append(*l, w)
	}
}

// size is that of all pieces.
func (l spans) size() (n int64) {
	for _, w := range l {
		n += w.size
	}
	return n
}

// from returns what there is from offset n on.
func (l spans) from(n int64) spans {
	var rest spans
	for _, w := range l {
		skip := min(n, w.size)
		n -= skip
		if w.size > skip {
			rest = append(rest, span{w.at + skip, w.size - skip})
		}
	}
	return rest
}

// A reader reads spans.
type reader struct {
	s    *store
	left spans
	cur  span // of left[0], which it replaces
	buf  []byte
}

func (s *store) reader(l spans) *reader {
	r := &reader{s: s, left: l}
	r.next()
	return r
}

func (r *reader) next() {
	if r.cur = (span{}); len(r.left) > 0 {
		r.cur, r.left = r.left[0], r.left[1:]
	}
}

// piece returns the next bytes, at most max; none at the end. They are valid
// until the next call.
func (r *reader) piece(max int64) ([]byte, error) {
	for r.cur.size == 0 && len(r.left) > 0 {
		r.next()
	}
	if r.cur.size == 0 {
		return nil, nil
	}
	p, err := r.s.read(span{r.cur.at, min(r.cur.size, max)}, &r.buf)
	r.cur.at += int64(len(p))
	r.cur.size -= int64(len(p))
	return p, err
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	b, err := r.piece(int64(len(p)))
	if err == nil && len(b) == 0 && len(p) > 0 {
		err = io.EOF
	}
	return copy(p, b), err
}

// bytes returns the first max bytes of spans.
func (s *store) bytes(l spans, max int64) ([]byte, error) {
	var all []byte
	for r := s.reader(l); ; {
		p, err := r.piece(max - int64(len(all)))
		all = append(all, p...)
		if err != nil || len(p) == 0 || int64(len(all)) == max {
			return all, err
		}
	}
}
