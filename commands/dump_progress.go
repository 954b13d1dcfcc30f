package commands

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	progressAfter = time.Second // what takes less has no bar
	progressEvery = 100 * time.Millisecond
)

// A progress is a file that is read with a bar on stderr: how far, how fast,
// and how long it will take. A nil one has no bar.
type progress struct {
	io.Reader
	bar *progressbar.ProgressBar
	out *late
}

// watch returns f with a bar if stderr is a terminal that nothing else is shown
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

// unwatch takes the bar away.
func (d *dumper) unwatch() {
	d.bar.hide()
	d.bar = nil
}

func newProgress(env *Env, r io.Reader, size int64) *progress {
	out := &late{w: env.Stderr, now: env.Now, at: env.Now().Add(progressAfter)}
	return &progress{r, progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(out),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(progressEvery),
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
	), out}
}

// Read implements io.Reader.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.bar.Add64(int64(n)) // what stderr says to it changes no result
	return n, err
}

// hide takes the bar off the line, for a message; it comes again.
func (p *progress) hide() {
	if p != nil && p.out.wrote {
		p.bar.Clear()
	}
}

// late is a writer that writes nothing before a moment.
type late struct {
	w     io.Writer
	now   func() time.Time
	at    time.Time
	wrote bool
}

func (l *late) Write(p []byte) (int, error) {
	if l.now().Before(l.at) {
		return len(p), nil
	}
	l.wrote = true
	return l.w.Write(p)
}
