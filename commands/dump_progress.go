package commands

import (
	"io"
	"os"
)

// A progress is a file that is read with a meter: how far, how fast, and how long
// it will take. A nil one has none.
type progress struct {
	io.Reader
	m *meter
}

// watch returns f with a meter if stderr is a terminal that nothing else is shown
// on, and the size of f is known; else nil.
func (d *dumper) watch(f *os.File) *progress {
	if !d.env.Terminal.Stderr || d.env.Terminal.Stdout {
		return nil
	}
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil
	}
	return newProgress(d.env, f, info.Size())
}

// unwatch takes the meter away.
func (d *dumper) unwatch() {
	d.bar.end()
	d.bar = nil
}

func newProgress(env *Env, r io.Reader, size int64) *progress {
	m := newMeter(env)
	m.begin("", size, "")
	return &progress{metered{Reader: r, m: m}, m}
}

// hide takes the meter off the line, for a message; it comes again.
func (p *progress) hide() {
	if p != nil {
		p.m.mu.Lock()
		defer p.m.mu.Unlock()
		p.m.hide()
	}
}

// end takes it away for good.
func (p *progress) end() {
	if p != nil {
		p.m.end()
	}
}
