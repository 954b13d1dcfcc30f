package commands

import (
	"bytes"
	"cmp"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// escaper passes a body on to a terminal as text: printable characters, tabs
// and line ends as they are, everything else escaped. Flush writes what is held
// back because it may be half of a character or of a line end.
type escaper struct {
	w    io.Writer
	held []byte
}

func (e *escaper) Write(p []byte) (int, error) {
	b := append(e.held, p...)
	n := len(b) - heldBack(b)
	e.held = append([]byte(nil), b[n:]...)
	if _, err := e.w.Write(appendText(nil, b[:n])); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is held back.
func (e *escaper) Flush() error {
	b := e.held
	e.held = nil
	if len(b) == 0 {
		return nil
	}
	_, err := e.w.Write(appendText(nil, b))
	return err
}

// heldBack returns how many bytes at the end of b cannot be judged without
// what comes next: the beginning of a character, or a carriage return.
func heldBack(b []byte) int {
	if bytes.HasSuffix(b, []byte("\r")) {
		return 1
	}
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n:]; utf8.RuneStart(c[0]) {
			if utf8.FullRune(c) {
				return 0
			}
			return n
		}
	}
	return 0
}

// appendText appends b to dst as text for a terminal.
func appendText(dst, b []byte) []byte {
	for len(b) > 0 {
		i := bytes.IndexAny(b, "\n\t")
		if i < 0 {
			return append(dst, pretty.Clean(string(b))...)
		}
		end := i + 1
		if b[i] == '\n' && i > 0 && b[i-1] == '\r' {
			i--
		}
		dst = append(dst, pretty.Clean(string(b[:i]))...)
		dst = append(dst, b[i:end]...)
		b = b[end:]
	}
	return dst
}

// maxMessage is the most bytes of a line of STDERR that are shown as one.
const maxMessage = 8 << 10

// messages shows lines that an application wrote, each marked as such.
type messages struct {
	env  *Env
	from string // what they are marked with; "" is the stream STDERR
	line []byte
}

func (m *messages) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			i = len(p)
		}
		take := min(i, maxMessage-len(m.line))
		m.line = append(m.line, p[:take]...)
		if take < len(p) { // the line ends here, or is too long
			m.flush()
			if p[take] == '\n' {
				take++
			}
		}
		p = p[take:]
	}
	return n, nil
}

// flush shows the line so far.
func (m *messages) flush() {
	if line := bytes.TrimRight(m.line, "\r"); len(line) > 0 {
		complain(m.env, cmp.Or(m.from, "stderr")+": "+string(line))
	}
	m.line = m.line[:0]
}

// A lockedWriter is one that several goroutines write to, a message each.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
