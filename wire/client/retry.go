package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fcgiscope/fcgiscope/wire"
)

func somethingCame(r *Response) bool { return r.over || r.stdout+r.stderr > 0 }

// stale waits for the first bytes of the answer, and reports whether the
// connection was closed instead.
func (r *Response) stale() bool {
	r.c.await(r, somethingCame)
	defer r.c.mu.Unlock()
	if r.err == nil {
		return false
	}
	var closed *ClosedError
	return errors.As(r.err, &closed) && closed.Received == 0
}

// waitSender waits until nobody reads the input any more, and rewinds it.
func (r *Response) waitSender(ctx context.Context, rewind func() error) error {
	if r.sender != nil {
		select {
		case <-r.sender:
		case <-ctx.Done():
			return fmt.Errorf("client: %w", ctx.Err())
		}
	}
	return rewind()
}

// rewinder returns what puts the streams back to where they are now, nil if one
// of them cannot go back.
func rewinder(streams ...io.Reader) func() error {
	var seekers []io.Seeker
	var starts []int64
	for _, s := range streams {
		if s == nil {
			continue
		}
		seeker, ok := s.(io.Seeker)
		if !ok {
			return nil
		}
		at, err := seeker.Seek(0, io.SeekCurrent)
		if err != nil {
			// A pipe is a file, too.
			return nil
		}
		seekers, starts = append(seekers, seeker), append(starts, at)
	}
	if seekers == nil {
		return nothingToRewind
	}
	return func() error {
		for i, s := range seekers {
			if _, err := s.Seek(starts[i], io.SeekStart); err != nil {
				return fmt.Errorf("client: rewind the input to send it again: %w", err)
			}
		}
		return nil
	}
}

func nothingToRewind() error { return nil }

// safe reports whether a request may be sent twice. See RFC 9110, section 9.2.1.
func safe(params []wire.Pair) bool {
	method, _ := wire.Lookup(params, "REQUEST_METHOD")
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}
