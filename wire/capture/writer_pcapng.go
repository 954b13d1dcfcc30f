package capture

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"runtime"
	"time"
)

// Options of pcapng blocks that are written.
const (
	ngOptEnd         = 0
	ngOptComment     = 1
	ngOptHardware    = 2 // of a section
	ngOptOS          = 3
	ngOptApplication = 4
)

const (
	ngWriteBuffer = 64 << 10
	ngNanoseconds = 9 // resolution: 10^-9 s
)

// An ngWriter writes a pcapng file: one section with one interface, whose
// packets begin with the IP header. Each write is of whole blocks, so that a
// file is readable up to the last one that succeeded.
type ngWriter struct {
	out   *bufio.Writer
	buf   []byte // the block that is put together
	begun bool
	err   error // the first
}

func newNgWriter(w io.Writer) ngWriter {
	return ngWriter{out: bufio.NewWriterSize(w, ngWriteBuffer)}
}

// begin starts a block.
func (w *ngWriter) begin(typ uint32) {
	w.buf = binary.LittleEndian.AppendUint32(w.buf[:0], typ)
	w.u32(0) // its length, known at its end
}

func (w *ngWriter) u16(v uint16) { w.buf = binary.LittleEndian.AppendUint16(w.buf, v) }
func (w *ngWriter) u32(v uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, v) }

// pad fills the block up to a multiple of 4 bytes.
func (w *ngWriter) pad() {
	for len(w.buf)%4 != 0 {
		w.buf = append(w.buf, 0)
	}
}

func (w *ngWriter) option(code uint16, value string) {
	w.u16(code)
	w.u16(uint16(len(value)))
	w.buf = append(w.buf, value...)
	w.pad()
}

// end writes the block.
func (w *ngWriter) end() {
	n := uint32(len(w.buf) + 4)
	w.u32(n)
	binary.LittleEndian.PutUint32(w.buf[4:], n)
	if w.err == nil && w.out.Available() < len(w.buf) {
		w.err = w.out.Flush()
	}
	if w.err == nil {
		_, w.err = w.out.Write(w.buf)
	}
}

// header writes what is before the packets, once.
func (w *ngWriter) header() {
	if w.begun {
		return
	}
	w.begun = true
	w.begin(ngSection)
	w.u32(ngMagic)
	w.u16(1) // version 1.0
	w.u16(0)
	w.u32(0xffffffff) // the length of the section, 64 bits: not given
	w.u32(0xffffffff)
	w.option(ngOptHardware, runtime.GOARCH)
	w.option(ngOptOS, runtime.GOOS)
	w.option(ngOptApplication, "fcgiscope")
	w.option(ngOptEnd, "")
	w.end()
	w.begin(ngInterface)
	w.u16(linkRaw)
	w.u16(0)
	w.u32(0) // packets of any length
	w.option(ngOptResol, string(rune(ngNanoseconds)))
	w.option(ngOptEnd, "")
	w.end()
}

// packet writes a packet. Without a time it has no room for a comment.
func (w *ngWriter) packet(at time.Time, s *tcpHeader, data []byte, comment string) {
	w.header()
	if at.IsZero() {
		w.begin(ngSimple)
		w.u32(0)
		n := len(w.buf)
		w.buf = s.append(w.buf, data)
		binary.LittleEndian.PutUint32(w.buf[n-4:], uint32(len(w.buf)-n))
		w.pad()
		w.end()
		return
	}
	ticks := nanoseconds(at)
	w.begin(ngEnhanced)
	w.u32(0) // the interface
	w.u32(uint32(ticks >> 32))
	w.u32(uint32(ticks))
	w.u32(0) // captured and original length
	w.u32(0)
	n := len(w.buf)
	w.buf = s.append(w.buf, data)
	size := uint32(len(w.buf) - n)
	binary.LittleEndian.PutUint32(w.buf[n-8:], size)
	binary.LittleEndian.PutUint32(w.buf[n-4:], size)
	w.pad()
	if comment != "" {
		w.option(ngOptComment, comment)
		w.option(ngOptEnd, "")
	}
	w.end()
}

// flush writes what is held back. A file without packets has its header.
func (w *ngWriter) flush() error {
	w.header()
	if err := w.out.Flush(); w.err == nil {
		w.err = err
	}
	return w.err
}

// nanoseconds returns the time since 1970, as far as there are numbers for it.
func nanoseconds(at time.Time) uint64 {
	switch sec := at.Unix(); {
	case sec < 0:
		return 0
	case sec >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return uint64(at.UnixNano())
}
