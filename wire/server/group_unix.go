//go:build unix

package server

import (
	"os"
	"syscall"
)

// ownGroup makes a process the leader of a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup sends a signal to the group of p. p has been waited for, perhaps:
// its id is not used again as long as its group has a member.
func signalGroup(p *os.Process, sig syscall.Signal) { syscall.Kill(-p.Pid, sig) }
