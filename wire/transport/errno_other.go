//go:build !windows

package transport

import (
	"errors"
	"syscall"
)

// Errno returns the number of the system's error in err, 0 if there is none. On
// Windows it is the one that other systems have for it.
func Errno(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}
