package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// waiting is what wait waits for.
type waiting struct {
	limit  time.Duration // of silence; 0: none
	any    bool          // whatever the status is
	closed bool          // until the application has closed the current connection
}

// wait [TIME] [any] [closed]
func (s *shellSession) wait(ctx context.Context, l *shellLine) error {
	w := waiting{limit: s.settings.limit}
	for _, x := range l.words() {
		switch {
		case strings.EqualFold(x.text, "any"):
			w.any = true
		case strings.EqualFold(x.text, "closed"):
			w.closed = true
		case (*duration)(&w.limit).Set(x.text) != nil:
			return l.fail(x.at, "a time, such as 2 or 300ms, any, or closed", "unexpected %q", x.text)
		}
	}
	err := s.verdict(s.waitFor(ctx, w))
	if w.any && is[answerError](err) {
		return nil
	}
	return err
}

// waitFor waits until nothing is open, or an application has broken the
// protocol. The error says that it took too long.
func (s *shellSession) waitFor(ctx context.Context, w waiting) error {
	var timer *time.Timer
	var late <-chan time.Time
	if w.limit > 0 {
		timer = time.NewTimer(w.limit)
		defer timer.Stop()
		late = timer.C
	}
	aborted := false
	for {
		s.mu.Lock()
		open, changed := s.open(), s.changed
		current := s.current
		over := s.broken != "" || open == 0 && (!w.closed || current == nil || current.closed)
		s.mu.Unlock()
		if over {
			return nil
		}
		select {
		case <-changed:
			if timer != nil {
				timer.Reset(w.limit)
			}
		case <-late:
			return s.late(w)
		case <-s.interrupts:
			if aborted {
				return errStopped
			}
			aborted = true
			if err := s.abortOpen(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var errStopped = errors.New("stopped waiting, and what is open stays so")

// late says what did not come.
func (s *shellSession) late(w waiting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		var what string
		switch {
		case len(c.begun) > 0:
			what = "no END_REQUEST for " + plural(len(c.begun), "request", "")
		case c.questions > 0:
			what = "no answer to " + plural(c.questions, "question", "")
		case w.closed && c == s.current && !c.closed:
			what = "the connection is not closed"
		default:
			continue
		}
		return withHint(timeoutError{placed{c.target, fmt.Errorf("%s: nothing came for %v", what, w.limit)}},
			"wait TIME waits longer, show tells what is open")
	}
	return nil
}

// abortOpen sends ABORT_REQUEST for every request that is open.
func (s *shellSession) abortOpen(ctx context.Context) error {
	s.mu.Lock()
	conns := append([]*shellConn(nil), s.conns...)
	s.mu.Unlock()
	for _, c := range conns {
		s.mu.Lock()
		ids := c.ids()
		s.mu.Unlock()
		for _, id := range ids {
			r := wire.Record{Header: wire.Header{Version: wire.Version1, Type: wire.TypeAbortRequest, RequestID: id}}
			if err := c.write(ctx, r.Append(nil)); err != nil {
				return err
			}
		}
	}
	return nil
}
