package fpm

import (
	"io"
	"strings"
	"sync"
)

// tailSize is how many bytes of a log are kept.
const tailSize = 4 << 10

// A tail passes a log on and keeps its end.
type tail struct {
	next io.Writer // nil: nobody
	mu   sync.Mutex
	kept []byte
}

// Write never fails: who logs must not stop because nobody reads.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(len(t.kept)-tailSize, 0):]
	if t.next != nil {
		_, _ = t.next.Write(p)
	}
	return len(p), nil
}

// last returns the lines of the log that say what is wrong, in one; if none
// does, the last one.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var bad []string
	line := ""
	for line = range strings.Lines(string(t.kept)) {
		line = strings.TrimSpace(line)
		if _, words, ok := strings.Cut(line, "ERROR: "); ok {
			bad = append(bad, words)
		}
	}
	if len(bad) == 0 {
		return line
	}
	return strings.Join(bad, "; ")
}
