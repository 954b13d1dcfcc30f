//go:build unix

package server

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// script writes a program for /bin/sh and returns its path.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// root returns a directory for programs, with its real name.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCGI(t *testing.T) {
	dir := root(t)
	outside := script(t, root(t), "outside", "echo; echo no")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "noexec"), []byte("\x7fELFno"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	script(t, dir, "ok", `printf 'Content-Type: text/plain\r\n\r\n'; pwd; cat; echo warn >&2; exit 7`)
	script(t, dir, "sub/ok", `printf 'Status: 404\n\nsub'`)
	script(t, dir, "signal", `printf '\r\n\r\n'; kill -TERM $$`)
	script(t, dir, "dies", `kill -KILL $$`)
	script(t, dir, "silent", `exit 3`)
	script(t, dir, "noheader", `echo 'just text'; exit 1`)
	script(t, dir, "unfinished", `echo 'A: b'`)
	script(t, dir, "late", `printf 'A: b\n\nhalf'; kill -KILL $$`)
	script(t, dir, "badline", `printf 'A: b\nno field\n\nbody'`)
	if err := os.WriteFile(filepath.Join(dir, "interpreter"), []byte("#!/nothing/there\n"), 0o755); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name, script string
		status       string // of the response, or the response itself
		stderr       string
		appStatus    uint32
	}{
		{"ok", "ok", "Content-Type: text/plain\r\n\r\n" + dir + "\nbody", "warn\n", 7},
		{"deep", "sub/ok", "Status: 404\n\nsub", "", 0},
		{"dots", "sub/../ok", "Content-Type: text/plain\r\n\r\n" + dir + "\nbody", "warn\n", 7},
		{"missing", "missing", "Status: 404 ", "there is no", 404},
		{"below a file", "ok/x", "Content-Type: text/plain\r\n\r\n" + dir + "\nbody", "warn\n", 7},
		{"below nothing", "sub/missing/x", "Status: 404 ", "there is no", 404},
		{"below a link to outside", "link/x", "Status: 403 ", "is outside of", 403},
		{"below no program", "text/x", "Status: 403 ", "text\" is not executable", 403},
		{"far below nothing", strings.Repeat("x/", 10_000), "Status: 404 ", "there is no", 404},
		{"outside", "../../etc/passwd", "Status: 403 ", "is outside of", 403},
		{"outside, missing", "../nothing-there", "Status: 403 ", "is outside of", 403},
		{"link to outside", "link", "Status: 403 ", "is outside of", 403},
		{"outside, below a file", "../" + filepath.Base(filepath.Dir(outside)) + "/outside/x", "Status: 403 ", "/outside/x\" is outside of", 403},
		{"the root", "", "Status: 403 ", "is outside of", 403},
		{"directory", "sub", "Status: 403 ", "is a directory", 403},
		{"no mode", "text", "Status: 403 ", "is not executable", 403},
		{"no format", "noexec", "Status: 500 ", "noexec\" cannot be run: it is no program, and has no line #!", 500},
		{"no interpreter", "interpreter", "Status: 500 ", "interpreter\" cannot be run: the program that its line #! names", 500},
		{"signal", "signal", "Status: 502 ", "wrote no CGI response", 502},
		{"dies", "dies", "Status: 502 ", "was ended by signal 9 and wrote nothing", 502},
		{"silent", "silent", "Status: 502 ", "wrote nothing, its exit status is 3", 502},
		{"no header", "noheader", "Status: 502 ", "noheader\" wrote no CGI response: the output does not begin with a header; it began with \"just text\\n\"\n", 502},
		{"bad line", "badline", "Status: 502 ", "wrote no CGI response: response header, offset 5: a line is not a header field: \"no field\"; it began with \"A: b", 502},
		{"dies late", "late", "A: b\n\nhalf", "late\" was ended by signal 9\n", 137},
		{"unfinished", "unfinished", "Status: 502 ", "ended inside the header", 502},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := connect(t, &Server{Handler: (&CGI{Root: dir}).Handle})
			p.request(1, wire.KeepConn, "body", "SCRIPT_FILENAME="+dir+"/"+tt.script)
			a := p.answer(1)
			if !strings.HasPrefix(a.stdout, tt.status) || !strings.Contains(a.stderr, tt.stderr) || a.end.AppStatus != tt.appStatus {
				t.Errorf("%+v, want %+v", a, tt)
			}
			p.alive()
		})
	}
	t.Run("the root is a link", func(t *testing.T) {
		link := filepath.Join(root(t), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]uint32{"ok": 7, "missing": 404, "../x": 403} {
			p := connect(t, &Server{Handler: (&CGI{Root: link}).Handle})
			p.request(1, 0, "", "SCRIPT_FILENAME="+link+"/"+name)
			if a := p.answer(1); a.end.AppStatus != want {
				t.Errorf("%s: %+v", name, a)
			}
		}
	})
	t.Run("named in other ways", func(t *testing.T) {
		for _, params := range [][]string{
			{"DOCUMENT_ROOT=" + dir, "SCRIPT_NAME=/sub/ok"},
			{"SCRIPT_FILENAME=proxy:fcgi://127.0.0.1:9000" + dir + "/sub/ok"},
			{"SCRIPT_FILENAME=proxy:unix:/run/a.sock|fcgi://localhost" + dir + "/sub/ok"},
		} {
			p := connect(t, &Server{Handler: (&CGI{Root: dir}).Handle})
			p.request(1, 0, "", params...)
			if a := p.answer(1); a.stdout != "Status: 404\n\nsub" {
				t.Errorf("%v: %+v", params, a)
			}
		}
		p := connect(t, &Server{Handler: (&CGI{Program: filepath.Join(dir, "sub/ok")}).Handle})
		p.request(1, 0, "")
		if a := p.answer(1); a.stdout != "Status: 404\n\nsub" {
			t.Errorf("Program: %+v", a)
		}
	})
}

func TestCGIEnvironment(t *testing.T) {
	dir := root(t)
	path := script(t, dir, "env", `printf 'X: y\n\n'; env`)
	p := connect(t, &Server{Handler: (&CGI{Root: dir, Pass: []string{"EXTRA"}, Env: []string{"OWN=1"}}).Handle})
	p.begin(1, wire.Authorizer, 0, "SCRIPT_FILENAME="+path, "HTTP_X_TEST=1", "HTTP_X_TEST=2", "PATH=/evil", "LD_PRELOAD=/evil.so",
		"BASH_ENV=/evil", "ENV=/evil", "PERL5OPT=-Mevil", "HTTP_PROXY=http://evil", "HTTP_=x", "HTTP_A%%=() { :; }", "HTTP_lower=x",
		"EXTRA=yes", "FCGI_ROLE=RESPONDER", "QUERY_STRING=a=b", "=x", "IFS=x", "PYTHONPATH=/evil")
	p.flush()
	a := p.answer(1)
	got := map[string]bool{}
	for _, line := range strings.Split(strings.TrimPrefix(a.stdout, "X: y\n\n"), "\n") {
		got[line] = true
	}
	for _, own := range []string{"", "PWD=" + dir, "_=/usr/bin/env", "OLDPWD=", "SHLVL=1"} {
		delete(got, own) // what the shell adds
	}
	want := []string{"SCRIPT_FILENAME=" + path, "HTTP_X_TEST=2", "PATH=" + programPath, "EXTRA=yes", "FCGI_ROLE=AUTHORIZER", "QUERY_STRING=a=b", "OWN=1"}
	for _, line := range want {
		if !got[line] {
			t.Errorf("missing: %s", line)
		}
		delete(got, line)
	}
	if len(got) > 0 {
		t.Errorf("too much: %v (%+v)", got, a)
	}

	p = connect(t, &Server{Handler: (&CGI{Root: dir}).Handle})
	p.request(1, 0, "", "SCRIPT_FILENAME="+path, "QUERY_STRING=a\x00b")
	if a := p.answer(1); a.end.AppStatus != 400 {
		t.Errorf("NUL: %+v", a)
	}
}

// TestCGIPathInfo: what follows a program in the path is PATH_INFO, and no part
// of its names.
func TestCGIPathInfo(t *testing.T) {
	t.Parallel()
	dir := root(t)
	if err := os.Mkdir(filepath.Join(dir, "cgi-bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	script(t, dir, "cgi-bin/app", `printf 'A: b\n\n%s' "$SCRIPT_FILENAME|$SCRIPT_NAME|$PATH_INFO"`)
	script(t, dir, "cgi-bin/other", `printf 'A: b\n\nother'`)
	file, program := dir+"/cgi-bin/app", "/cgi-bin/app"
	for _, tt := range []struct {
		name   string
		params []string // after the root
		want   string
	}{
		{"none", []string{"SCRIPT_FILENAME=" + file, "SCRIPT_NAME=" + program}, file + "|" + program + "|"},
		{"split by the web server", []string{"SCRIPT_FILENAME=" + file, "SCRIPT_NAME=" + program, "PATH_INFO=/x"}, file + "|" + program + "|/x"},
		{"by the file", []string{"SCRIPT_FILENAME=" + file + "/x/y", "SCRIPT_NAME=" + program + "/x/y"}, file + "|" + program + "|/x/y"},
		{"the file only", []string{"SCRIPT_FILENAME=" + file + "/x", "SCRIPT_NAME=" + program}, file + "|" + program + "|/x"},
		{"the file only, and told", []string{"SCRIPT_FILENAME=" + file + "/x", "SCRIPT_NAME=" + program, "PATH_INFO=/told"}, file + "|" + program + "|/told"},
		{"told otherwise", []string{"SCRIPT_NAME=" + program + "/x", "PATH_INFO=/told"}, "|" + program + "|/x"},
		{"by the name", []string{"SCRIPT_NAME=" + program + "/x/y"}, "|" + program + "|/x/y"},
		{"as it is", []string{"SCRIPT_NAME=" + program + "//x//y/"}, "|" + program + "|//x//y/"},
		{"a slash", []string{"SCRIPT_NAME=" + program + "/"}, "|" + program + "|/"},
		{"two slashes before", []string{"SCRIPT_NAME=//cgi-bin//app/x"}, "|//cgi-bin//app|/x"},
		{"dots", []string{"SCRIPT_NAME=" + program + "/../other"}, "other"},
		{"dots out of it", []string{"SCRIPT_NAME=/cgi-bin/../../" + program + "/x"}, ""},
		{"apache", []string{"SCRIPT_FILENAME=proxy:fcgi://localhost:9000" + file + "/x", "SCRIPT_NAME=" + program + "/x"},
			"proxy:fcgi://localhost:9000" + file + "|" + program + "|/x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := connect(t, &Server{Handler: (&CGI{Root: dir}).Handle})
			p.request(1, 0, "", append([]string{"DOCUMENT_ROOT=" + dir}, tt.params...)...)
			a := p.answer(1)
			if got, ok := strings.CutPrefix(a.stdout, "A: b\n\n"); got != tt.want || !ok {
				if tt.want != "" || a.end.AppStatus != 403 {
					t.Errorf("%+v, want %q", a, tt.want)
				}
			}
		})
	}
}

// TestCGIKilled: the process, and what it has started, is gone when the request
// is over, whatever the reason.
func TestCGIKilled(t *testing.T) {
	t.Parallel()
	dir := root(t)
	// The grandchild ignores SIGTERM, and holds the standard output.
	path := script(t, dir, "hang", `printf 'A: b\n\nstart '
(trap '' TERM; echo $$ >&2; while :; do sleep 0.2; done) &
trap '' TERM
echo $! >&2
while :; do sleep 0.2; done`)
	partial := script(t, dir, "partial", `printf 'A: b\n'; echo $$ >&2; exec sleep 1000`)
	orphan := script(t, dir, "orphan", `printf 'A: b\n\nend'; sleep 1000 & echo $! >&2`)
	pids := func(p *peer) []int {
		rec := p.next()
		for rec.Type != wire.TypeStderr {
			rec = p.next()
		}
		var pids []int
		for _, f := range strings.Fields(string(rec.Content)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		return pids
	}
	tests := []struct {
		name, script string
		limit        time.Duration
		do           func(t *testing.T, p *peer)
	}{
		{"abort", path, 0, func(t *testing.T, p *peer) {
			p.send(wire.AbortRecord(1))
			for p.next().Type != wire.TypeEndRequest {
			}
			p.alive()
		}},
		{"peer gone", path, 0, func(t *testing.T, p *peer) { p.Close() }},
		{"time limit", path, 300 * time.Millisecond, func(t *testing.T, p *peer) {
			if a := p.answer(1); a.end.AppStatus != 408 || !strings.Contains(a.stderr, `" ran for more than 300ms`) {
				t.Errorf("%+v", a)
			}
		}},
		{"time limit in the header", partial, 300 * time.Millisecond, func(t *testing.T, p *peer) {
			a := p.answer(1)
			if a.end.AppStatus != 408 || !strings.HasPrefix(a.stdout, "Status: 408 ") || !strings.Contains(a.stderr, `header was "A: b\n"`) {
				t.Errorf("%+v", a)
			}
		}},
		{"orphan", orphan, 0, func(t *testing.T, p *peer) {
			if a := p.answer(1); a.end.AppStatus != 0 || !strings.Contains(a.stderr, "still open") {
				t.Errorf("%+v", a)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := connect(t, &Server{Handler: (&CGI{Root: dir, TimeLimit: tt.limit}).Handle})
			p.begin(1, wire.Responder, wire.KeepConn, "SCRIPT_FILENAME="+tt.script)
			p.flush() // STDIN is not ended: a program need not read it
			ids := pids(p)
			tt.do(t, p)
			for _, pid := range ids {
				wiretest.Eventually(t, "the programs have ended", func() bool { return !wiretest.Alive(pid) })
			}
		})
	}
}

// TestCGIStreams: large bodies both ways at the same time, and output as it comes.
func TestCGIStreams(t *testing.T) {
	dir := root(t)
	cat := script(t, dir, "cat", `printf 'A: b\n\n'; exec cat`)
	p := connect(t, &Server{Handler: (&CGI{Root: dir}).Handle})
	p.begin(1, wire.Responder, 0, "SCRIPT_FILENAME="+cat)
	p.flush()
	if rec := p.next(); string(rec.Content) != "A: b\n\n" {
		t.Fatalf("%+v", rec)
	}
	const size = 5 << 20
	go func() {
		in := p.Stream(wire.TypeStdin, 1)
		for range size >> 16 {
			io.WriteString(in, strings.Repeat("x", 1<<16))
		}
		in.Close()
		p.Flush()
	}()
	if a := p.answer(1); len(a.stdout) != size || a.end != (wire.EndRequest{}) {
		t.Errorf("%d bytes, %+v, %q", len(a.stdout), a.end, a.stderr)
	}
}
