package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// spoolMemory is how much of a body of unknown length is kept in memory; more
// goes to a temporary file, because CONTENT_LENGTH comes first and has to be
// exact.
const spoolMemory = 1 << 20

// spoolLimit is the most bytes of that file: an input without end is not to
// fill the disk.
const spoolLimit = 4 << 30

// smallBody is how much of a file is read beforehand, so that the request is
// sent at once.
const smallBody = 32 << 10

// A body is what goes to the application as STDIN or DATA: pieces in order,
// whose sizes are known. The zero value is no body.
type body struct {
	pieces   []piece
	present  bool      // there is one, even if it is empty
	size     int64     // bytes
	modified time.Time // of the last file in it
	closers  []func() error
}

// A piece is a part of a body, which can be read several times.
type piece struct {
	memory []byte           // all of it, where open is nil
	open   func() io.Reader // reads size bytes, or fails
	size   int64
}

// close gives up files; it can be called on a body that was never opened.
func (b *body) close() {
	for _, f := range b.closers {
		f()
	}
	b.closers = nil
}

// reader returns the body from its beginning, nil if there is none. The readers
// of a body do not disturb each other.
func (b *body) reader() io.Reader {
	if !b.present {
		return nil
	}
	var readers []io.Reader
	var memory []byte
	for _, p := range b.pieces {
		if p.open == nil {
			memory = append(memory, p.memory...)
			continue
		}
		if len(memory) > 0 {
			readers, memory = append(readers, bytes.NewReader(memory)), nil
		}
		readers = append(readers, p.open())
	}
	if len(memory) > 0 || len(readers) == 0 {
		readers = append(readers, bytes.NewReader(memory))
	}
	if len(readers) == 1 {
		return readers[0]
	}
	return io.MultiReader(readers...)
}

func (b *body) add(p piece) {
	b.pieces = append(b.pieces, p)
	b.size += p.size
	b.present = true
}

// text adds what is in memory.
func (b *body) text(p []byte) { b.add(piece{memory: p, size: int64(len(p))}) }

// file adds what the file called name holds, - for standard input, as recode
// writes it (nil: as it is). What is no file of known size is read to its end;
// when ctx is done, that is given up.
func (b *body) file(ctx context.Context, env *Env, name string, recode recoding) error {
	in, name, closeInput, err := openNamed(ctx, env, name)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, closeInput)
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			b.modified = info.ModTime()
			return b.section(ctx, f, name, at, max(0, info.Size()-at), recode)
		}
	}
	return b.drain(recode.reader(until(ctx, in)), name)
}

// openNamed opens the file called name, or standard input for -, and says what
// to call it in messages.
func openNamed(ctx context.Context, env *Env, name string) (in io.Reader, label string, closeInput func() error, err error) {
	if name == "-" {
		return env.Stdin, "standard input", func() error { return nil }, nil
	}
	// A named pipe opens when somebody writes to it.
	f, err := orDone(ctx, func() (*os.File, error) { return openInput(name) })
	if err != nil {
		return nil, name, nil, err
	}
	return f, name, f.Close, nil
}

// section adds size bytes of f, beginning at offset at.
func (b *body) section(ctx context.Context, f *os.File, name string, at, size int64, recode recoding) error {
	raw := func() io.Reader { return &exactly{io.NewSectionReader(f, at, size), size, name} }
	if size <= smallBody {
		memory, err := io.ReadAll(recode.reader(raw()))
		if err != nil {
			return err
		}
		b.text(memory)
		return nil
	}
	if recode == nil {
		b.add(piece{open: raw, size: size})
		return nil
	}
	coded, err := io.Copy(io.Discard, recode.reader(&whileWanted{ctx, raw()}))
	if err != nil {
		return err
	}
	b.add(piece{open: func() io.Reader { return &exactly{recode.reader(raw()), coded, name} }, size: coded})
	return nil
}

// drain reads r, which has no known size, to its end.
func (b *body) drain(r io.Reader, name string) error {
	memory, err := io.ReadAll(io.LimitReader(r, spoolMemory+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(memory) <= spoolMemory {
		b.text(memory)
		return nil
	}
	return b.spool(io.MultiReader(bytes.NewReader(memory), r), name, spoolLimit)
}

// spool copies r, at most limit bytes, to a temporary file, which only this
// process can see.
func (b *body) spool(r io.Reader, name string, limit int64) error {
	f, err := os.CreateTemp("", "fcgiscope-body-*")
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	b.closers = append(b.closers, f.Close)
	if err := os.Remove(f.Name()); err != nil { // where an open file cannot be removed
		b.closers = append(b.closers, func() error { return os.Remove(f.Name()) })
	}
	size, err := io.Copy(f, io.LimitReader(r, limit+1))
	if size > limit {
		return withHint(fmt.Errorf("%s: more than %d bytes", name, limit),
			"put it into a file: that is sent as it is, however large")
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	b.add(piece{open: func() io.Reader { return io.NewSectionReader(f, 0, size) }, size: size})
	return nil
}

// exactly reads a file that must not end before its size says so: the
// application would wait for the rest. What is behind the size is not read.
type exactly struct {
	r    io.Reader
	left int64
	name string
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && e.left > 0:
		err = fmt.Errorf("%s: became shorter while it was read", e.name)
	case err != nil && !errors.Is(err, io.EOF):
		err = fmt.Errorf("%s: %w", e.name, err)
	}
	return n, err
}

// whileWanted reads r, which never blocks for long, until ctx is done.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (w *whileWanted) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.r.Read(p)
}

// A recoding writes src behind dst in another way, byte by byte.
type recoding func(dst, src []byte) []byte

// reader returns what r holds in that way.
func (f recoding) reader(r io.Reader) io.Reader {
	if f == nil {
		return r
	}
	return &recoder{r: r, f: f, in: make([]byte, 64<<10)}
}

type recoder struct {
	r    io.Reader
	f    recoding
	in   []byte
	out  []byte // of which the beginning was read
	done int
	err  error
}

func (r *recoder) Read(p []byte) (int, error) {
	for r.done == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		var n int
		n, r.err = r.r.Read(r.in)
		r.out, r.done = r.f(r.out[:0], r.in[:n]), 0
	}
	n := copy(p, r.out[r.done:])
	r.done += n
	return n, nil
}
