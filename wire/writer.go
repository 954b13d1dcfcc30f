package wire

import (
	"errors"
	"io"
)

// PadNone pads nothing.
func PadNone(int) int { return 0 }

// PadTo8 pads to a multiple of eight bytes, as section 3.3 recommends.
func PadTo8(content int) int { return -content & 7 }

// flushAt is when WriteRecord sends by itself: a whole request or answer of
// usual size is one write, a body is not gathered. The large buffer has room
// for this and one more record of half that size.
const flushAt = 64 << 10

// A Writer writes records to a stream. It gathers them and writes when it has
// 64 KiB or when Flush is called, so a request or an answer is one write where
// it fits. The first error is kept and returned by every later call.
type Writer struct {
	// Pad chooses the padding of a record of a stream, or of pairs, that has
	// content but no padding of its own: 0 to 255 bytes for that many bytes of
	// content. nil means PadTo8. Other records and empty ones are not padded:
	// libfcgi and php-fpm lose their place there.
	Pad func(content int) (padding int)
	// PadRecord, if it is set, is asked in place of Pad, and for every record
	// without padding of its own: those of other types and empty ones, too. What
	// it says, 0 to 255 bytes, is done.
	PadRecord func(t Type, content int) (padding int)
	// Chunk is the most content of a record that Stream and Pairs write, 1 to
	// 65535 bytes. 0 means as much as fits with its padding into 65535 bytes
	// together, which is what php-fpm takes.
	Chunk int
	// SplitPairs lets Pairs split a pair over records, as section 3.4 allows
	// and php-fpm does not. A pair larger than a record is always split.
	SplitPairs bool
	// WriteEach makes each record a write of its own.
	WriteEach bool

	w     io.Writer
	buf   []byte
	large *[largeBuffer]byte
	pairs []byte // memory for the next PairWriter, smallBuffer at most
	err   error
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// zeros is padding.
var zeros [MaxPadding]byte

// WriteRecord writes r. Its lengths are those of the slices. A nil Padding is
// chosen by Pad or PadRecord; an empty one that is not nil means none.
func (w *Writer) WriteRecord(r Record) error {
	if r.Padding == nil {
		r.Padding = zeros[:w.padding(r.Type, len(r.Content))]
	}
	if w.err == nil && (len(r.Content) > MaxContent || len(r.Padding) > MaxPadding) {
		w.err = errors.New("wire: record content or padding too long")
	}
	h := r.Header
	h.ContentLength, h.PaddingLength = uint16(len(r.Content)), uint8(len(r.Padding))
	return w.WriteRaw(h, r.Content, r.Padding)
}

// WriteRaw writes the header, the content and the padding as they are, whether
// or not they agree with each other. It is for tools that test other
// implementations.
func (w *Writer) WriteRaw(h Header, content, padding []byte) error {
	if w.err != nil {
		return w.err
	}
	w.room(HeaderLen + len(content) + len(padding))
	w.buf = h.Append(w.buf)
	w.buf = append(w.buf, content...)
	w.buf = append(w.buf, padding...)
	if len(w.buf) >= flushAt || w.WriteEach {
		return w.Flush()
	}
	return nil
}

// room borrows a large buffer when n more bytes do not fit the small one. What
// does not fit the large one goes first.
func (w *Writer) room(n int) {
	if w.large != nil && len(w.buf)+n > cap(w.buf) {
		_ = w.Flush() // it keeps the error
	}
	if w.large == nil && len(w.buf)+n > max(cap(w.buf), 512) {
		w.large = largeBuffers.Get().(*[largeBuffer]byte)
		w.buf = append(w.large[:0], w.buf...)
	}
}

// Flush writes what has been gathered, in one Write.
func (w *Writer) Flush() error {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
	if w.large != nil {
		largeBuffers.Put(w.large)
		w.large, w.buf = nil, nil
	}
	return w.err
}

// padding is what a record without padding of its own gets.
func (w *Writer) padding(t Type, content int) int {
	if w.PadRecord != nil {
		return max(0, min(w.PadRecord(t, content), MaxPadding))
	}
	if s := t.Spec(); content == 0 || s == nil || !s.Stream && s.Shape != Pairs {
		return 0
	}
	pad := w.Pad
	if pad == nil {
		pad = PadTo8
	}
	// More than 65535 bytes together make php-fpm reset the connection.
	return max(0, min(pad(content), MaxPadding, MaxContent-content))
}

// chunk is the most content that one record of type t takes.
func (w *Writer) chunk(t Type) int {
	if w.Chunk > 0 {
		return min(w.Chunk, MaxContent)
	}
	const aligned = MaxContent &^ 7
	pad := PadTo8(aligned)
	switch {
	case w.PadRecord != nil:
		pad = w.PadRecord(t, aligned)
	case w.Pad != nil:
		pad = w.Pad(aligned)
	}
	return max(1, min(aligned, MaxContent-min(MaxPadding, pad)))
}
