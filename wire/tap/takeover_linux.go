package tap

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A Takeover has put a listener into the place of a Unix socket that an
// application listens on, so that its web server talks to a Proxy. The
// application's socket has another name meanwhile; at no moment has the path
// none.
//
// There are two files in the application's directory, at any time: the one at
// the path, and the one beside it (asideName). Taking over and giving back
// exchange the two, which is one step for the system. Whoever is killed before
// or after it leaves the two behind, and Repair tells them apart.
//
// Its methods may be called by several goroutines.
type Takeover struct {
	path  string
	step  func(string) // tests: called before each change
	mu    sync.Mutex
	ours  net.Listener
	mine  os.FileInfo // of our socket's file
	aside string      // where the application's socket is
	given bool        // the path is the application's again
}

// answerTime is how long a socket that is there has to take a connection.
const answerTime = time.Second

// TakeOver takes the place of the application's socket at path, with its mode
// and owner. What an earlier takeover has left there is repaired first; the
// first result says what that was, "" if nothing. The error is a
// *TakeoverError.
func TakeOver(ctx context.Context, path string) (repaired string, t *Takeover, err error) {
	return takeOver(ctx, path, func(string) {})
}

func takeOver(ctx context.Context, path string, step func(string)) (string, *Takeover, error) {
	repaired, err := repair(ctx, path, step)
	if err != nil {
		return repaired, nil, err
	}
	t := &Takeover{path: path, step: step}
	t.mu.Lock()
	defer t.mu.Unlock()
	return repaired, t, t.take(ctx)
}

// take exchanges the application's socket for ours.
func (t *Takeover) take(ctx context.Context) error {
	info, err := os.Lstat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.failed("there is no socket", nil)
	case err != nil:
		return t.failed("look at it", plainPathError(err))
	case info.Mode()&fs.ModeSocket == 0:
		return t.failed("it is no socket", nil)
	}
	if err := alive(ctx, t.path); err != nil {
		return t.failed("nobody answers there", err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	t.aside = asideName(t.path, stat.Ino)
	if len(t.aside) > maxSocketPath {
		return t.failed("its name is too long to put another one beside it", nil)
	}
	t.step("listen")
	l, err := transport.Listen(ctx, transport.Addr{Network: "unix", Address: t.aside}, transport.ListenOptions{
		Mode:  info.Mode().Perm(),
		Owner: strconv.FormatUint(uint64(stat.Uid), 10), Group: strconv.FormatUint(uint64(stat.Gid), 10),
	})
	if err != nil {
		return t.failed("listen beside it", plainNetError(err))
	}
	t.step("exchange")
	if t.mine, err = os.Lstat(t.aside); err == nil {
		err = exchange(t.path, t.aside)
	}
	if err != nil {
		l.Close()
		return t.failed("put ours into its place", plainPathError(err))
	}
	t.step("taken")
	t.ours, t.given = l, false
	return nil
}

// maxSocketPath is how long the path of a socket may be. See unix(7).
const maxSocketPath = 107

// Listener returns what takes the connections now. Lost says when another one
// is needed.
func (t *Takeover) Listener() net.Listener {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ours
}

// Dial connects to the application.
func (t *Takeover) Dial(ctx context.Context) (net.Conn, error) {
	t.mu.Lock()
	path := t.aside
	if t.given {
		path = t.path
	}
	t.mu.Unlock()
	return transport.Dial(ctx, transport.Addr{Network: "unix", Address: path})
}

// Lost reports whether the path does not lead to us any more: an application
// that was started anew has bound it again.
func (t *Takeover) Lost() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.given && !t.holds()
}

func (t *Takeover) holds() bool {
	info, err := os.Lstat(t.path)
	return err == nil && os.SameFile(info, t.mine)
}

// Again takes over anew after Lost. Connections that are open go on.
func (t *Takeover) Again(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.given {
		t.ours.Close()
		t.given = true
		t.step("forget")
		os.Remove(t.aside) // the socket of an application that has gone
	}
	return t.take(ctx)
}

// Alive reports whether the application still listens.
func (t *Takeover) Alive(ctx context.Context) bool {
	t.mu.Lock()
	path, given := t.aside, t.given
	t.mu.Unlock()
	return given || alive(ctx, path) == nil
}

// drainTime is how long connections are accepted that were made before the path
// was given back.
const drainTime = 50 * time.Millisecond

// GiveBack gives the application its path again. Our listener takes what waits
// to be accepted and ends then, and with it Proxy.Serve. It can be called twice.
func (t *Takeover) GiveBack() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given {
		return nil
	}
	t.given = true
	if d, ok := t.ours.(interface{ SetDeadline(time.Time) error }); ok {
		defer func() { d.SetDeadline(time.Now().Add(drainTime)) }()
	}
	if !t.holds() { // somebody else has bound it: what is beside is of no use
		t.step("remove")
		os.Remove(t.aside)
		return nil
	}
	t.step("exchange back")
	if err := exchange(t.path, t.aside); err != nil {
		return t.failed("give it back", plainPathError(err))
	}
	t.step("remove ours")
	if err := os.Remove(t.aside); err != nil {
		return t.failed("remove ours", plainPathError(err))
	}
	t.step("given")
	return nil
}

func (t *Takeover) failed(why string, err error) error {
	return &TakeoverError{Path: t.path, Why: why, Err: err}
}

// Repair puts right what a takeover of path has left that was killed. It says
// what it did, "" if there was nothing to do. The error is a *TakeoverError.
func Repair(ctx context.Context, path string) (string, error) {
	return repair(ctx, path, func(string) {})
}

func repair(ctx context.Context, path string, step func(string)) (string, error) {
	found, err := leftovers(path)
	if err != nil {
		return "", &TakeoverError{Path: path, Why: "look beside it", Err: err}
	}
	done := ""
	for aside, inode := range found {
		what, err := repairOne(ctx, path, aside, inode, step)
		if err != nil {
			return done, err
		}
		done = what
	}
	return done, nil
}

// repairOne decides about one file beside the path. Who answers is alive; of
// two that do not, the one with the inode number is the application's.
func repairOne(ctx context.Context, path, aside string, inode uint64, step func(string)) (string, error) {
	failed := func(why string, err error) (string, error) {
		return "", &TakeoverError{Path: path, Why: why, Err: plainPathError(err)}
	}
	atPath, atAside := alive(ctx, path) == nil, alive(ctx, aside) == nil
	if atPath && atAside {
		return failed("another tap has it (if none runs, remove "+aside+")", nil)
	}
	info, err := os.Lstat(aside)
	if err != nil {
		return failed("look at "+aside, err)
	}
	if _, err := os.Lstat(path); err == nil && (atPath || !atAside && info.Sys().(*syscall.Stat_t).Ino != inode) {
		step("repair: remove")
		if err := os.Remove(aside); err != nil {
			return failed("remove "+aside, err)
		}
		return "removed " + aside, nil
	}
	step("repair: rename")
	if err := os.Rename(aside, path); err != nil {
		return failed("put "+aside+" back", err)
	}
	return "put " + aside + " back", nil
}

// alive returns nil if somebody listens at path.
func alive(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		// A backlog that is full is one of somebody who listens.
		if errors.Is(err, syscall.EAGAIN) {
			return nil
		}
		return plainNetError(err)
	}
	c.Close()
	return nil
}

func plainNetError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return plainPathError(op.Err)
	}
	return err
}

// renameat2 is the number of the system call, which package syscall does not
// have: 0 where we do not know it.
func renameat2() uintptr {
	switch runtime.GOARCH {
	case "amd64":
		return 316
	case "arm64", "riscv64", "loong64":
		return 276
	case "386":
		return 353
	case "arm":
		return 382
	case "ppc64", "ppc64le":
		return 357
	case "s390x":
		return 347
	}
	return 0
}

// exchange makes each of two names that of the other's file. See renameat2(2).
func exchange(a, b string) error {
	const renameExchange = 2
	at := -100 // AT_FDCWD
	call := renameat2()
	if call == 0 {
		return syscall.ENOSYS
	}
	pa, err := syscall.BytePtrFromString(a)
	if err != nil {
		return err
	}
	pb, err := syscall.BytePtrFromString(b)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(call, uintptr(at), uintptr(unsafe.Pointer(pa)), uintptr(at), uintptr(unsafe.Pointer(pb)), renameExchange, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
