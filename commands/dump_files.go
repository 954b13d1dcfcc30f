package commands

import (
	"context"
	"os"

	"github.com/fcgiscope/fcgiscope/wire/capture"
)

// This file is about the inputs of dump that are files. Packet captures that go
// on where the one before them ended are one input, as rotated recordings are;
// any other file is an input by itself.

// A fileQueue is the files that are still to be read.
type fileQueue struct {
	*dumper
	ctx   context.Context
	names []string
	now   *inputFile // is being decoded
	next  *inputFile // is open already, and does not go on with the one before
}

// An inputFile is a file that is open, and whose format is known.
type inputFile struct {
	name   string
	file   *os.File // nil: standard input, which is not ours
	src    capture.Source
	bar    *progress
	ends   bool        // it is as long as it is, and nothing has to be waited for
	unhook func() bool // nil: see enter
}

// close ends the reading of f.
func (f *inputFile) close() {
	if f.unhook != nil {
		f.unhook()
	}
	f.bar.end()
	if f.file != nil {
		f.file.Close()
	}
}

// files decodes the files, those together that belong together.
func (d *dumper) files(ctx context.Context, names []string) {
	q := &fileQueue{dumper: d, ctx: ctx, names: names}
	for d.broken == nil && ctx.Err() == nil {
		f := q.open()
		if f == nil {
			break
		}
		d.failed = append(d.failed, q.decode(f))
	}
	if ctx.Err() != nil && (len(q.names) > 0 || q.next != nil) {
		d.failed = append(d.failed, context.Cause(ctx))
	}
	if q.next != nil {
		q.next.close()
	}
}

// open returns the next file that can be opened, nil if there is none.
func (q *fileQueue) open() *inputFile {
	if f := q.next; f != nil {
		q.next = nil
		return f
	}
	for len(q.names) > 0 && q.ctx.Err() == nil {
		name := q.names[0]
		q.names = q.names[1:]
		f, err := q.openOne(name)
		if err == nil {
			return f
		}
		q.failed = append(q.failed, err)
	}
	return nil
}

// openOne opens a file, and finds out its format.
func (q *fileQueue) openOne(name string) (*inputFile, error) {
	f := &inputFile{name: name}
	in := q.env.Stdin
	if name == "-" {
		f.name = "standard input"
	} else {
		// Opening a pipe that nobody writes to takes for ever.
		file, err := orDone(q.ctx, func() (*os.File, error) { return openInput(name) })
		if err != nil {
			return nil, err
		}
		f.file, in = file, file
	}
	if file := regular(in); file != nil {
		f.ends = true
		if f.bar = q.watch(file); f.bar != nil {
			in = f.bar
		}
	} else {
		in = flushing{patient(q.ctx, in), q.dumper}
	}
	src, _, err := capture.Open(in, capture.Options{From: q.o.from.word})
	if err != nil {
		if f.file != nil {
			f.file.Close()
		}
		return nil, q.openError(f.name, err)
	}
	f.src = src
	return f, nil
}

// decode decodes a file, and those that go on with it.
func (q *fileQueue) decode(f *inputFile) error {
	// What a pipe has brought is worth decoding when an interrupt comes, and its
	// reader ends it. The decoding of a file ends at once.
	ctx, stop := context.WithCancel(context.WithoutCancel(q.ctx))
	defer stop()
	q.stop = stop
	capture.Chain(f.src, func() capture.Source {
		q.unwatch()
		next := q.open()
		if next == nil || !capture.Follows(f.src, next.src) {
			q.next = next
			return nil
		}
		q.now.close()
		q.enter(next, f.name+" to "+next.name)
		return next.src
	})
	q.enter(f, f.name)
	defer func() { q.now.close() }()
	return q.dumper.decode(ctx, f.src)
}

// enter makes f the file that is being decoded, as one of the input name.
func (q *fileQueue) enter(f *inputFile, name string) {
	q.now, q.input, q.file, q.told, q.bar = f, name, f.name, 0, f.bar
	if f.ends {
		f.unhook = context.AfterFunc(q.ctx, q.stop)
	}
}
