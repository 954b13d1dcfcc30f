package wiretest

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"
)

// A Buffer keeps what is written to it, by one goroutine or several, and tells
// others when a text has come. The zero value is empty.
type Buffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	awaited []awaited
}

// An awaited text is to be in a buffer n times.
type awaited struct {
	text string
	n    int
	done chan struct{}
}

// Write never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p)
	b.tell()
	return len(p), nil
}

// tell tells those whose text is there.
func (b *Buffer) tell() {
	b.awaited = slices.DeleteFunc(b.awaited, func(a awaited) bool {
		there := bytes.Count(b.buf.Bytes(), []byte(a.text)) >= a.n
		if there {
			close(a.done)
		}
		return there
	})
}

// String returns all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Has returns a channel that is closed when text, which is not empty, is there n
// times.
func (b *Buffer) Has(text string, n int) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := awaited{text, n, make(chan struct{})}
	b.awaited = append(b.awaited, a)
	b.tell()
	return a.done
}

// Wait waits until text is there n times, and ends the test when it is not within
// 20 s.
func (b *Buffer) Wait(t testing.TB, text string, n int) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-b.Has(text, n):
	case <-late.C:
		t.Fatalf("%q is not there %d times within %v, but\n%s", text, n, patience, b)
	}
}
