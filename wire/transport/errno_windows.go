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
	if posix, ok := winsock[errno]; ok {
		return posix
	}
	return errno
}

// winsock has the errors of sockets, which have numbers of their own here.
var winsock = map[syscall.Errno]syscall.Errno{
	10013: syscall.EACCES,
	10038: syscall.ENOTSOCK,
	10048: syscall.EADDRINUSE,
	10049: syscall.EADDRNOTAVAIL,
	10051: syscall.ENETUNREACH,
	10053: syscall.ECONNABORTED,
	10054: syscall.ECONNRESET,
	10057: syscall.ENOTCONN,
	10060: syscall.ETIMEDOUT,
	10061: syscall.ECONNREFUSED,
	10065: syscall.EHOSTUNREACH,
}
