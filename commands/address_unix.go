//go:build unix

package commands

import (
	"net"
	"os"
	"syscall"
)

// listenBlocking listens on a Unix socket in the way in which applications
// inherit it: libfcgi takes it for an error when accept does not wait.
func listenBlocking(path string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err == nil {
		var blockErr error
		err = raw.Control(func(fd uintptr) { blockErr = syscall.SetNonblock(int(fd), false) })
		if err == nil {
			err = blockErr
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// endGroup sends a signal to the process group of p, which it leads.
func endGroup(p *os.Process, sig syscall.Signal) { syscall.Kill(-p.Pid, sig) }
