package commands

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/term"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A shellOnPTY is a shell on a pseudoterminal, with its screen and the
// application that it talks to.
type shellOnPTY struct {
	t      *testing.T
	master *os.File
	screen *vtScreen
	home   string
	code   chan int
	peers  chan net.Conn // the other ends of its connections
	cancel func()        // is a signal
}

// startShell runs fcgiscope shell on a terminal of that size.
func startShell(t *testing.T, columns, rows int, args ...string) *shellOnPTY {
	t.Helper()
	master, slave := openPTY(t)
	s := &shellOnPTY{t: t, master: master, screen: newScreenOf(columns), home: t.TempDir(), code: make(chan int, 1), peers: make(chan net.Conn, 10)}
	s.resize(columns, rows)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		s.screen.read(master)
	}()
	env, _, _ := testEnv("")
	fd := int(slave.Fd())
	size := func() (int, int) {
		w, h, _ := term.GetSize(fd)
		return w, h
	}
	env.Stdin, env.Stdout, env.Stderr, env.Root = slave, slave, slave, fstest.MapFS{}
	env.Getenv = func(name string) string {
		return map[string]string{"HOME": s.home, "TERM": "xterm", "NO_COLOR": "1"}[name]
	}
	env.Terminal = Terminal{
		Stdin: true, Stdout: true, Stderr: true,
		Width:  func() int { w, _ := size(); return w },
		Height: func() int { _, h := size(); return h },
		Raw: func() (func(), error) {
			before, err := term.MakeRaw(fd)
			return func() { _ = term.Restore(fd, before) }, err
		},
	}
	listener, err := net.Listen("unix", filepath.Join(s.home, "app"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	env.Dial = func(ctx context.Context, _ transport.Addr) (net.Conn, error) {
		near, err := transport.Dial(ctx, transport.Addr{Network: "unix", Address: listener.Addr().String()})
		if err == nil {
			far, err := listener.Accept()
			if err != nil {
				return nil, err
			}
			s.peers <- far
		}
		return near, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.code <- Main(ctx, append([]string{"fcgiscope", "shell", "--stable"}, args...), env)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		slave.Close()
		master.Close()
		<-shown
	})
	return s
}

// resize changes the size of the terminal, which does not wrap its lines anew.
func (s *shellOnPTY) resize(columns, rows int) {
	s.t.Helper()
	s.screen.mu.Lock()
	s.screen.columns = columns
	s.screen.mu.Unlock()
	setSize(s.t, s.master, columns, rows)
}

// cooked reports whether the terminal makes lines of what is typed.
func (s *shellOnPTY) cooked() bool {
	s.t.Helper()
	return modes(s.t, s.master).Lflag&syscall.ICANON != 0
}

// typed types text, and waits until the last line of the screen is want.
func (s *shellOnPTY) typed(text, want string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
	s.waitFor("the last line "+want, func(lines []string) bool { return lines[len(lines)-1] == want })
}

// waitFor waits until the screen is as it should be.
func (s *shellOnPTY) waitFor(what string, ok func(lines []string) bool) {
	s.t.Helper()
	if !s.screen.wait(ok, 20*time.Second) {
		s.t.Fatalf("the screen has not: %s\n%s", what, s.screen)
	}
}

// has waits until a line of the screen is want.
func (s *shellOnPTY) has(want string) {
	s.t.Helper()
	s.waitFor(want, func(lines []string) bool {
		for _, line := range lines {
			if line == want {
				return true
			}
		}
		return false
	})
}

// peer is the other end of the next connection.
func (s *shellOnPTY) peer() (net.Conn, *wire.Reader) {
	s.t.Helper()
	select {
	case c := <-s.peers:
		s.t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		return c, wire.NewReader(c)
	case <-time.After(20 * time.Second):
		s.t.Fatal("no connection")
		return nil, nil
	}
}

// ends ends the shell with Ctrl-D and wants its exit code.
func (s *shellOnPTY) ends(want int) {
	s.t.Helper()
	if _, err := s.master.WriteString("\x04"); err != nil {
		s.t.Fatal(err)
	}
	s.exits(want)
}

// exits waits for the end of the shell, and wants its exit code.
func (s *shellOnPTY) exits(want int) {
	s.t.Helper()
	select {
	case code := <-s.code:
		if code != want {
			s.t.Errorf("exit code %d, want %d", code, want)
		}
	case <-time.After(20 * time.Second):
		s.t.Fatalf("the shell has not ended\n%s", s.screen)
	}
}

// golden waits until the screen is what a file holds.
func (s *shellOnPTY) golden(name string) {
	s.t.Helper()
	s.typed("", "") // all was shown when the cursor stands on an empty line
	file := filepath.Join("testdata", "shell", name)
	if os.Getenv("SCREEN_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(s.screen.String()), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if !s.screen.wait(func(lines []string) bool { return strings.Join(lines, "\n")+"\n" == string(want) }, 20*time.Second) || s.screen.String() != string(want) {
		s.t.Errorf("the screen is another one (-want +got; SCREEN_UPDATE=1 writes it):\n%s", cmp.Diff(string(want), s.screen.String()))
	}
}
