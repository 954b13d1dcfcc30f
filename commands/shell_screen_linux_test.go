package commands

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// A vtScreen is what a terminal shows that understands what the line editor
// writes: printable characters, line ends, movements, and erasing.
type vtScreen struct {
	mu      sync.Mutex
	columns int
	lines   [][]rune // with all that has scrolled out of sight
	x, y    int
	escape  []byte
	held    []byte
	changed chan struct{}
	wrong   string // the first thing that it does not understand
}

func newScreenOf(columns int) *vtScreen {
	return &vtScreen{columns: columns, lines: [][]rune{nil}, changed: make(chan struct{})}
}

func (v *vtScreen) read(f *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		v.mu.Lock()
		v.held = append(v.held, buf[:n]...)
		v.show()
		close(v.changed)
		v.changed = make(chan struct{})
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// wait waits until the lines are as they should be.
func (v *vtScreen) wait(ok func([]string) bool, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		v.mu.Lock()
		lines, changed := strings.Split(v.text(), "\n"), v.changed
		v.mu.Unlock()
		if ok(lines) {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		}
	}
}

func (v *vtScreen) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wrong + v.text() + "\n"
}

// text is the lines down to the cursor, without blanks at their ends.
func (v *vtScreen) text() string {
	var lines []string
	for _, line := range v.lines[:v.y+1] {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return strings.Join(lines, "\n")
}

func (v *vtScreen) show() {
	for len(v.held) > 0 {
		r := []rune(string(v.held[:1]))[0]
		size := 1
		if v.held[0] >= 0x80 {
			if !validStart(v.held) {
				return
			}
			rest := []rune(string(v.held))
			r = rest[0]
			size = len(string(r))
		}
		v.held = v.held[size:]
		switch {
		case len(v.escape) > 0:
			v.escape = append(v.escape, byte(r))
			if len(v.escape) > 2 && (r >= '@' && r <= '~') {
				v.obey(string(v.escape[1:]))
				v.escape = nil
			}
		case r == 0x1b:
			v.escape = []byte{0x1b}
		case r == '\r':
			v.x = 0
		case r == '\n':
			v.down()
		case r < ' ':
			v.wrong += fmt.Sprintf("control character %#x\n", r)
		default:
			if v.x == v.columns {
				v.x = 0
				v.down()
			}
			line := v.lines[v.y]
			for len(line) <= v.x {
				line = append(line, ' ')
			}
			line[v.x] = r
			v.lines[v.y] = line
			v.x++
		}
	}
}

// validStart reports whether b begins with a whole character.
func validStart(b []byte) bool { return len(b) >= len("…") || string(b) == string([]rune(string(b))) }

func (v *vtScreen) down() {
	if v.y++; v.y == len(v.lines) {
		v.lines = append(v.lines, nil)
	}
}

// obey does what an escape sequence says.
func (v *vtScreen) obey(s string) {
	n := 1
	_, _ = fmt.Sscanf(s, "[%d", &n)
	switch s[len(s)-1] {
	case 'A':
		v.y = max(0, v.y-n)
	case 'B':
		v.y = min(len(v.lines)-1, v.y+n)
	case 'C':
		v.x = min(v.columns-1, v.x+n)
	case 'D':
		v.x = max(0, min(v.x, v.columns-1)-n)
	case 'K':
		v.lines[v.y] = v.lines[v.y][:min(v.x, len(v.lines[v.y]))]
	case 'h', 'l':
		if !strings.HasPrefix(s, "[?2004") {
			v.wrong += "escape " + s + "\n"
		}
	default:
		v.wrong += "escape " + s + "\n"
	}
}
