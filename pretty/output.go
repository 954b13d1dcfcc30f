package pretty

import "io"

// bufferSize is how many bytes a sink holds back before it writes. What is
// rendered from one event may go beyond it: at most some 400 KiB.
const bufferSize = 32 << 10

// output is the bounded buffer that the sinks write through.
type output struct {
	w   io.Writer
	buf []byte
	err error
}

// Flush writes what is held back.
func (o *output) Flush() error {
	if o.err == nil && len(o.buf) > 0 {
		_, o.err = o.w.Write(o.buf)
	}
	o.buf = o.buf[:0]
	return o.err
}

// spill writes what is held back if it is much; sinks call it after each event.
func (o *output) spill() error {
	if len(o.buf) >= bufferSize {
		return o.Flush()
	}
	return o.err
}

// Close writes what is held back; the writer stays open.
func (o *output) Close() error { return o.Flush() }
