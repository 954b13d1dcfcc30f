package fpm

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// How much of a log is kept: lines, and bytes of each.
const (
	tailLines = 32
	tailBytes = 1 << 10
)

// A tail passes a log on and keeps its end.
type tail struct {
	next  io.Writer // nil: nobody
	mu    sync.Mutex
	line  []byte // that has no end yet
	lines []tailLine
}

type tailLine struct {
	at   time.Time // when it came
	text string
}

// Write never fails: who logs must not stop because nobody reads.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(p) {
		t.line = append(t.line, line[:min(len(line), tailBytes-len(t.line))]...)
		if line[len(line)-1] == '\n' {
			t.keep()
		}
	}
	if t.next != nil {
		_, _ = t.next.Write(p)
	}
	return len(p), nil
}

// keep keeps the line. With mu.
func (t *tail) keep() {
	if text := strings.TrimSpace(string(t.line)); text != "" {
		t.lines = append(t.lines, tailLine{time.Now(), text})
		t.lines = t.lines[max(len(t.lines)-tailLines, 0):]
	}
	t.line = t.line[:0]
}

// logLine is a line that php-fpm writes: its time, its level and its words.
// Others are of scripts, or of the system that could not run it.
var logLine = regexp.MustCompile(`^\[[^]]*\] (DEBUG|NOTICE|WARNING|ERROR|ALERT): (.*)$`)

// end returns what the lines since then say of why php-fpm has ended, in one; ""
// if none does. A process that has ended by itself may have said it in a line
// that is not php-fpm's.
func (t *tail) end(since time.Time, byItself bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep()
	var bad []string
	last := ""
	for _, line := range t.lines {
		if line.at.Before(since) {
			continue
		}
		last = line.text
		if m := logLine.FindStringSubmatch(line.text); m != nil {
			last = ""
			if m[1] == "ERROR" || m[1] == "ALERT" {
				bad = append(bad, m[2])
			}
		}
	}
	if len(bad) == 0 && byItself {
		return last
	}
	return strings.Join(bad, "; ")
}
