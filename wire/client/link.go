package client

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An Observer is told every byte of a connection in both directions: what was
// read, and what is about to be written (so that no answer is seen before its
// request; bytes that then cannot be written were told all the same). It is
// called by one goroutine at a time, and p is valid during the call only. It is
// flow.Conn.Feed but for the sink.
type Observer func(dir wire.Direction, at time.Time, p []byte)

// A link is a connection that is observed and knows when it was last alive.
type link struct {
	net.Conn
	idle     time.Duration // 0 or less: no limit
	observe  Observer
	mu       sync.Mutex   // for observe
	last     atomic.Int64 // Unix time in ns of the last byte in either direction
	received atomic.Int64 // bytes
	writing  atomic.Bool  // Write is at work
	strict   bool         // the first byte must be that of FastCGI
}

func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if n > 0 {
		now := time.Now()
		l.last.Store(now.UnixNano())
		first := l.received.Add(int64(n)) == int64(n)
		l.tell(wire.ToServer, now, p[:n])
		if l.strict && first && p[0] != wire.Version1 {
			// The "record" that this begins with may never be complete.
			return n, errForeign
		}
	}
	return n, err
}

// Write writes all of p. It fails when no byte has moved, in either direction,
// for the idle limit.
func (l *link) Write(p []byte) (n int, err error) {
	start := time.Now()
	l.tell(wire.ToApp, start, p)
	l.writing.Store(true)
	defer l.writing.Store(false)
	for now := start; ; {
		// In between, to see whether something has gone.
		_ = l.SetWriteDeadline(l.after(now, l.idle/8))
		m, err := l.Conn.Write(p[n:])
		n += m
		now = time.Now()
		if m > 0 {
			l.last.Store(now.UnixNano())
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || l.silent(start, now) {
			return n, err
		}
	}
}

// armRead sets the deadline for who waits for bytes since start.
func (l *link) armRead(start time.Time) {
	limit := l.after(time.Unix(0, max(start.UnixNano(), l.last.Load())), l.idle)
	if l.writing.Load() {
		limit = l.after(time.Now(), l.idle/8)
	}
	_ = l.SetReadDeadline(limit)
}

// readSilent reports whether the idle limit has passed. While something is
// being written, Write watches over it: only it knows whether bytes go.
func (l *link) readSilent(start time.Time) bool {
	return !l.writing.Load() && l.silent(start, time.Now())
}

// silent reports whether no byte has moved for the idle limit.
func (l *link) silent(start, now time.Time) bool {
	last := max(l.last.Load(), start.UnixNano())
	return l.idle > 0 && now.UnixNano()-last >= int64(l.idle)
}

// after is a deadline, none where there is no idle limit.
func (l *link) after(t time.Time, d time.Duration) time.Time {
	if l.idle <= 0 {
		return time.Time{}
	}
	return t.Add(d)
}

func (l *link) tell(dir wire.Direction, at time.Time, p []byte) {
	if l.observe == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.observe(dir, at, p)
}

// stirred reports whether the app has sent something, or closed, while nobody
// asked it anything. It is false where there is no telling.
func (l *link) stirred() bool {
	s, ok := l.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	silent := false
	err = raw.Control(func(fd uintptr) { silent = nothingToRead(fd) })
	return err != nil || !silent
}

// Raw is a connection for those who send and read records by themselves. What
// is written has to be flushed. It has no time limits but those of net.Conn.
type Raw struct {
	net.Conn
	*wire.Reader
	*wire.Writer
}

// NewRaw returns a Raw over c. observe may be nil.
func NewRaw(c net.Conn, observe Observer) *Raw {
	l := &link{Conn: c, observe: observe}
	return &Raw{Conn: l, Reader: wire.NewReader(l), Writer: wire.NewWriter(l)}
}
