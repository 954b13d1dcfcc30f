package commands

import (
	"context"
	"io"
	"time"
)

// drainTime is how long, after an interrupt, the rest of an input is waited
// for: Ctrl-C reaches the whole pipeline, and `tcpdump -w -` writes its last
// packets only then.
const drainTime = time.Second

// patientBuffer is the most bytes of one read.
const patientBuffer = 256 << 10

// patient returns a reader of r that ends with the cause of ctx when that is
// done and nothing has come for drainTime.
func patient(ctx context.Context, r io.Reader) io.Reader {
	return &patientReader{ctx: ctx, r: r, buf: make([]byte, patientBuffer), results: make(chan readResult, 1)}
}

type patientReader struct {
	ctx     context.Context
	r       io.Reader
	buf     []byte
	results chan readResult
	err     error // why it was given up
}

type readResult struct {
	n   int
	err error
}

// Read reads in a goroutine, because nothing can end a read of standard input.
// The goroutine ends with that read, and a read that is given up is left where
// it is: the process is about to end.
func (r *patientReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	buf := r.buf[:min(len(p), len(r.buf))]
	go func() {
		n, err := r.r.Read(buf)
		r.results <- readResult{n, err}
	}()
	var result readResult
	select {
	case result = <-r.results:
	case <-r.ctx.Done():
		select {
		case result = <-r.results:
		case <-time.After(drainTime):
			r.err = context.Cause(r.ctx)
			return 0, r.err
		}
	}
	return copy(p, buf[:result.n]), result.err
}
