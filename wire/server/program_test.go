//go:build unix

package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestCGIStdinHeld: a request ends though a process that has left the group of
// its program holds a standard input that nobody reads.
func TestCGIStdinHeld(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip(err)
	}
	dir := root(t)
	pidFile := filepath.Join(dir, "pid")
	path := script(t, dir, "holds", `exec 3<&0
setsid sh -c 'echo $$ >pid; exec sleep 1000' <&3 >/dev/null 2>&1 &
while [ ! -s pid ]; do sleep 0.01; done
printf 'A: b\n\nend'`)
	t.Cleanup(func() {
		b, _ := os.ReadFile(pidFile)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	s := &Server{Handler: (&CGI{Root: dir}).Handle}
	p := connect(t, s)
	// More than a pipe holds, and less than the server takes.
	p.request(1, wire.KeepConn, strings.Repeat("x", 100_000), "SCRIPT_FILENAME="+path)
	if a := p.answer(1); a.stdout != "A: b\n\nend" || a.end.AppStatus != 0 {
		t.Errorf("%+v", a)
	}
	wiretest.Eventually(t, "the handler has returned", func() bool { return s.inFlight.Load() == 0 })
}

// TestCGILongNonsense: a program whose output is no response may write all of
// it, and is not waited for longer.
func TestCGILongNonsense(t *testing.T) {
	t.Parallel()
	dir := root(t)
	path := script(t, dir, "nonsense", `echo 'no header'; echo; head -c 300000 /dev/zero; exit 3`)
	p := connect(t, &Server{Handler: (&CGI{Root: dir, TimeLimit: 20 * time.Second}).Handle})
	p.request(1, wire.KeepConn, "", "SCRIPT_FILENAME="+path)
	if a := p.answer(1); a.end.AppStatus != 502 || !strings.HasPrefix(a.stdout, "Status: 502 ") {
		t.Errorf("%+v", a)
	}
}

// TestCGIOwnVariables win over those of the peer.
func TestCGIOwnVariables(t *testing.T) {
	t.Parallel()
	dir := root(t)
	path := script(t, dir, "env", `printf 'A: b\n\n%s' "$EXTRA|$HTTP_X"`)
	p := connect(t, &Server{Handler: (&CGI{Root: dir, Pass: []string{"EXTRA"}, Env: []string{"EXTRA=ours", "HTTP_X=ours"}}).Handle})
	p.request(1, wire.KeepConn, "", "SCRIPT_FILENAME="+path, "EXTRA=theirs", "HTTP_X=theirs")
	if a := p.answer(1); a.stdout != "A: b\n\nours|ours" {
		t.Errorf("%+v", a)
	}
}
