//go:build !unix

package server

import (
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

// signalGroup ends the process alone where there are no groups.
func signalGroup(p *os.Process, _ syscall.Signal) { p.Kill() }
