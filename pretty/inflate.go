package pretty

import (
	"bytes"
	"compress/gzip"
	"io"
)

// inflate returns at most max bytes of what b, the beginning of a body in
// gzip, holds, and whether that is all; nil if b is no gzip.
func inflate(m Meta, b []byte, max int) (text []byte, whole bool) {
	switch {
	case m.Encoding == "gzip", m.Encoding == "x-gzip", bytes.HasPrefix(b, []byte("\x1f\x8b\x08")):
	default:
		return nil, false
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, false
	}
	text = make([]byte, max)
	n, err := io.ReadFull(z, text)
	if n == 0 {
		return nil, false
	}
	if err == nil { // full: is there more?
		_, err = z.Read(make([]byte, 1))
	} else if err == io.ErrUnexpectedEOF && n < max {
		_, err = z.Read(make([]byte, 1)) // the end, or a gzip that was cut
	}
	return text[:n], err == io.EOF
}
