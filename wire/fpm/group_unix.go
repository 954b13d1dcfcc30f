//go:build unix

package fpm

import (
	"os"
	"syscall"
)

// ownGroup makes a process the leader of a group of its own, which Ctrl-C on
// the terminal does not reach.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends what is left of the group of p, which may have ended: its id is
// not used again as long as its group has a member.
func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }
