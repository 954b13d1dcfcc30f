package commands

import (
	"fmt"
	"os"
	"syscall"
)

// dependent makes a process the leader of a group of its own, which the
// system ends even if we are killed.
func dependent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// oPath is O_PATH: it opens the name of a file and not the file, which with a
// socket would fail. It is the same on all systems that Go knows.
const oPath = 0x200000

// nameless returns a name for the socket at path that lasts as long as the
// file, and does not need path any more: that can be removed at once, so that
// it is not left behind even if we are killed. It needs /proc; without it both
// are empty.
func nameless(path string) (string, *os.File) {
	f, err := os.OpenFile(path, oPath, 0)
	if err != nil {
		return "", nil
	}
	name := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if _, err := os.Stat(name); err != nil {
		f.Close()
		return "", nil
	}
	return name, f
}
