package commands

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestShellTyped: a session that is typed, with completion, mistakes and
// history; the screen at its end is a golden file.
func TestShellTyped(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "app:echo")
	s.typed("", "app:echo>")
	s.typed("beg\t1 respon\tke\t\r", "app:echo 1 open>")
	s.typed("params 1 REQUEST_M\tG\t\r", "app:echo 1 open>")
	s.has("    REQUEST_METHOD=GET")
	s.typed("params 1\r", "app:echo 1 open>")
	s.typed("stdin 1\r", "app:echo>")
	s.has("< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE")
	s.typed("set paxdd\x1b[D\x1b[D\x7f\x05\t10\r", "app:echo>")
	s.typed("begin 2 rspnder\r", "app:echo>")
	s.has("fcgiscope: hint: did you mean responder?")
	s.typed("help begni\r", "app:echo>")
	s.has("fcgiscope: hint: did you mean begin?")
	s.typed("r\t", "app:echo> r")
	s.has("raw      record   request")
	s.typed("\x03", "app:echo>")
	s.typed("\x1b[A\x1b[A", "app:echo> begin 2 rspnder")
	s.typed("\x03show\r", "app:echo>")
	s.has("* 0 app:echo: open")
	s.ends(0)
	s.has("> ! fin")
	s.golden("typed.txt")
	history, err := os.ReadFile(filepath.Join(s.home, ".local", "state", "fcgiscope", "history"))
	if want := "begin 1 responder keep\nparams 1 REQUEST_METHOD=GET\nparams 1\nstdin 1\nset padding 10\nbegin 2 rspnder\nhelp begni\nshow\n"; err != nil || string(history) != want {
		t.Errorf("the history is %q, %v, want %q", history, err, want)
	}
}

// TestShellArrives: records come while a line is typed, also one that takes
// several lines of the screen, and while the terminal changes its size. The line
// stays as it was.
func TestShellArrives(t *testing.T) {
	t.Parallel()
	s := startShell(t, 40, 24, "127.0.0.1:9")
	app, sent := s.peer()
	s.typed("begin 1 keep\r", "tcp:127.0.0.1:9 1 open>")
	if _, err := sent.ReadRecord(); err != nil {
		t.Fatal(err)
	}
	s.typed("par", "tcp:127.0.0.1:9 1 open> par")
	if _, err := app.Write(wire.NewRecord(wire.TypeStderr, 1, []byte("careful")).Append(nil)); err != nil {
		t.Fatal(err)
	}
	s.has(`< STDERR id=1 "careful"`)
	s.typed("", "tcp:127.0.0.1:9 1 open> par")
	s.typed("ams 1 REQUEST_URI=/a/long/path/to/a/script", "_URI=/a/long/path/to/a/script")
	if _, err := app.Write(wire.NewRecord(wire.TypeStderr, 1, []byte("again")).Append(nil)); err != nil {
		t.Fatal(err)
	}
	s.has(`< STDERR id=1 "again"`)
	s.typed("", "_URI=/a/long/path/to/a/script")
	s.resize(100, 24)
	s.has("tcp:127.0.0.1:9 1 open> params 1 REQUEST_URI=/a/long/path/to/a/script")
	s.typed("\r", "tcp:127.0.0.1:9 1 open>")
	r, err := sent.ReadRecord()
	if err != nil || !bytes.Contains(r.Content, []byte("REQUEST_URI/a/long/path/to/a/script")) {
		t.Errorf("sent was %v %q, %v", r.Header, r.Content, err)
	}
	app.Close()
	s.typed("", "tcp:127.0.0.1:9 closed>") // before the next command
	s.has("< ! fin")
	s.ends(0)
}

// TestShellInterrupt: Ctrl-C erases the line that is typed, aborts what is open,
// stops waiting when it comes again, and never ends the shell.
func TestShellInterrupt(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "127.0.0.1:9")
	app, sent := s.peer()
	next := func(want wire.Type, id uint16) {
		t.Helper()
		if r, err := sent.ReadRecord(); err != nil || r.Type != want || r.RequestID != id {
			t.Fatalf("sent was %v for %d, %v, want %v for %d", r.Type, r.RequestID, err, want, id)
		}
	}
	s.typed("\x03", "tcp:127.0.0.1:9>")
	s.has("fcgiscope: nothing is open; exit, or Ctrl-D, ends the session")
	s.typed("abort 7\x03", "tcp:127.0.0.1:9>")
	s.typed("begin 1; begin 2\r", "tcp:127.0.0.1:9 2 open>")
	next(wire.TypeBeginRequest, 1)
	next(wire.TypeBeginRequest, 2)
	s.typed("\x03", "tcp:127.0.0.1:9 2 open>")
	next(wire.TypeAbortRequest, 1)
	next(wire.TypeAbortRequest, 2)
	s.typed("\x03", "tcp:127.0.0.1:9 2 open>")
	s.has("fcgiscope: aborted already, and not answered; close ends the connection")
	s.typed("begin 3\r", "tcp:127.0.0.1:9 3 open>")
	next(wire.TypeBeginRequest, 3)
	s.typed("\x03", "tcp:127.0.0.1:9 3 open>")
	next(wire.TypeAbortRequest, 3) // and nothing else
	s.typed("wait\r", "")
	go io.Copy(io.Discard, app) // ends with the connection
	// The first ones may come before wait runs, and are for the prompt then.
	stopped := func(lines []string) bool {
		return slices.Contains(lines, "fcgiscope: stopped waiting, and what is open stays so")
	}
	for range 10 {
		if _, err := s.master.WriteString("\x03"); err != nil {
			t.Fatal(err)
		}
		if s.screen.wait(stopped, time.Second) {
			break
		}
	}
	s.waitFor("stopped waiting", stopped)
	s.waitFor("the prompt", func(lines []string) bool { return lines[len(lines)-1] == "tcp:127.0.0.1:9 3 open>" })
	kept := filepath.Join(s.home, "kept.txt")
	s.typed("save "+kept+"\r", "tcp:127.0.0.1:9 3 open>")
	s.ends(0)
	b, err := os.ReadFile(kept)
	if want := "connect 127.0.0.1:9\nbegin 1\nbegin 2\nabort 1\nabort 2\nbegin 3\nabort 3\n"; err != nil || string(b) != want {
		t.Errorf("kept was %q, %v, want %q", b, err, want)
	}
}

// TestShellTerminated: a signal ends the shell, with what is open closed and
// shown below the line that was typed, and the terminal as it was.
func TestShellTerminated(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "127.0.0.1:9")
	app, sent := s.peer()
	s.typed("begin 1\r", "tcp:127.0.0.1:9 1 open>")
	s.typed("params 1 A=", "tcp:127.0.0.1:9 1 open> params 1 A=")
	s.cancel()
	s.exits(130)
	if _, err := sent.ReadRecord(); err != nil {
		t.Error(err)
	}
	if n, err := app.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v, want the end of the connection", n, err)
	}
	s.has("fcgiscope: interrupted")
	s.golden("terminated.txt")
	if !s.cooked() {
		t.Error("the terminal is left in raw mode")
	}
}

// TestShellPaste: hex in several lines is one write, an entry of the text form
// with indented lines is one record, and control characters are left out.
func TestShellPaste(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "127.0.0.1:9")
	_, sent := s.peer()
	s.typed("\x1b[200~01 01 00 01 00 08 00 00\r00000008: 0001 0100 0000 0000  ........\r> PARAMS id=1\r\tA=\x07\"b c\"\r    D=e\r> PARAMS id=1\r\x1b[201~", "tcp:127.0.0.1:9 1 open>")
	if r, err := sent.ReadRecord(); err != nil || r.Type != wire.TypeBeginRequest || string(r.Content) != "\x00\x01\x01\x00\x00\x00\x00\x00" {
		t.Errorf("the hex became %v %x, %v", r.Type, r.Content, err)
	}
	r, err := sent.ReadRecord()
	if err != nil || r.Type != wire.TypeParams || string(r.Content) != "\x01\x03Ab c\x01\x01De" {
		t.Errorf("the record became %v %q, %v", r.Type, r.Content, err)
	}
	if r, err = sent.ReadRecord(); err != nil || r.Type != wire.TypeParams || len(r.Content) > 0 {
		t.Errorf("the record became %v %q, %v", r.Type, r.Content, err)
	}
	s.ends(0)
}

// TestShellLost: a connection that an application closes inside a request is told
// of when it happens, and not to the next wait; save keeps that it was waited for.
func TestShellLost(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "127.0.0.1:9")
	app, sent := s.peer()
	s.typed("begin 1\r", "tcp:127.0.0.1:9 1 open>")
	if _, err := sent.ReadRecord(); err != nil {
		t.Fatal(err)
	}
	app.Close()
	s.typed("", "tcp:127.0.0.1:9 closed>")
	s.has("fcgiscope: tcp:127.0.0.1:9: closed without END_REQUEST for 1 request")
	s.typed("connect\r", "1 tcp:127.0.0.1:9>")
	app, sent = s.peer()
	s.typed("begin 1; wait\r", "")
	if _, err := sent.ReadRecord(); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Write(wire.EndRecord(1, 0, wire.RequestComplete).Append(nil)); err != nil {
		t.Fatal(err)
	}
	s.typed("", "1 tcp:127.0.0.1:9>")
	kept := filepath.Join(s.home, "kept.txt")
	s.typed("save "+kept+"\r", "1 tcp:127.0.0.1:9>")
	s.ends(0)
	b, err := os.ReadFile(kept)
	if want := "connect 127.0.0.1:9\nbegin 1\nwait lost\nconnect\nbegin 1\nwait\n"; err != nil || string(b) != want {
		t.Errorf("kept was %q, %v, want %q", b, err, want)
	}
	if n := strings.Count(s.screen.String(), "closed without END_REQUEST"); n != 1 {
		t.Errorf("told of %d times", n)
	}
}

// TestShellPartOfLine: the prompt is on a line of its own behind a body without a
// line feed.
func TestShellPartOfLine(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "app:echo")
	s.typed("request / -d abc\r", "app:echo>")
	s.has("abc")
	s.typed("connect\r", "1 app:echo>") // which lives longer than the command
	s.typed("begin; params; stdin; wait\r", "1 app:echo closed>")
	s.has("< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE")
	s.ends(0)
}

// TestShellSearch: Ctrl-R finds earlier lines as they are typed, also while
// records come; the line that is found can be changed, sent, or given up.
func TestShellSearch(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "127.0.0.1:9")
	app, _ := s.peer()
	s.typed("begin 1 keep\r", "tcp:127.0.0.1:9 1 open>")
	for _, line := range []string{"begin 2", "params 1 A=b", "show"} {
		s.typed(line+"\r", "tcp:127.0.0.1:9 2 open>")
	}
	s.typed("half", "tcp:127.0.0.1:9 2 open> half")
	s.typed("\x12", "search ''> half")
	s.typed("b", "search 'b'> params 1 A=b")
	s.typed("e", "search 'be'> begin 2")
	if _, err := app.Write(wire.NewRecord(wire.TypeStderr, 2, []byte("careful")).Append(nil)); err != nil {
		t.Fatal(err)
	}
	s.has(`< STDERR id=2 "careful"`)
	s.typed("", "search 'be'> begin 2")
	s.typed("\x12", "search 'be'> begin 1 keep")
	s.typed("\x12", "no line with 'be'> begin 1 keep")
	s.typed("\x7f\x7f", "search ''> half")
	s.typed("A=", "search 'A='> params 1 A=b")
	s.typed("\x07", "tcp:127.0.0.1:9 2 open> half")
	s.typed("\x12begin\x12", "search 'begin'> begin 1 keep")
	s.typed(" ", "search 'begin '> begin 1 keep") // and not back to a later one
	s.typed("\x07", "tcp:127.0.0.1:9 2 open> half")
	s.typed("\x12keep\x05s", "tcp:127.0.0.1:9 2 open> begin 1 keeps")
	s.typed("\x15\x12A=\r", "tcp:127.0.0.1:9 2 open>")
	s.has("    # note: pair-duplicate (section 3.4): A") // it is sent once more
	s.ends(0)
}

// TestShellNoFastCGI: an application that speaks something else is told of once.
func TestShellNoFastCGI(t *testing.T) {
	t.Parallel()
	s := startShell(t, 80, 24, "127.0.0.1:9")
	app, sent := s.peer()
	s.typed("begin 1; wait\r", "")
	if _, err := sent.ReadRecord(); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	s.has("fcgiscope: tcp:127.0.0.1:9: what came is no FastCGI: it looks like an HTTP respo")
	app.Close()
	s.typed("", "tcp:127.0.0.1:9 closed>")
	s.ends(0)
	if n := strings.Count(s.screen.String(), "fcgiscope: "); n != 1 {
		t.Errorf("%d messages:\n%s", n, s.screen)
	}
}
