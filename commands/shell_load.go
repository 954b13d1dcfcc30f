package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
)

const (
	maxLoadDepth = 8               // of load in what is loaded
	maxLoad      = 2 * maxSession  // bytes of a file
	tailTime     = 2 * time.Second // how long the end of what was seen may take to come
)

// load FILE: run its lines; where it holds what was seen, compare.
func (s *shellSession) load(ctx context.Context, l *shellLine) error {
	name, _, err := l.fileWords("session.txtar")
	if err != nil {
		return err
	}
	if s.depth == maxLoadDepth {
		return fmt.Errorf("%s: load in load in load: more than %d deep", name, maxLoadDepth)
	}
	f, err := orDone(ctx, func() (io.ReadCloser, error) { return openInput(name) })
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(until(ctx, f), maxLoad+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case len(content) > maxLoad:
		return fmt.Errorf("%s: more than %d MiB", name, maxLoad>>20)
	}
	lines, first, want := splitSession(content)
	in := &knownLines{name: name, lines: lines, n: 0, shift: first}
	s.depth++
	defer func() { s.depth-- }()
	if want == nil {
		return s.script(ctx, in)
	}
	got := newTranscript()
	s.mu.Lock()
	_ = s.shown.add(pretty.Format{}, got, nil)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.removeSink(got)
	}()
	if err := s.script(ctx, in); err != nil {
		return err
	}
	return s.compare(ctx, name, want, got)
}

// splitSession returns the lines of a file, how many lines of the file are
// before them, and what was seen; nil where the file does not say.
func splitSession(content []byte) (lines []string, first int, seen []byte) {
	all := strings.Split(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	begin, end := -1, len(all)
	for i, line := range all {
		switch line {
		case "-- " + sessionPart + " --":
			begin = i + 1
		case "-- " + seenPart + " --":
			if begin >= 0 && seen == nil {
				end, seen = i, []byte(strings.Join(all[i+1:], "\n"))
			}
		}
	}
	if begin < 0 {
		return all, 0, nil
	}
	return all[begin:end], begin, seen
}

// compare says what is different from what was seen. The end of it may still be
// on its way.
func (s *shellSession) compare(ctx context.Context, name string, want []byte, got *transcript) error {
	expected, err := readSeen(want)
	if err != nil {
		return fmt.Errorf("%s: what was seen: %s", name, plain(err))
	}
	timer := time.NewTimer(tailTime)
	defer timer.Stop()
	for late := false; ; {
		s.mu.Lock()
		_ = got.Flush() // into memory
		text, changed, lost := bytes.Clone(got.text.Bytes()), s.changed, got.lost
		s.mu.Unlock()
		if lost {
			return fmt.Errorf("%s: this session is too long to be compared: over %d MiB", name, maxSession>>20)
		}
		seen, err := readSeen(text)
		if err != nil {
			return err
		}
		difference, missing := differs(expected, seen)
		if difference == "" {
			return nil
		}
		if late || !missing {
			return peerError{errors.New(name + ": " + difference)}
		}
		select {
		case <-changed:
		case <-timer.C:
			late = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// again sends once more what was sent since nothing was open, over a new
// connection where that one is closed.
func (s *shellSession) again(ctx context.Context, l *shellLine) error {
	if err := l.none(); err != nil {
		return err
	}
	lines := s.lines.exchange
	if len(lines) == 0 {
		return l.fail(l.nameAt, "begin begins a request", "nothing was sent yet")
	}
	if c := s.current; c != nil && c.isClosed() {
		if err := s.connect(ctx, c.addr); err != nil {
			return err
		}
		s.lines.add("connect", false)
	}
	s.lines.exchange = nil
	err := s.script(ctx, &knownLines{name: "again", lines: strings.Split(strings.Join(lines, "\n"), "\n")})
	if err != nil {
		s.lines.exchange = lines
	}
	return err
}
