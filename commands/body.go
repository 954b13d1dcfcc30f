package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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

// A body is what goes to the application as STDIN or DATA.
type body struct {
	r        io.Reader // nil: there is none
	size     int64
	modified time.Time // of the file, if it is one
	closers  []func() error
}

// close gives up files; it can be called on a body that was never opened.
func (b *body) close() {
	for _, f := range b.closers {
		f()
	}
	b.closers = nil
}

// openBody makes one body of the values of -d, joined by & as curl joins them:
// literal text, @FILE or @- for standard input. Files are sent as they are.
// When ctx is done, what has to be read beforehand is given up.
func openBody(ctx context.Context, env *Env, parts []string) (*body, error) {
	b := &body{}
	var readers []io.Reader
	for i, part := range parts {
		if i > 0 {
			readers = append(readers, strings.NewReader("&"))
			b.size++
		}
		r, size, err := b.open(ctx, env, part)
		if err != nil {
			b.close()
			return nil, err
		}
		readers = append(readers, r)
		b.size += size
	}
	switch len(readers) {
	case 0:
	case 1:
		b.r = readers[0]
	default:
		b.r = io.MultiReader(readers...)
	}
	return b, nil
}

func (b *body) open(ctx context.Context, env *Env, part string) (io.Reader, int64, error) {
	name, isFile := strings.CutPrefix(part, "@")
	switch {
	case !isFile:
		return strings.NewReader(part), int64(len(part)), nil
	case name == "":
		return nil, 0, usagef("-d @ needs the name of a file, or - for standard input")
	case name == "-":
		return b.measure(ctx, env.Stdin, "standard input")
	}
	// A named pipe opens when somebody writes to it.
	f, err := orDone(ctx, func() (*os.File, error) { return openInput(name) })
	if err != nil {
		return nil, 0, err
	}
	b.closers = append(b.closers, f.Close)
	return b.measure(ctx, f, name)
}

// measure finds out how much r holds: by asking a file, otherwise by reading
// it to its end.
func (b *body) measure(ctx context.Context, r io.Reader, name string) (io.Reader, int64, error) {
	if f, ok := r.(*os.File); ok {
		info, err := f.Stat()
		if err == nil && info.Mode().IsRegular() {
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", name, err)
			}
			size := max(0, info.Size()-at)
			b.modified = info.ModTime()
			if size <= smallBody {
				memory := make([]byte, size)
				if _, err := io.ReadFull(f, memory); err != nil {
					return nil, 0, fmt.Errorf("%s: %w", name, err)
				}
				return bytes.NewReader(memory), size, nil
			}
			return io.LimitReader(exactly{f, name}, size), size, nil
		}
	}
	r = until(ctx, r)
	memory, err := io.ReadAll(io.LimitReader(r, spoolMemory+1))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	if len(memory) <= spoolMemory {
		return bytes.NewReader(memory), int64(len(memory)), nil
	}
	return b.spool(io.MultiReader(bytes.NewReader(memory), r), name, spoolLimit)
}

// spool copies r, at most limit bytes, to a temporary file, which only this
// process can see.
func (b *body) spool(r io.Reader, name string, limit int64) (io.Reader, int64, error) {
	f, err := os.CreateTemp("", "fcgiscope-body-*")
	if err != nil {
		return nil, 0, fmt.Errorf("keep %s: %w", name, err)
	}
	b.closers = append(b.closers, f.Close)
	if err := os.Remove(f.Name()); err != nil { // where an open file cannot be removed
		b.closers = append(b.closers, func() error { return os.Remove(f.Name()) })
	}
	size, err := io.Copy(f, io.LimitReader(r, limit+1))
	if size > limit {
		return nil, 0, withHint(fmt.Errorf("%s: more than %d bytes", name, limit),
			"put it into a file: that is sent as it is, however large")
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("keep %s: %w", name, err)
	}
	return f, size, nil
}

// exactly reads a file that must not end before its size says so: the
// application would wait for the rest.
type exactly struct {
	f    *os.File
	name string
}

func (e exactly) Read(p []byte) (int, error) {
	n, err := e.f.Read(p)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: became shorter while it was read", e.name)
	}
	return n, err
}
