package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// waiting is what wait waits for.
type waiting struct {
	limit  time.Duration // of silence; 0: none
	closed bool          // until the application has closed the current connection
	// What does not make it fail: any status, that it takes too long, that an
	// application breaks the protocol.
	any, late, lost bool
}

// The words of wait.
const (
	closedWord = "closed"
	anyWord    = "any"
	lateWord   = "late"
	lostWord   = "lost"
)

var waitWords = []string{closedWord, anyWord, lateWord, lostWord}

// wait [TIME] [closed] [any] [late] [lost]
func (s *shellSession) wait(ctx context.Context, l *shellLine) error {
	w := waiting{limit: s.settings.limit}
	for _, x := range l.words() {
		switch word := strings.ToLower(x.text); {
		case word == closedWord:
			w.closed = true
		case word == anyWord:
			w.any = true
		case word == lateWord:
			w.late = true
		case word == lostWord:
			w.lost = true
		case (*duration)(&w.limit).Set(x.text) != nil:
			return l.fail(x.at, nearOr(x.text, waitWords, "a time, such as 2 or 300ms, or "), "unexpected %q", x.text)
		}
	}
	err := s.verdict(s.waitFor(ctx, w))
	switch word := excuse(err); {
	case word == anyWord && w.any, word == lateWord && w.late, word == lostWord && w.lost:
		return nil
	}
	return err
}

// excuse is the word with which wait would not have failed with err, "" if there
// is none.
func excuse(err error) string {
	switch {
	case is[answerError](err):
		return anyWord
	case is[timeoutError](err):
		return lateWord
	case is[peerError](err):
		return lostWord
	}
	return ""
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
			switch n, err := s.abortOpen(ctx); {
			case err != nil:
				return err
			case n == 0:
				return errStopped
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
	conns := s.conns
	if s.current != nil { // the one that the user looks at is told of first
		conns = append([]*shellConn{s.current}, conns...)
	}
	for _, c := range conns {
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
			"wait TIME waits longer, wait late goes on, and show tells what is open")
	}
	return nil
}

// abortOpen sends ABORT_REQUEST for every request that is open and was not
// aborted yet, and returns how many these were.
func (s *shellSession) abortOpen(ctx context.Context) (n int, err error) {
	s.mu.Lock()
	current, conns := s.current, slices.Clone(s.conns)
	s.mu.Unlock()
	for _, c := range conns {
		s.mu.Lock()
		c.refresh()
		ids := c.ids(func(r *flow.Request) bool { return !r.Aborted })
		s.mu.Unlock()
		for _, id := range ids {
			r := wire.Record{Header: wire.Header{Version: wire.Version1, Type: wire.TypeAbortRequest, RequestID: id}}
			if err := c.write(ctx, r.Append(nil)); err != nil {
				return n, err
			}
			n++
			s.keepAbort(c, current, id)
		}
	}
	return n, nil
}

// keepAbort keeps an abort by Ctrl-C for save, as the lines that do the same.
func (s *shellSession) keepAbort(c, current *shellConn, id uint16) {
	line := "abort " + strconv.Itoa(int(id))
	if c == current {
		s.lines.add(line, true)
		return
	}
	for _, line := range []string{fmt.Sprint("use ", c.n), line, fmt.Sprint("use ", current.n)} {
		s.lines.add(line, false)
	}
}
