//go:build unix

package tap

import (
	"net"
	"os"
	"syscall"
)

// fill reads once. It takes its buffer when there is something to read.
func (in *input) fill() (n int, err error) {
	if in.raw == nil {
		in.buf = in.buffers.get(in.full)
		return in.conn.Read(in.buf)
	}
	var readErr error
	err = in.raw.Read(func(fd uintptr) bool {
		in.buf = in.buffers.get(in.full)
		for {
			n, readErr = syscall.Read(int(fd), in.buf)
			if readErr != syscall.EINTR {
				break
			}
		}
		if readErr == syscall.EAGAIN {
			in.done()
			return false
		}
		return true
	})
	if err == nil && readErr != nil {
		err = os.NewSyscallError("read", readErr)
	}
	return max(n, 0), err
}

// closedWholly reports whether the other end of c, which has ended its
// direction, takes nothing any more. A Unix socket knows; of TCP nobody can
// know before something is sent.
func closedWholly(c net.Conn) bool {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Control(func(fd uintptr) { closed = refusesBytes(int(fd)) })
	return err != nil || closed
}
