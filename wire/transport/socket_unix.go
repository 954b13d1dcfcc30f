//go:build unix

package transport

import (
	"io/fs"
	"syscall"
)

func chmodSocket(fd uintptr, mode fs.FileMode) error {
	return syscall.Fchmod(int(fd), uint32(mode.Perm()))
}

func listenAgain(fd uintptr, backlog int) error { return syscall.Listen(int(fd), backlog) }

// listens reports whether fd is a stream socket that listens.
func listens(fd uintptr) bool {
	n, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	return err == nil && n != 0
}
