//go:build unix

package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// socketDir is a directory whose name leaves room for a socket's: t.TempDir
// puts the test's name into the path, which is limited to 107 bytes.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func mustListen(t *testing.T, a Addr, o ListenOptions) net.Listener {
	t.Helper()
	l, err := Listen(t.Context(), a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestDialAndListen(t *testing.T) {
	for _, a := range []Addr{
		{"unix", filepath.Join(socketDir(t), "s")},
		{"unix", fmt.Sprintf("@fcgiscope-test-%d", os.Getpid())},
		{"tcp", "127.0.0.1:0"},
		{"tcp", "[::1]:0"},
	} {
		l := mustListen(t, a, ListenOptions{Backlog: 5})
		if a.Network == "tcp" {
			a.Address = l.Addr().String()
		}
		client, err := Dial(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		client.Close()
		if b, err := io.ReadAll(server); err != nil || string(b) != "hello" {
			t.Errorf("%v: %q, %v", a, b, err)
		}
		server.Close()
	}
}

func TestDialErrors(t *testing.T) {
	dir := socketDir(t)
	file := filepath.Join(dir, "file")
	stale := filepath.Join(dir, "stale")
	datagram := filepath.Join(dir, "dgram")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	makeStale(t, stale)
	d, err := net.ListenPacket("unixgram", datagram)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unused.Close()
	for _, tt := range []struct {
		a    Addr
		want Reason
		text string
	}{
		{Addr{"unix", filepath.Join(dir, "none")}, NotFound, "no such socket"},
		{Addr{"unix", filepath.Join(dir, "none", "none")}, NotFound, "no such socket"},
		{Addr{"unix", filepath.Join(file, "x")}, NotFound, "no such socket"},
		{Addr{"unix", file}, NotSocket, "not a stream socket"},
		{Addr{"unix", dir}, NotSocket, "not a stream socket"},
		{Addr{"unix", datagram}, NotSocket, "not a stream socket"},
		{Addr{"unix", stale}, Refused, "nobody listens on the socket"},
		{Addr{"tcp", unused.Addr().String()}, Refused, "connection refused"},
		{Addr{"tcp", "name.invalid:9000"}, NoHost, "the name does not resolve"},
		{Addr{"fd", "9999"}, NotSocket, "not a connected socket"},
		{Addr{"fd", fmt.Sprint(duplicate(t, mustListen(t, Addr{"tcp", "127.0.0.1:0"}, ListenOptions{})))}, NotSocket, "not a connected socket"}, // but a listening one
	} {
		_, err := Dial(t.Context(), tt.a)
		var e *DialError
		if !errors.As(err, &e) || e.Reason != tt.want || e.Hint() == "" {
			t.Errorf("Dial(%v) = %v (%T); want %v", tt.a, err, err, tt.want)
			continue
		}
		if got, want := err.Error(), "transport: connect to "+tt.a.String()+": "+tt.text; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReasons(t *testing.T) {
	for errno, want := range map[error]Reason{
		syscall.EACCES: Permission, syscall.EPERM: Permission, syscall.EAGAIN: Backlog, syscall.ETIMEDOUT: Timeout,
		syscall.EHOSTUNREACH: Unreachable, syscall.EMFILE: Other, context.DeadlineExceeded: Timeout, context.Canceled: Other,
	} {
		wrapped := &net.OpError{Op: "dial", Err: errno}
		if got := reasonOf(wrapped); got != want {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
	for r := range reasons {
		if words := reasons[r]; Reason(r) != Other && (words.unix == "" || words.tcp == "" || words.hint == "") {
			t.Errorf("reason %d has no words", r)
		}
	}
}

func TestDialFullBacklog(t *testing.T) {
	a := Addr{"unix", filepath.Join(socketDir(t), "s")}
	mustListen(t, a, ListenOptions{Backlog: 1})
	for range 10 {
		c, err := Dial(t.Context(), a)
		var e *DialError
		if errors.As(err, &e) {
			if e.Reason != Backlog {
				t.Errorf("%v", err)
			}
			return
		}
		defer c.Close()
	}
	t.Error("the backlog was not kept")
}

func TestDialCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, Addr{"tcp", "127.0.0.1:9"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	_, err := Dial(ctx, Addr{"tcp", "127.0.0.1:9"})
	var e *DialError
	if !errors.As(err, &e) || e.Reason != Timeout || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// makeStale leaves a socket's file behind on which nobody listens.
func makeStale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestListenReplacesStaleSocketOnly(t *testing.T) {
	dir := socketDir(t)
	a := Addr{"unix", filepath.Join(dir, "s")}
	makeStale(t, a.Address)
	mustListen(t, a, ListenOptions{})
	if _, err := Listen(t.Context(), a, ListenOptions{}); err == nil {
		t.Error("took over a socket that is in use")
	}
	if _, err := Dial(t.Context(), a); err != nil {
		t.Errorf("the first listener lost its socket: %v", err)
	}
	file := Addr{"unix", filepath.Join(dir, "file")}
	if err := os.WriteFile(file.Address, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), file, ListenOptions{}); err == nil {
		t.Error("replaced a file")
	}
	if b, err := os.ReadFile(file.Address); string(b) != "precious" {
		t.Errorf("the file is gone: %v", err)
	}
}

// TestListenLeavesFullSocket: nobody could connect to it now, but somebody
// listens on it.
func TestListenLeavesFullSocket(t *testing.T) {
	a := Addr{"unix", filepath.Join(socketDir(t), "s")}
	l := mustListen(t, a, ListenOptions{Backlog: 1})
	for full := false; !full; {
		c, err := Dial(t.Context(), a)
		if full = err != nil; !full {
			defer c.Close()
		}
	}
	if other, err := Listen(t.Context(), a, ListenOptions{}); err == nil {
		other.Close()
		t.Error("took over a socket that is in use")
	}
	if c, err := l.Accept(); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	if c, err := Dial(t.Context(), a); err != nil {
		t.Errorf("the first listener lost its socket: %v", err)
	} else {
		c.Close()
	}
}

func TestListenerRemovesItsOwnFileOnly(t *testing.T) {
	a := Addr{"unix", filepath.Join(socketDir(t), "s")}
	l := mustListen(t, a, ListenOptions{})
	l.Close()
	if _, err := os.Lstat(a.Address); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
	_ = l.(*unixListener).SetDeadline(time.Now())
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it still listens: %v", err)
	}
	l = mustListen(t, a, ListenOptions{})
	if err := os.Remove(a.Address); err != nil {
		t.Fatal(err)
	}
	mustListen(t, a, ListenOptions{})
	l.Close()
	if _, err := Dial(t.Context(), a); err != nil {
		t.Errorf("closing one removed the other's socket: %v", err)
	}
}

func TestListenMode(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o666, 0o660} {
		a := Addr{"unix", filepath.Join(socketDir(t), "s")}
		mustListen(t, a, ListenOptions{Mode: mode})
		info, err := os.Stat(a.Address)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %v, %v; want %v", info.Mode(), err, mode)
		}
	}
	a := Addr{"unix", filepath.Join(socketDir(t), "s")}
	if _, err := Listen(t.Context(), a, ListenOptions{Owner: "no-such-user"}); err == nil {
		t.Error("listened for nobody")
	}
	if _, err := os.Lstat(a.Address); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

// TestListenOwner: root may give the socket to anybody, others may not, and
// then there is none.
func TestListenOwner(t *testing.T) {
	a := Addr{"unix", filepath.Join(socketDir(t), "s")}
	mustListen(t, a, ListenOptions{Owner: fmt.Sprint(os.Getuid()), Group: fmt.Sprint(os.Getgid())}).Close()
	l, err := Listen(t.Context(), a, ListenOptions{Owner: "54321", Group: "54322", Mode: 0o640})
	if os.Getuid() != 0 {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v", err)
		}
		if _, err := os.Lstat(a.Address); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket was left behind: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(a.Address)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 54321 || s.Gid != 54322 || info.Mode().Perm() != 0o640 {
		t.Errorf("owner %d, group %d, mode %v", s.Uid, s.Gid, info.Mode())
	}
}

// duplicate returns a descriptor of c that nobody owns.
func duplicate(t *testing.T, c any) int {
	t.Helper()
	f, err := c.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestDialDescriptor: a connection that a parent process has made.
func TestDialDescriptor(t *testing.T) {
	for _, a := range []Addr{{"unix", filepath.Join(socketDir(t), "s")}, {"tcp", "127.0.0.1:0"}} {
		l := mustListen(t, a, ListenOptions{})
		if a.Network == "tcp" {
			a.Address = l.Addr().String()
		}
		theirs, err := Dial(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		fd := duplicate(t, theirs)
		theirs.Close()
		client, err := Dial(t.Context(), Addr{"fd", fmt.Sprint(fd)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		client.Close()
		if b, err := io.ReadAll(server); err != nil || string(b) != "hello" {
			t.Errorf("%v: %q, %v", a, b, err)
		}
		server.Close()
	}
}

func TestInheritedDescriptor(t *testing.T) {
	a := Addr{"unix", filepath.Join(socketDir(t), "s")}
	l := mustListen(t, a, ListenOptions{})
	fd := duplicate(t, l)
	inheritedListener := mustListen(t, Addr{"fd", fmt.Sprint(fd)}, ListenOptions{})
	client, err := Dial(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := inheritedListener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	inheritedListener.Close()
	if _, err := os.Lstat(a.Address); err != nil {
		t.Errorf("a descriptor's socket was removed: %v", err)
	}
}
