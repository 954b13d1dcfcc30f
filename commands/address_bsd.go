//go:build unix && !linux

package commands

import "syscall"

// dependent makes a process the leader of a group of its own.
func dependent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
