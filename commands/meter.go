package commands

import (
	"cmp"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	progressAfter = time.Second // what takes less has no bar
	progressEvery = 100 * time.Millisecond
	progressTick  = time.Second // when nothing moves, the time that passes is shown
)

// A meter shows on a terminal how far long work is, after a while, until it is
// done: what was done, of how much, how fast. It takes itself away for what is
// written through it. A nil one shows nothing. Its methods may be called
// concurrently; end has to be called, and may be called again.
type meter struct {
	mu  sync.Mutex
	out *late
	bar *progressbar.ProgressBar // nil where the end is not known
	// What is shown there instead.
	what  string // "": nothing
	item  string
	count int64
	began time.Time
	drawn time.Time
	shown int // columns

	once sync.Once
	stop chan struct{}
	done chan struct{}
}

// newMeter returns a meter on the stderr of env, which is to be a terminal.
func newMeter(env *Env) *meter {
	m := &meter{
		out:  &late{w: env.Stderr, now: env.Now, at: env.Now().Add(progressAfter), width: env.Terminal.Width},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go func() {
		defer close(m.done)
		tick := time.NewTicker(progressTick)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.add(0)
			case <-m.stop:
				return
			}
		}
	}()
	return m
}

// begin begins what is called what; it is over after total, in bytes or in what
// item, in the singular, names. Of a total that is less than 1, which is not
// known, it is only counted.
func (m *meter) begin(what string, total int64, item string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hide()
	m.what, m.item, m.count, m.began = what, cmp.Or(item, "byte"), 0, m.out.now()
	if m.bar = nil; total < 1 {
		return
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(m.out),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(progressEvery),
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
	}
	if item == "" {
		options = append(options, progressbar.OptionShowBytes(true))
	} else {
		options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(item+"s"))
	}
	m.bar = progressbar.NewOptions64(total, options...)
}

// add counts n more.
func (m *meter) add(n int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count += n
	switch { // what stderr says to it changes no result
	case m.bar != nil && n > 0:
		_ = m.bar.Add64(n)
	case m.bar != nil && !m.bar.IsFinished():
		_ = m.bar.RenderBlank() // Add64 does not draw bytes that stand still
	case m.what != "" && m.out.now().Sub(m.drawn) >= progressEvery:
		m.draw()
	}
}

// draw shows what has no end that is known. It is called with mu.
func (m *meter) draw() {
	m.hide()
	now := m.out.now()
	line := m.what
	if m.count > 0 {
		line += " " + plural(int(m.count), m.item, "")
	}
	line += ", " + now.Sub(m.began).Truncate(time.Second).String()
	if _, err := io.WriteString(m.out, "\r"+line); err == nil && m.out.wrote {
		m.shown, m.drawn = len(line), now
	}
}

// hide takes what is shown off the line; it comes again. It is called with mu.
func (m *meter) hide() {
	if m.shown > 0 {
		_, _ = io.WriteString(m.out, "\r"+strings.Repeat(" ", m.shown)+"\r")
		m.shown = 0
	}
	if m.bar != nil && m.out.wrote {
		_ = m.bar.Clear()
	}
}

// Write writes a message, not behind the bar.
func (m *meter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hide()
	return m.out.w.Write(p)
}

// rest takes the bar away until something else begins.
func (m *meter) rest() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hide()
	m.bar, m.what = nil, ""
}

// end takes the bar away for good.
func (m *meter) end() {
	if m == nil {
		return
	}
	m.rest()
	m.once.Do(func() { close(m.stop) })
	<-m.done
}

// metered counts what is read; then, if that is something, begins behind it.
type metered struct {
	io.Reader
	m    *meter
	then string
}

// Read implements io.Reader.
func (r metered) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.m.add(int64(n))
	if err == io.EOF && r.then != "" {
		r.m.begin(r.then, -1, "")
	}
	return n, err
}

// late is a writer that writes nothing before a moment, and of a line only what
// has room: the rest would stay on the screen, as \r goes back one line only.
type late struct {
	w     io.Writer
	now   func() time.Time
	at    time.Time
	width func() int // as Terminal.Width
	wrote bool
}

func (l *late) Write(p []byte) (int, error) {
	if l.now().Before(l.at) {
		return len(p), nil
	}
	l.wrote = true
	if n := room(l.width); n > 0 {
		if _, err := io.WriteString(l.w, clipLines(string(p), n-1)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return l.w.Write(p)
}

// clipLines leaves so many characters behind each \r.
func clipLines(s string, columns int) string {
	lines := strings.Split(s, "\r")
	for i, line := range lines {
		if r := []rune(line); len(r) > columns {
			lines[i] = string(r[:columns])
		}
	}
	return strings.Join(lines, "\r")
}
