package commands

import (
	"errors"
	"os"
	"syscall"
)

// listenBlocking fails: no program for Windows takes a listening socket from
// its descriptor 0.
func listenBlocking(string) (*os.File, error) {
	return nil, usageError{errors.New("exec: is not for Windows: start the application by itself, and give its address")}
}

func endGroup(p *os.Process, _ syscall.Signal) { p.Kill() }

func dependent() *syscall.SysProcAttr { return nil }
