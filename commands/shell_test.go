package commands

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/term"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// TestSplitLine: what separates commands, what is a comment, and the columns.
func TestSplitLine(t *testing.T) {
	t.Parallel()
	type command struct {
		Name, Rest     string
		NameAt, RestAt int
	}
	tests := []struct {
		line string
		want []command
	}{
		{"", []command{{"", "", 1, 1}}},
		{"  # only a comment", []command{{"", "", 3, 3}}},
		{" begin 1  keep ", []command{{"begin", "1  keep", 2, 8}}},
		{"begin 1; wait;", []command{{"begin", "1", 1, 7}, {"wait", "", 10, 14}}},
		{`params A=b;c "D; e"="f#" #; g`, []command{{"params", `A=b;c "D; e"="f#"`, 1, 8}}},
		{`params A="\"; b"; wait`, []command{{"params", `A="\"; b"`, 1, 8}, {"wait", "", 19, 23}}},
		{"params A=it's; wait", []command{{"params", "A=it's", 1, 8}, {"wait", "", 16, 20}}},
		{"request '/a; b'; wait", []command{{"request", "'/a; b'", 1, 9}, {"wait", "", 18, 22}}},
		{"params A=#b", []command{{"params", "A=#b", 1, 8}}},
		{"> PARAMS id=1 A=b; # as it is", []command{{">", "> PARAMS id=1 A=b; # as it is", 1, 1}}},
		{"wait; ! rst", []command{{"wait", "", 1, 5}, {">", "! rst", 7, 7}}},
	}
	for _, tt := range tests {
		var got []command
		for _, l := range splitLine(tt.line) {
			got = append(got, command{l.name, l.rest, l.nameAt, l.restAt})
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.line, diff)
		}
	}
}

// TestIsHexLine: dumps are bytes, and words are words.
func TestIsHexLine(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, want string }{
		{"01 01 00 01", "\x01\x01\x00\x01"},
		{"  01010001 0008", "\x01\x01\x00\x01\x00\x08"},
		{"00000000: 0101 0001 0008 0000  ........", "\x01\x01\x00\x01\x00\x08\x00\x00"},
		{"00000010  01 01 00 01  00 08 00 00                           |........|", "\x01\x01\x00\x01\x00\x08\x00\x00"},
		{"", ""},
		{"01 02", ""},
		{"abba", ""},
		{"begin 1", ""},
		{"data 1", ""},
		{"01 1 00 01", ""},
		{"> raw 01010001", ""},
	}
	for _, tt := range tests {
		if got := isHexLine(tt.line); got != (tt.want != "") {
			t.Errorf("isHexLine(%q) = %v", tt.line, got)
		}
		if tt.want != "" {
			if b, err := hexLine(tt.line); err != nil || string(b) != tt.want {
				t.Errorf("hexLine(%q) = %x, %v", tt.line, b, err)
			}
		}
	}
}

// TestShellKeys: however the bytes are cut, the editor sees the same, and never
// a control character that was pasted nor bytes that are no UTF-8.
func TestShellKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, want   string
		running    bool
		interrupts int
	}{
		{in: "wait\r", want: "wait\r"},
		{in: "wait\x03", want: "wait\x05\x15"},
		{in: "\x03", interrupts: 1},
		{in: "wait\r\x03", want: "wait\r", interrupts: 1},
		{in: "typed ahead\x03", want: "typed ahead", running: true, interrupts: 1},
		{in: "\x1b[200~a\tb\x03\x1b[31mc\x07\rd\x1b[201~\x03", want: "\x1b[200~a b[31mc\rd\x1b[201~\x05\x15"},
		{in: "\x1b[A\x1bx…\xff\xfeé\xe2\x82", want: "\x1b[A\x1bx…é"},
		{in: "\uFFFD", want: ""},
		{in: "\uE000a\uE001\uE002\uE003", want: "a\uE003"},
		{in: "\x12ab\x7f\bc\x12\rd\x7f", want: "\x12ab\uE000\uE000c\x12\uE002\rd\x7f"},
		{in: "\x12a\x07b\x7f", want: "\x12a\uE001b\x7f"},
		{in: "\x12\x03", want: "\x12\uE002\x05\x15"},
		{in: "\x12a\x03", want: "\x12a\uE002\x05\x15"},
		{in: "\x12\x1b[A\x7f", want: "\x12\uE002\x1b[A\x7f"},
		{in: "\x12\x1b[200~a\x12\x7f\x1b[201~\x7f", want: "\x12\uE002\x1b[200~a\x1b[201~\x7f"},
	}
	for _, tt := range tests {
		for size := 1; size <= len(tt.in); size++ {
			k := &shellKeys{interrupts: make(chan struct{}, 1)}
			k.running.Store(tt.running)
			var out []byte
			for rest := []byte(tt.in); len(rest) > 0; {
				n := min(size, len(rest))
				out = append(out, k.pass(rest[:n])...)
				rest = rest[n:]
			}
			if string(out) != tt.want || len(k.interrupts) != tt.interrupts {
				t.Errorf("%q in pieces of %d: %q and %d interrupts, want %q and %d", tt.in, size, out, len(k.interrupts), tt.want, tt.interrupts)
			}
		}
	}
	k := newShellKeys(t.Context(), strings.NewReader("begin\r"))
	if b, err := io.ReadAll(k); err != nil || string(b) != "begin\r" {
		t.Errorf("read %q, %v", b, err)
	}
}

// TestShellHistory: the file is private, bounded, holds no secret, and no
// control character comes out of it.
func TestShellHistory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env, _, stderr := testEnv("")
	env.Getenv = func(name string) string { return map[string]string{"XDG_STATE_HOME": dir}[name] }
	file := filepath.Join(dir, "fcgiscope", "history")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("old\n\x1b[2Jbad\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := newShellHistory(env, &shellOptions{})
	kept := []string{"begin 1 keep", "params 1 REQUEST_URI=/a?b=c", "request /a -H 'Accept: text/html'", "wait"}
	secrets := []string{
		"params 1 HTTP_COOKIE=a=b", "params 1 HTTP_AUTHORIZATION=x", `params 1 PHP_AUTH_PW="x y"`, `params 1 "DB_PASSWORD"=x`,
		"params 1 QUERY_STRING=token=x", `stdin 1 "user=a&password=b"`, "request /a -u alice:x", "request /a -ualice:x", "request /a -b a=b", "request --load a.req /a",
		"request /a -H 'Authorization: Bearer x'", "request /a -H 'Cookie: a=b'", "request http://alice:x@a/", "request /a -P X_API_KEY=x",
		"raw 01 02", "0101000100080000", `> STDIN id=1 x"7061"`, "> raw 01", "send > raw 01", "request 'open",
	}
	for _, line := range append(append([]string{}, kept...), secrets...) {
		h.Add(line)
	}
	h.Add(strings.Repeat("x", maxHistoryLine+1))
	h.Add("wait ")
	h.Add("")
	if h.At(0) != "wait" || h.At(1) != secrets[len(secrets)-1] || h.At(h.Len()-1) != "old" {
		t.Errorf("in this session: %q", h.lines)
	}
	h.close()
	b, err := os.ReadFile(file)
	if want := "old\n\x1b[2Jbad\n" + strings.Join(kept, "\n") + "\nwait\n"; err != nil || string(b) != want {
		t.Errorf("kept: %q, %v, want %q", b, err, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, bytes.Repeat([]byte("begin 1\nbegin 2\n"), maxHistoryFile/16+1), 0o600); err != nil {
		t.Fatal(err)
	}
	h = newShellHistory(env, &shellOptions{})
	h.Add("last")
	h.close()
	if b, err := os.ReadFile(file); err != nil || strings.Count(string(b), "\n") != maxHistory+1 || !strings.HasSuffix(string(b), "begin 2\nlast\n") {
		t.Errorf("of a long file %d bytes are left, %v", len(b), err)
	}
	h = newShellHistory(env, &shellOptions{noHistory: true})
	h.Add("begin 3")
	if h.Len() != 1 || h.file != nil || stderr.Len() > 0 {
		t.Errorf("with --no-history: %d lines, stderr %q", h.Len(), stderr)
	}
}

// TestShellCompletes: what Tab knows.
func TestShellCompletes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"one.txt", "with blank", "bad\x1bname", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := connectedShell(t, "app:echo")
	for _, line := range []string{"begin 11 keep", "begin 12 keep"} {
		if err := s.do(t.Context(), splitLine(line)[0]); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ line, want string }{
		{"re", "record request"},
		{"wait; clo", "close"},
		{"begin au", "authorizer"},
		{"begin flags=", "flags= flags=KEEP_CONN"},
		{"stdin 1", "11 12"},
		{"stdin 11 1", ""},
		{"stdin 11 @" + dir + "/", "@" + dir + "/one.txt"},
		{"params 11 request_method=P", "REQUEST_METHOD=PATCH REQUEST_METHOD=POST REQUEST_METHOD=PUT"},
		{"> BEG", "BEGIN_REQUEST"},
		{"> END_REQUEST id=1 protocolStatus=O", "protocolStatus=OVERLOADED"},
		{"send > ABORT_REQUEST i", "id="},
		{"get-values FCGI_MA", "FCGI_MAX_CONNS FCGI_MAX_REQS"},
		{"connect app:ec", "app:echo"},
		{"connect unix:" + dir + "/o", "unix:" + dir + "/one.txt"},
		{"set pad", "padding"},
		{"set times ", "off on"},
		{"help stdin-l", "stdin-length"},
		{"request --explain-p", "--explain-params"},
		{"request --format=json", "--format=jsonl"},
		{"load " + dir + "/o", dir + "/one.txt"},
		{"load " + dir + "/b", ""},
		{"exit ", ""},
		{"frobnicate ", ""},
	}
	for _, tt := range tests {
		if _, words := s.candidates(tt.line); strings.Join(words, " ") != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.line, words, tt.want)
		}
	}
}

// connectedShell is a session without a terminal, with a connection; "silent" is
// to an application that takes everything and says nothing. It ends with the test.
func connectedShell(t *testing.T, addr string) *shellSession {
	t.Helper()
	env, _, _ := testEnv("")
	env.run = run
	if addr == "silent" {
		addr = "127.0.0.1:9"
		env.Dial = func(context.Context, transport.Addr) (net.Conn, error) {
			near, far := net.Pipe()
			go io.Copy(io.Discard, far) // ends with near
			return near, nil
		}
	}
	s, err := newShell(env, newTestShellOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	if err := s.connect(context.Background(), addr); err != nil {
		t.Fatal(err)
	}
	return s
}

// newTestShellOptions are the options of a command line without flags.
func newTestShellOptions() *shellOptions {
	o := &shellOptions{}
	o.flags()
	return o
}

// TestShellClosedAfter: a request that did not ask to keep the connection, and
// was answered, is why what was begun behind it is not.
func TestShellClosedAfter(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		requests []flow.Request
		want     string
	}{
		"none":         {nil, ""},
		"kept":         {[]flow.Request{{ID: 5, Complete: true, Flags: wire.KeepConn}, {ID: 6}}, ""},
		"not answered": {[]flow.Request{{ID: 5}, {ID: 6, Flags: wire.KeepConn}}, ""},
		"not kept":     {[]flow.Request{{ID: 5, Complete: true}, {ID: 6, Flags: wire.KeepConn}}, "; request 5 did not ask to keep the connection"},
	}
	for name, test := range tests {
		if got := (&shellConn{requests: test.requests}).closedAfter(); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// TestShellKeepsWaits: a wait that failed is kept as one that does not, so that
// the session can be run again.
func TestShellKeepsWaits(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "app:echo")
	for _, step := range []struct {
		line string
		code int
	}{
		{"begin 1 role=9 keep", 0}, {"wait", 4}, {"begin 2 role=9 keep", 0}, {"wait any", 0},
		{"begin 3", 0}, {"wait 1ms", 6}, {"wait 1ms late", 0}, {"wait nonsense", 2}, {"wait 1ms any lost", 6},
	} {
		if code := exitCode(s.do(t.Context(), splitLine(step.line)[0])); code != step.code {
			t.Errorf("%s: exit code %d, want %d", step.line, code, step.code)
		}
	}
	want := []string{"begin 1 role=9 keep", "wait any", "begin 2 role=9 keep", "wait any", "begin 3", "wait 1ms late", "wait 1ms late", "wait 1ms any lost late"}
	if diff := cmp.Diff(want, s.lines.all); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// TestShellShowsNow: show knows the last record, too.
func TestShellShowsNow(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "silent")
	var out bytes.Buffer
	s.env.Stdout = &out
	for _, line := range []string{"begin 1 keep", `params 1 A=b`, "params 1", `stdin 1 "abc"`, "begin 2 keep", "abort 2", "show"} {
		if err := s.do(t.Context(), splitLine(line)[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"    1   RESPONDER  open     1.      3      0       -     0\n", "    2   RESPONDER  aborted  0 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

// TestShellLateHere: of several connections that leave wait waiting the current
// one is told of.
func TestShellLateHere(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "silent")
	if err := s.connect(context.Background(), "127.0.0.1:10"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"begin", "use 0", "begin", "get-values", "use 1"} {
		if err := s.do(t.Context(), splitLine(line)[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ line, want string }{
		{"wait 1ms", "tcp:127.0.0.1:10: no END_REQUEST for 1 request: nothing came for 1ms"},
		{"use 0", ""},
		{"wait 1ms", "tcp:127.0.0.1:9: no END_REQUEST for 1 request: nothing came for 1ms"},
		{"use 1", ""},
		{"close", ""},
		{"wait 1ms", "tcp:127.0.0.1:9: no END_REQUEST for 1 request: nothing came for 1ms"},
	} {
		said := ""
		if err := s.do(t.Context(), splitLine(step.line)[0]); err != nil {
			said = plain(err)
		}
		if said != step.want {
			t.Errorf("%s: %q, want %q", step.line, said, step.want)
		}
	}
}

// TestShellInterruptBehindLine: Ctrl-C that was pressed behind a line that was
// not taken yet is for the command of that line.
func TestShellInterruptBehindLine(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "silent")
	var said bytes.Buffer
	s.env.Stderr = &said
	s.interrupts = make(chan struct{}, 1)
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{nil, io.Discard}, "")
	in := &terminalLines{
		s: s, t: terminal, out: &aboveLine{t: terminal, plain: io.Discard, terminal: &Terminal{}}, keys: &shellKeys{},
		read: make(chan typedLine, 1), prompt: shellPrompt{t: terminal},
	}
	for range 30 { // select takes the one or the other
		in.asked = true
		in.read <- typedLine{line: "wait"}
		s.interrupts <- struct{}{}
		if line, _, err := in.next(t.Context(), 0); line != "wait" || err != nil || len(s.interrupts) != 1 || said.Len() > 0 {
			t.Fatalf("line %q, %v, %d interrupts left, said %q", line, err, len(s.interrupts), &said)
		}
		<-s.interrupts
	}
}

// TestShellCompareIgnores: padding and reserved bytes are no difference, also
// of records that are no streams.
func TestShellCompareIgnores(t *testing.T) {
	t.Parallel()
	read := func(text string) map[seenWay][]seenFact {
		t.Helper()
		seen, err := readSeen([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	const end = "< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE"
	want := read("> ABORT_REQUEST id=1\n" + end + "\n")
	if text, _ := differs(want, read("> ABORT_REQUEST id=1 reserved=9\n"+end+" pad=3 body-reserved=010203\n")); text != "" {
		t.Error(text)
	}
	if text, missing := differs(want, read("> ABORT_REQUEST id=1\n")); text == "" || !missing {
		t.Errorf("%q, missing %v", text, missing)
	}
}

// TestShellTab: a word becomes what it is called, in capital letters or not, and
// the rest of the line stays.
func TestShellTab(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "silent")
	tab := s.completeKey(term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{nil, io.Discard}, ""))
	for _, tt := range []struct {
		line string
		pos  int
		want string
		at   int
	}{
		{"params 1 request_me A=b", 19, "params 1 REQUEST_METHOD= A=b", 24},
		{"BEG", 3, "begin ", 6},
		{"re", 2, "re", 2},
		{"frob", 4, "frob", 4},
	} {
		if got, at, ok := tab(tt.line, tt.pos, '\t'); got != tt.want || at != tt.at || !ok {
			t.Errorf("%q: %q, %d, %v, want %q, %d", tt.line, got, at, ok, tt.want, tt.at)
		}
	}
	if _, _, ok := tab("re", 2, 'x'); ok {
		t.Error("another key completes, too")
	}
}

// TestShellKeepsAborts: what Ctrl-C aborts on another connection is kept as lines
// that do the same.
func TestShellKeepsAborts(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "silent")
	if err := s.connect(context.Background(), "127.0.0.1:10"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"begin 5", "use 0", "begin 6"} {
		if err := s.do(t.Context(), splitLine(line)[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{2, 0} { // once each
		if n, err := s.abortOpen(t.Context()); n != want || err != nil {
			t.Errorf("%d aborted, %v, want %d", n, err, want)
		}
	}
	want := []string{"begin 5", "use 0", "begin 6", "abort 6", "use 1", "abort 5", "use 0"}
	if diff := cmp.Diff(want, s.lines.all); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// TestShellBrokenBefore: a record for a connection that was lost says how it was.
func TestShellBrokenBefore(t *testing.T) {
	t.Parallel()
	s := connectedShell(t, "silent")
	s.mu.Lock()
	s.current.closed, s.current.how, s.broken = true, "the application closed it", "closed without END_REQUEST"
	s.mu.Unlock()
	for _, want := range []string{"closed without END_REQUEST", "the connection to tcp:127.0.0.1:9 is closed: the application closed it"} {
		if err := s.do(t.Context(), splitLine("abort 1")[0]); !is[peerError](err) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
