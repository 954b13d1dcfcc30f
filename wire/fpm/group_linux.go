package fpm

import "syscall"

// ownGroup makes a process the leader of a group of its own, which Ctrl-C on the
// terminal does not reach, and which the system ends when the thread that has
// started it does: php-fpm's master ends its workers on SIGTERM.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
