package wire

import (
	"io"
	"sync"
	"time"
)

const (
	smallBuffer = 4 << 10  // what an idle Reader or Writer may hold
	largeBuffer = 96 << 10 // room for any record, and for reads of a good size
)

// How much a Reader asks for at once, where a record does not need more. From a
// connection or a file much, as each read is a system call; from memory what
// stays in the processor's nearest cache.
const (
	readSystem = 64 << 10
	readMemory = 16 << 10
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// A Reader reads records from a stream. It is lenient: whatever the header
// says is a record. It needs 4 KiB while idle and 96 KiB more, shared with the
// other Readers, while it is in the middle of something larger.
type Reader struct {
	r          io.Reader
	buf        []byte
	large      *[largeBuffer]byte // buf when it is a borrowed one
	small      []byte
	start, end int   // buf[start:end] has been read and not returned
	offset     int64 // of buf[start] in the stream
	err        error // what r said after buf[:end]
	ask        int   // readSystem or readMemory
}

// NewReader returns a Reader that reads from r.
func NewReader(r io.Reader) *Reader {
	ask := readMemory
	if _, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok {
		ask = readSystem
	}
	return &Reader{r: r, ask: ask}
}

// Offset returns the offset of the next record in the stream, in bytes.
func (r *Reader) Offset() int64 { return r.offset }

// Buffered returns the bytes that were read and not returned as records. They
// are valid until the next call of ReadRecord.
func (r *Reader) Buffered() []byte { return r.buf[r.start:r.end] }

// ReadRecord returns the next record. At the end of the stream it returns
// io.EOF, if that is between two records, or a *TruncatedError. Other errors
// are those of the underlying reader; what had arrived of the record is kept,
// so after a time limit the call can be repeated, and Buffered shows it.
//
// The record's slices are valid until the next call; see Record.Clone.
func (r *Reader) ReadRecord() (rec Record, err error) {
	for {
		if n := split(r.buf[r.start:r.end], &rec); n > 0 {
			r.start += n
			r.offset += int64(n)
			return rec, nil
		}
		if err := r.fill(rec.Header); err != nil {
			return Record{}, err
		}
	}
}

// fill reads more, after making room for the record whose header is h.
func (r *Reader) fill(h Header) error {
	have := r.end - r.start
	want := HeaderLen
	if have >= HeaderLen {
		want = h.Len()
	}
	if r.err != nil {
		return r.fail(want)
	}
	r.makeRoom(have, want)
	// A reader may return nothing without an error; not for ever.
	for range 100 {
		n, err := r.r.Read(r.buf[r.end:min(len(r.buf), max(want, r.end+r.ask))])
		r.end += n
		r.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return r.fail(want)
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what is there to the front, into the large buffer if the
// record needs it and back into the small one when nothing is there.
func (r *Reader) makeRoom(have, want int) {
	switch {
	case r.large == nil && want > smallBuffer:
		r.large = largeBuffers.Get().(*[largeBuffer]byte)
		copy(r.large[:], r.buf[r.start:r.end])
		r.buf = r.large[:]
	case r.large != nil && have == 0:
		r.Release()
	case r.small == nil:
		r.small = make([]byte, smallBuffer)
		r.buf = r.small
	default:
		copy(r.buf, r.buf[r.start:r.end])
	}
	r.start, r.end = 0, have
}

// Release gives a large buffer back, if nothing is left in it. ReadRecord does
// so by itself before it waits for a new record; call Release after the last.
func (r *Reader) Release() {
	if r.large != nil && r.start == r.end {
		largeBuffers.Put(r.large)
		r.large = nil
		r.buf = r.small
		r.start, r.end = 0, 0
	}
}

// fail returns the error for a record of want bytes that cannot be completed.
// The end of the stream is final; another error is returned once, so that a
// caller can go on after a time limit.
func (r *Reader) fail(want int) error {
	err := r.err
	if err != io.EOF {
		r.err = nil
		return err
	}
	if r.start == r.end {
		r.Release()
		return io.EOF
	}
	return &TruncatedError{Offset: r.offset, Want: want, Got: append([]byte(nil), r.buf[r.start:r.end]...)}
}
