//go:build unix

package fpm

import (
	"os"
	"syscall"
)

// killGroup ends what is left of the group of p, which may have ended: its id is
// not used again as long as its group has a member.
func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }
