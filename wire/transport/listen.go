package transport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// ListenOptions are what a listener needs beside its address. The zero value
// is a good choice.
type ListenOptions struct {
	// Mode is the mode of a Unix socket's file; 0 leaves it to the umask.
	Mode fs.FileMode
	// Owner and Group of a Unix socket's file, names or numbers; "" is ours.
	Owner, Group string
	// Backlog is how many connections may wait to be accepted; 0 is as many as
	// the system allows.
	Backlog int
}

// answerTime is how long a socket that is there has to take a connection
// before it counts as somebody's.
const answerTime = time.Second

// ErrNotListening: the descriptor is no socket that listens.
var ErrNotListening = errors.New("the descriptor is no listening socket")

// ErrNotSocket: what has the path of the Unix socket is something else, and is
// not replaced.
var ErrNotSocket = errors.New("there is a file that is no socket")

// Inherited returns the listening sockets that this process was started with:
// on descriptor 0, as web servers and spawn-fcgi do, and from descriptor 3 on
// as many as LISTEN_FDS says, as systemd does. getenv is os.Getenv.
// See FastCGI 1.0, section 2.2, and sd_listen_fds(3).
func Inherited(getenv func(string) string) []Addr {
	const firstOfSystemd = 3
	var addrs []Addr
	if listens(0) {
		addrs = append(addrs, Addr{"fd", "0"})
	}
	if n, err := strconv.Atoi(getenv("LISTEN_FDS")); err == nil && getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		for fd := firstOfSystemd; fd < firstOfSystemd+n && listens(uintptr(fd)); fd++ {
			addrs = append(addrs, Addr{"fd", strconv.Itoa(fd)})
		}
	}
	return addrs
}

// Listen listens on a. A Unix socket that nobody listens on any more is
// replaced; one that is in use is an error. Close removes the socket's file, if
// it is still ours. A descriptor is taken over as it is.
func Listen(ctx context.Context, a Addr, o ListenOptions) (net.Listener, error) {
	l, err := listen(ctx, a, o)
	if err != nil {
		return nil, fmt.Errorf("transport: listen on %v: %w", a, err)
	}
	return l, nil
}

func listen(ctx context.Context, a Addr, o ListenOptions) (net.Listener, error) {
	switch {
	case a.Network == "fd":
		if n, err := strconv.Atoi(a.Address); err == nil && !listens(uintptr(n)) {
			return nil, ErrNotListening
		}
		return inherited(a, net.FileListener)
	case a.Network == "unix" && a.Address[0] != '@':
		return listenUnix(ctx, a, o)
	}
	return bind(ctx, a, o)
}

// bind makes the socket. The mode is set before it has a name, so that nobody
// gets in before Chmod who must not; systems other than Linux ignore that.
func bind(ctx context.Context, a Addr, o ListenOptions) (net.Listener, error) {
	config := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
		if network != "unix" || o.Mode == 0 {
			return nil
		}
		return c.Control(func(fd uintptr) { _ = chmodSocket(fd, o.Mode) })
	}}
	l, err := config.Listen(ctx, a.Network, a.Address)
	if err != nil || o.Backlog <= 0 {
		return l, err
	}
	if err := setBacklog(l.(syscall.Conn), o.Backlog); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// setBacklog listens once more, which changes nothing else.
func setBacklog(l syscall.Conn, n int) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	err = raw.Control(func(fd uintptr) { listenErr = listenAgain(fd, n) })
	return errors.Join(err, os.NewSyscallError("listen", listenErr))
}

func listenUnix(ctx context.Context, a Addr, o ListenOptions) (net.Listener, error) {
	l, err := bind(ctx, a, o)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(ctx, a); err != nil {
			return nil, err
		}
		l, err = bind(ctx, a, o)
	}
	if err != nil {
		return nil, err
	}
	u := &unixListener{UnixListener: l.(*net.UnixListener), path: a.Address}
	u.SetUnlinkOnClose(false)
	if u.info, err = os.Lstat(a.Address); err == nil {
		err = own(a.Address, o)
	}
	if err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// removeStale removes the socket's file if nobody listens on it.
func removeStale(ctx context.Context, a Addr) error {
	info, err := os.Lstat(a.Address)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return ErrNotSocket
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, err := dial(ctx, a)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("somebody else listens on it: %w", syscall.EADDRINUSE)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("it exists, and may be in use: %w", err)
	}
	return os.Remove(a.Address)
}

// own gives the file its owner and mode.
func own(path string, o ListenOptions) error {
	uid, gid := -1, -1
	var err error
	if o.Owner != "" {
		if uid, err = ownerID(o.Owner); err != nil {
			return err
		}
	}
	if o.Group != "" {
		if gid, err = groupID(o.Group); err != nil {
			return err
		}
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	if o.Mode == 0 {
		return nil
	}
	return os.Chmod(path, o.Mode.Perm())
}

func ownerID(name string) (int, error) {
	if n, err := strconv.Atoi(name); err == nil {
		return n, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("owner %q: no such user", name)
	}
	return strconv.Atoi(u.Uid)
}

func groupID(name string) (int, error) {
	if n, err := strconv.Atoi(name); err == nil {
		return n, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("group %q: no such group", name)
	}
	return strconv.Atoi(g.Gid)
}

// A unixListener removes its file when it is closed, but not the file of
// somebody who has taken its place.
type unixListener struct {
	*net.UnixListener
	path string
	info fs.FileInfo
}

// Close stops listening and removes the socket's file.
func (l *unixListener) Close() error {
	// First the file: nobody shall find a socket that does not answer.
	if now, err := os.Lstat(l.path); err == nil && l.info != nil && os.SameFile(now, l.info) {
		_ = os.Remove(l.path)
	}
	return l.UnixListener.Close()
}
