package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A rotation is how --record keeps what comes for as long as it comes.
type rotation struct {
	size byteSize
	time duration
	keep count
	drop bool
}

func (o *rotation) flags(category string) []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "rotate-size", Category: category, Usage: "with --record, begin another file after `BYTES` (64M, 1G): FILE-0001, FILE-0002 …", Value: &o.size},
		durationFlag(category, "rotate-time", nil, "with --record, begin another file after `TIME` (1h)", &o.time),
		&cli.GenericFlag{Name: "rotate-keep", Category: category, Usage: "of these files keep the last `N`", Value: &o.keep},
		&cli.BoolFlag{Name: "record-drop", Category: category, Usage: "let --record leave gaps where the disk is too slow, instead of holding the traffic back", Destination: &o.drop},
	}
}

// on reports whether there is more than one file.
func (o *rotation) on() bool { return o.size > 0 || o.time > 0 }

func (o *rotation) check(r *recording) error {
	switch {
	case r.file == "" && (o.on() || o.keep > 0):
		return usagef("--rotate-size, --rotate-time and --rotate-keep are for --record")
	case r.file == "" && o.drop:
		return usagef("--record-drop is for --record")
	case o.keep > 0 && !o.on():
		return usagef("--rotate-keep is for --rotate-size and --rotate-time")
	}
	return nil
}

// open makes the first file.
func (o *rotation) open(env *Env, r *recording) (*recorded, error) {
	d := &recorded{env: env, o: o, recording: r, full: func() {}, port: 9000}
	if old := d.earlier(); old != "" && !r.force {
		return nil, existsAlready(old)
	}
	if err := d.next(); err != nil {
		return nil, err
	}
	return d, nil
}

// keeping returns what chooses and masks before it is recorded.
func (o *watching) keeping(choice pretty.Choice, d *recorded) *view {
	v := &view{mask: o.redactor(), whole: choice.NeedsWhole()}
	v.sink = d
	if !choice.All() {
		v.chosen = pretty.Choose(choice, d)
		v.sink = v.chosen
	}
	return v
}

// recorded is a recording in one file or, with rotation, in several. It is a
// sink that never fails: what goes wrong is told once, and then nothing more is
// recorded.
type recorded struct {
	env       *Env
	o         *rotation
	recording *recording
	full      func() // is called when nothing more can be recorded

	writer *capture.Writer
	file   *keptFile
	began  time.Time
	port   int      // of the application in the file
	names  []string // of the files that are kept, the oldest first
	n      int      // of files
	bytes  int64    // of the files before
	conns  int
	err    error
}

// A keptFile is a file that ends where the last write ended that succeeded.
type keptFile struct {
	*os.File
	size int64
}

func (f *keptFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		if cut := f.Truncate(f.size); cut == nil {
			_, cut = f.Seek(f.size, 0)
			err = errors.Join(err, cut)
		}
		return n, err
	}
	f.size += int64(n)
	return n, nil
}

// name is that of file n, from 1.
func (d *recorded) name(n int) string {
	if !d.o.on() {
		return d.recording.file
	}
	ext := filepath.Ext(d.recording.file)
	return fmt.Sprintf("%s-%04d%s", strings.TrimSuffix(d.recording.file, ext), n, ext)
}

// earlier returns a file of an earlier recording that this one would come to,
// perhaps in days; "" if there is none.
func (d *recorded) earlier() string {
	if !d.o.on() {
		return ""
	}
	dir, base := filepath.Split(d.recording.file)
	entries, _ := os.ReadDir(filepath.Clean(dir)) // where that fails, so does making a file
	ext := filepath.Ext(base)
	for _, e := range entries {
		number, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ext), strings.TrimSuffix(base, ext)+"-")
		if n, err := strconv.Atoi(number); ok && err == nil && filepath.Base(d.name(n)) == e.Name() {
			return dir + e.Name()
		}
	}
	return ""
}

// next begins a file.
func (d *recorded) next() error {
	one := *d.recording
	one.file = d.name(d.n + 1)
	r, err := one.open(nil)
	if err != nil {
		return err
	}
	if err := r.empty(); err != nil {
		r.file.Close()
		return fmt.Errorf("%s: %w", one.file, err)
	}
	file := &keptFile{File: r.file}
	if d.writer == nil {
		d.writer = capture.NewWriter(file)
	} else {
		d.bytes += d.file.size
		if err := errors.Join(d.writer.Continue(file), d.file.Close()); err != nil {
			file.Close()
			return err
		}
	}
	d.n++
	d.file, d.began = file, d.env.Now()
	d.names = append(d.names, one.file)
	if d.o.keep > 0 && len(d.names) > int(d.o.keep) {
		if err := os.Remove(d.names[0]); err != nil {
			complain(d.env, plain(err))
		}
		d.names = d.names[1:]
	}
	return nil
}

// chunk records a chunk as it came.
func (d *recorded) chunk(ch *capture.Chunk) {
	if ch.Kind == capture.ChunkEnd {
		d.conns++
	}
	d.do(func() error { return d.writer.Chunk(*ch) })
}

// Event implements pretty.Sink.
func (d *recorded) Event(e *flow.Event) error {
	if e.Kind == flow.KindClosed {
		d.conns++
	}
	d.do(func() error { return d.writer.Event(e) })
	return nil
}

// Flush implements pretty.Flusher.
func (d *recorded) Flush() error {
	d.flush()
	return nil
}

func (d *recorded) flush() { d.do(d.writer.Flush) }

// Close implements pretty.Sink: the owner closes it.
func (d *recorded) Close() error { return nil }

// do records, and begins another file when it is time.
func (d *recorded) do(record func() error) {
	if d.err != nil {
		return
	}
	err := record()
	if err == nil && (d.o.size > 0 && d.file.size >= int64(d.o.size) || d.o.time > 0 && d.env.Now().Sub(d.began) >= time.Duration(d.o.time)) {
		err = d.next()
	}
	if err != nil {
		d.err = err
		complain(d.env, fmt.Sprintf("%s: %s: nothing more is recorded, the traffic goes on", d.file.Name(), withoutPath(err)))
		d.full()
	}
}

// close ends the recording and says what it is.
func (d *recorded) close(env *Env, silent bool) error {
	d.flush()
	err := d.file.Close()
	if d.err != nil {
		return silenced{d.err}
	}
	if err != nil {
		return err
	}
	if !silent {
		complain(env, fmt.Sprintf("recorded %s in %s (%d bytes)", plural(d.conns, "connection", ""), strings.Join(d.names, ", "), d.bytes+d.file.size))
		first := shellWord(d.names[0])
		complain(env, fmt.Sprintf("hint: fcgiscope dump %s, or tshark -d tcp.port==%d,fcgi -Y fcgi -r %s", first, d.port, first))
	}
	return nil
}

// withoutPath is the message of an error without the file that it is about.
func withoutPath(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return plain(err)
}
