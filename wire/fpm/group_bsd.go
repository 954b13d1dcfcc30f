//go:build unix && !linux

package fpm

import "syscall"

// ownGroup makes a process the leader of a group of its own, which Ctrl-C on
// the terminal does not reach.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
