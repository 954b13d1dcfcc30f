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
	return &patientReader{ctx: ctx, r: r, drain: drainTime, buf: make([]byte, patientBuffer), results: make(chan readResult, 1)}
}

// until returns a reader of r that ends with the cause of ctx as soon as that
// is done, even if there is always more to read.
func until(ctx context.Context, r io.Reader) io.Reader {
	return &patientReader{ctx: ctx, r: r, buf: make([]byte, patientBuffer), results: make(chan readResult, 1)}
}

// orDone returns what f returns, or the cause of ctx when that is done first.
// Then f is left where it is: the process is about to end.
func orDone[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	results := make(chan result, 1)
	go func() {
		v, err := f()
		results <- result{v, err}
	}()
	select {
	case r := <-results:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

type patientReader struct {
	ctx     context.Context
	r       io.Reader
	drain   time.Duration // how long to wait when ctx is done
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
	if r.err == nil && r.drain == 0 {
		r.err = context.Cause(r.ctx)
	}
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
		case <-time.After(r.drain):
			r.err = context.Cause(r.ctx)
			return 0, r.err
		}
	}
	return copy(p, buf[:result.n]), result.err
}
