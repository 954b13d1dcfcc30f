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

	// A deadline that was set stays until it has come: it cannot be too late for
	// what is waited for after it was set, and one that is too early only makes
	// its reader or writer look at the clock. So a request need not set two.
	readArmed  bool // belongs to who leads
	writeArmed bool // belongs to who writes

	raw    syscall.RawConn // nil: not yet asked for, or there is none
	silent bool            // what peek found
	peek   func(fd uintptr)
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
		if l.idle > 0 && !l.writeArmed {
			// In between, to see whether something has gone.
			_ = l.SetWriteDeadline(now.Add(l.idle / 8))
			l.writeArmed = true
		}
		m, err := l.Conn.Write(p[n:])
		n += m
		now = time.Now()
		if m > 0 {
			l.last.Store(now.UnixNano())
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || l.quiet(start, now) {
			return n, err
		}
		l.writeArmed = false
	}
}

// armRead sets the deadline for who waits for bytes since start, or leaves an
// earlier one. Who reads says readLate when it has come.
func (l *link) armRead(start time.Time) {
	if l.readArmed {
		return
	}
	limit := l.after(time.Unix(0, max(start.UnixNano(), l.last.Load())), l.idle)
	if l.writing.Load() {
		limit = l.after(time.Now(), l.idle/8)
	}
	_ = l.SetReadDeadline(limit)
	l.readArmed = true
}

// readLate is to be called when a deadline of reading has come.
func (l *link) readLate() { l.readArmed = false }

// readSilent reports whether the idle limit has passed. While something is
// being written, Write watches over it: only it knows whether bytes go.
func (l *link) readSilent(start time.Time) bool {
	return !l.writing.Load() && l.quiet(start, time.Now())
}

// quiet reports whether no byte has moved for the idle limit.
func (l *link) quiet(start, now time.Time) bool {
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
// asked it anything. It is false where there is no telling. It is not to be
// called by two at once.
func (l *link) stirred() bool {
	if l.raw == nil {
		s, ok := l.Conn.(syscall.Conn)
		if !ok {
			return false
		}
		raw, err := s.SyscallConn()
		if err != nil {
			return true
		}
		l.raw = raw
		l.peek = func(fd uintptr) { l.silent = nothingToRead(fd) }
	}
	return l.raw.Control(l.peek) != nil || !l.silent
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
