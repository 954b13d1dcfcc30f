package transport

import (
	"io/fs"
	"syscall"
)

// chmodSocket does nothing: Windows knows no mode of a socket.
func chmodSocket(uintptr, fs.FileMode) error { return nil }

func listenAgain(fd uintptr, backlog int) error { return syscall.Listen(syscall.Handle(fd), backlog) }

// listens reports false: on Windows no descriptors are passed on.
func listens(uintptr) bool { return false }
