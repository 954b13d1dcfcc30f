package commands

import (
	"io"
	"sync"
	"time"
)

// A lateWriter gathers what is written, for a short while, so that a line each
// for many requests is not a write each. It has to be closed.
type lateWriter struct {
	w     io.Writer
	mu    sync.Mutex
	buf   []byte
	timer *time.Timer // that writes buf; nil: none is pending
	err   error       // the first
}

const (
	lateSize = 32 << 10              // bytes that are gathered
	lateTime = 50 * time.Millisecond // for so long
)

// Write takes p. The error is one of a write before.
func (l *lateWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	if len(l.buf) >= lateSize {
		l.flush()
	} else if l.timer == nil && l.err == nil {
		l.timer = time.AfterFunc(lateTime, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.flush()
		})
	}
	return len(p), l.err
}

// flush writes what was gathered. It is called with mu.
func (l *lateWriter) flush() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if l.err == nil && len(l.buf) > 0 {
		_, l.err = l.w.Write(l.buf)
	}
	l.buf = l.buf[:0]
}

// Close writes what is left, and returns the first error.
func (l *lateWriter) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return l.err
}
