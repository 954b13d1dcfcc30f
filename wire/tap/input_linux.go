package tap

import "syscall"

// refusesBytes asks by sending nothing: the system looks at the other end first.
func refusesBytes(fd int) bool {
	return syscall.Sendto(fd, nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, nil) == syscall.EPIPE
}
