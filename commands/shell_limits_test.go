package commands

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// TestShellSaveFiles: what save writes is private, also over a file that was not,
// and a session that was too long to be kept whole is not written at all.
func TestShellSaveFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := connectedShell(t, "silent")
	do := func(line string) error { return s.do(t.Context(), splitLine(line)[0]) }
	private := func(name string) {
		t.Helper()
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
	file := filepath.Join(dir, "kept.txt")
	if err := do("save " + file); err != nil {
		t.Fatal(err)
	}
	private(file)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := do("save " + file + " force"); err != nil {
		t.Fatal(err)
	}
	private(file)
	s.lines.add(strings.Repeat("x", maxSession), false)
	if err := do("save " + filepath.Join(dir, "long.txt")); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a session that is too long: %v", err)
	}
	s.lines.lost, s.seen.lost = false, true
	if err := do("save " + filepath.Join(dir, "long.txtar")); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("one of which too much was seen: %v", err)
	}
	if err := do("save " + filepath.Join(dir, "short.txt")); err != nil {
		t.Error(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("files: %v, %v", names, err)
	}
}

// TestShellBounds: a session has so many connections, and a connection remembers
// so many requests, those that are open among them.
func TestShellBounds(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "silent")
	c := s.current
	for seq := range 3 * maxShown {
		r := flow.Request{Seq: seq, ID: uint16(seq + 1), Complete: true, EndedAt: time.Unix(1, 0)}
		if seq == 7 {
			r.Complete, r.EndedAt = false, time.Time{}
		}
		c.note(&r)
	}
	if len(c.requests) != maxShown || c.requests[0].Seq != 7 || c.requests[maxShown-1].Seq != 3*maxShown-1 || len(c.begun) != 1 {
		t.Errorf("%d requests from %d to %d, %d open", len(c.requests), c.requests[0].Seq, c.requests[len(c.requests)-1].Seq, len(c.begun))
	}
	known := s.conns
	for len(s.conns) < maxShellConns {
		s.conns = append(s.conns, c)
	}
	if err := s.connect(t.Context(), "127.0.0.1:9"); err == nil || !strings.Contains(err.Error(), "as many as it may have") {
		t.Errorf("one more connection: %v", err)
	}
	s.conns = known
}

// TestShellStuckWrite: an application that takes nothing does not stop the shell
// for longer than the limit, nor Ctrl-C.
func TestShellStuckWrite(t *testing.T) {
	t.Parallel()
	env, _, _ := testEnv("")
	env.Dial = func(context.Context, transport.Addr) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		return near, nil
	}
	s, err := newShell(env, newTestShellOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	if err := s.connect(t.Context(), "127.0.0.1:9"); err != nil {
		t.Fatal(err)
	}
	s.settings.limit = time.Millisecond
	if err := s.do(t.Context(), splitLine("begin")[0]); !is[timeoutError](err) {
		t.Errorf("behind the limit: %v", err)
	}
	s.settings.limit = 0
	s.interrupts = make(chan struct{}, 1)
	s.interrupts <- struct{}{}
	if err := s.do(t.Context(), splitLine("begin")[0]); !errors.Is(err, errInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestShellReset: close rst is a reset for the application.
func TestShellReset(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := connectedShell(t, l.Addr().String())
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := s.do(t.Context(), splitLine("close rst")[0]); err != nil {
		t.Fatal(err)
	}
	_ = far.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v, want a reset", err)
	}
}

// TestShellLongInput: a line is bounded, and so is what lines that belong
// together become; the end of the input is told again and again.
func TestShellLongInput(t *testing.T) {
	t.Parallel()
	in := newComingLines(t.Context(), strings.NewReader(strings.Repeat("x", maxShellLine+1)+"\nwait\n"), "")
	for range 2 {
		if _, _, err := in.next(t.Context(), 0); err != errLineLong {
			t.Fatalf("%v, want %v", err, errLineLong)
		}
	}
	in = newComingLines(t.Context(), strings.NewReader("wait"), "")
	if line, _, err := in.next(t.Context(), 0); line != "wait" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	for range 2 {
		if _, _, err := in.next(t.Context(), 0); err != io.EOF {
			t.Fatalf("%v, want the end", err)
		}
	}
	long := strings.Repeat("00", maxShellLine/4)
	a := assembler{in: &knownLines{lines: []string{long, long, long, long}}}
	for size := 0; ; {
		l, err := a.next(t.Context())
		if l == nil || err != nil {
			if size != 4*len(long) {
				t.Errorf("%d bytes, %v", size, err)
			}
			break
		}
		if len(l.text) > 2*maxShellLine {
			t.Errorf("a command of %d bytes", len(l.text))
		}
		size += strings.Count(l.text, "0")
	}
}
