package tap

import (
	"io"
	"net"
	"syscall"
)

// An input reads what comes into a buffer that it holds only while there is
// something in it: thousands of idle connections need no memory for theirs.
type input struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: conn has none
	buffers *lender
	buf     []byte // lent, nil if none is
	full    bool   // the last read filled its buffer: more is coming
}

func newInput(c net.Conn, b *lender) *input {
	in := &input{conn: c, buffers: b}
	if s, ok := c.(syscall.Conn); ok {
		in.raw, _ = s.SyscallConn()
	}
	return in
}

// read waits for bytes. They are valid until done, which has to be called if
// there are any. The error is io.EOF at the end.
func (in *input) read() ([]byte, error) {
	n, err := in.fill()
	if n == 0 {
		in.done()
		if err == nil {
			err = io.EOF
		}
		return nil, err
	}
	in.full = n == len(in.buf)
	return in.buf[:n], err
}

// done gives the buffer back.
func (in *input) done() {
	if in.buf != nil {
		in.buffers.put(in.buf)
		in.buf = nil
	}
}
