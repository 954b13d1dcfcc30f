package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// control does an ioctl, without making the file block.
func control(t testing.TB, f *os.File, request uintptr, arg unsafe.Pointer) {
	t.Helper()
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var errno syscall.Errno
	if err := c.Control(func(fd uintptr) { _, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg)) }); err != nil || errno != 0 {
		t.Fatal(err, errno)
	}
}

// openPTY opens a pseudoterminal: the end of the screen and the keyboard, and
// that of the program.
func openPTY(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals: %v", err)
	}
	var number, unlocked int32
	control(t, master, syscall.TIOCGPTN, unsafe.Pointer(&number))
	control(t, master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// setSize changes the size of a terminal.
func setSize(t testing.TB, master *os.File, columns, rows int) {
	t.Helper()
	size := [4]uint16{uint16(rows), uint16(columns)}
	control(t, master, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// modes are those of a terminal: how it makes lines of keys, what it echoes.
func modes(t testing.TB, master *os.File) syscall.Termios {
	t.Helper()
	var m syscall.Termios
	control(t, master, syscall.TCGETS, unsafe.Pointer(&m))
	return m
}

// A terminalRun is the program on a terminal of its own, as somebody has
// started it who has just logged in: it leads a session, in the foreground.
type terminalRun struct {
	t             *testing.T
	dir           string // where it runs
	temp          string // where it may make temporary files
	master, slave *os.File
	before        syscall.Termios
	screen        *wiretest.Buffer // what was written to the terminal
	stdout        *wiretest.Buffer // nil where that is the terminal, too
	read          chan struct{}
	cmd           *exec.Cmd
	ended         chan error
}

// onTerminal runs the program with args in dir, on a terminal of 80 columns. It
// is killed at the end of the test. With redirect, standard output is a pipe.
func onTerminal(t *testing.T, dir string, redirect bool, args ...string) *terminalRun {
	t.Helper()
	return onTerminalOf(t, 80, dir, redirect, args...)
}

// onTerminalOf is onTerminal with so many columns.
func onTerminalOf(t *testing.T, columns int, dir string, redirect bool, args ...string) *terminalRun {
	t.Helper()
	r := &terminalRun{t: t, dir: dir, temp: wiretest.SocketDir(t), screen: &wiretest.Buffer{}, read: make(chan struct{}), ended: make(chan error, 1)}
	r.master, r.slave = openPTY(t)
	setSize(t, r.master, columns, 24)
	quiet := modes(t, r.master) // what is typed is not to be looked for in what is printed
	quiet.Lflag &^= syscall.ECHO
	control(t, r.master, syscall.TCSETS, unsafe.Pointer(&quiet))
	r.before = modes(t, r.master)
	r.cmd = exec.Command("fcgiscope", args...)
	r.cmd.Dir = dir
	r.cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+r.temp, "TERM=xterm", "NO_COLOR=1", "GORACE=atexit_sleep_ms=0")
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = r.slave, r.slave, r.slave
	if redirect {
		r.stdout = &wiretest.Buffer{}
		r.cmd.Stdout = r.stdout
	}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	r.cmd.WaitDelay = 10 * time.Second
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.read)
		_, _ = io.Copy(r.screen, struct{ io.Reader }{r.master}) // until it is gone
	}()
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(func() {
		for _, pid := range r.session() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		r.slave.Close()
		r.master.Close()
		<-r.read
	})
	return r
}

// session returns the processes of the session that are left.
func (r *terminalRun) session() []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		r.t.Fatal("no processes in /proc", err)
	}
	var pids []int
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(strings.Split(name, "/")[2])
		// PID (NAME) STATE PARENT GROUP SESSION …
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(fields) > 3 && fields[3] == strconv.Itoa(r.cmd.Process.Pid) && fields[0] != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// watches waits until the program watches signals: the thread for them has all
// others blocked.
func (r *terminalRun) watches() {
	r.t.Helper()
	wiretest.Eventually(r.t, "it watches signals", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", r.cmd.Process.Pid))
		for _, name := range threads {
			b, _ := os.ReadFile(name)
			_, blocked, _ := strings.Cut(string(b), "SigBlk:")
			mask, err := strconv.ParseUint(strings.TrimSpace(strings.SplitN(blocked, "\n", 2)[0]), 16, 64)
			if err == nil && mask>>(syscall.SIGUSR2-1)&1 != 0 && mask>>(syscall.SIGPIPE-1)&1 == 0 {
				return true
			}
		}
		return len(threads) == 0 // it has ended
	})
}

// typed types keys.
func (r *terminalRun) typed(keys string) {
	r.t.Helper()
	if _, err := r.master.WriteString(keys); err != nil {
		r.t.Fatal(err)
	}
}

// shows waits until text was printed.
func (r *terminalRun) shows(text string) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(r.printed(), text) {
		select {
		case err := <-r.ended:
			r.t.Fatalf("it ended (%v) without saying %q:\n%.3000s", err, text, r.printed())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("it does not say %q:\n%.3000s", text, r.printed())
		}
	}
}

// printed is what was printed so far, on standard output before all else.
func (r *terminalRun) printed() string {
	if r.stdout != nil {
		return r.stdout.String() + r.screen.String()
	}
	return r.screen.String()
}

// exit waits for the end, and returns the exit code: 128 + N for signal N.
func (r *terminalRun) exit() int {
	r.t.Helper()
	select {
	case err := <-r.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			r.t.Fatalf("%v\n%s", err, r.printed())
		}
	case <-time.After(30 * time.Second):
		r.t.Fatalf("it has not ended:\n%.9000s", r.printed())
	}
	if status := r.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return r.cmd.ProcessState.ExitCode()
}

// leaves returns what is wrong with what a run has left that has ended: its
// terminal (unless that is gone), processes, sockets and temporary files. wanted
// are the files in its directory that may be there.
func (r *terminalRun) leaves(wanted map[string]bool, gone bool) (wrong []string) {
	r.t.Helper()
	if !gone {
		if after := modes(r.t, r.master); after != r.before {
			wrong = append(wrong, fmt.Sprintf("the terminal's modes are %+v, and were %+v", after, r.before))
		}
	}
	r.slave.Close()
	select {
	case <-r.read: // nobody has the terminal any more
	case <-time.After(10 * time.Second):
		wrong = append(wrong, fmt.Sprintf("processes hold the terminal: %v", r.session()))
	}
	screen := r.screen.String()
	for _, mode := range []struct{ name, on, off string }{
		{"the cursor is hidden", "\x1b[?25l", "\x1b[?25h"},
		{"the alternate screen is shown", "\x1b[?1049h", "\x1b[?1049l"},
		{"pastes are marked", "\x1b[?2004h", "\x1b[?2004l"},
	} {
		if !gone && strings.LastIndex(screen, mode.on) > strings.LastIndex(screen, mode.off) {
			wrong = append(wrong, mode.name)
		}
	}
	deadline := time.Now().Add(10 * time.Second) // what the system kills with it takes a moment
	for len(r.session()) > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if pids := r.session(); len(pids) > 0 {
		wrong = append(wrong, fmt.Sprintf("processes %v are left", pids))
	}
	for _, dir := range []string{r.dir, r.temp} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range entries {
			if dir == r.temp || !wanted[e.Name()] {
				wrong = append(wrong, "it left "+filepath.Join(dir, e.Name()))
			}
		}
	}
	return wrong
}
