package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A tmuxShell is fcgiscope shell in a terminal of tmux, which is a server of its
// own for each test.
type tmuxShell struct {
	t       *testing.T
	command string
	dir     string // where the shell runs
	socket  string
	joined  bool // lines of the screen that go on in the next one are one
}

// startTmux runs the program, which is this test's, with args in dir.
func startTmux(t *testing.T, dir string, args ...string) *tmuxShell {
	t.Helper()
	s := &tmuxShell{t: t, command: wiretest.RealPeer(t, "tmux")["command"], dir: dir, socket: filepath.Join(wiretest.SocketDir(t), "tmux")}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "fcgiscope")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "tmux.conf")
	if err := os.WriteFile(config, []byte("set -g remain-on-exit on\nset -g status off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := exec.Command(s.command, append([]string{"-S", s.socket, "-f", config, "-u", "new-session", "-d", "-x", "80", "-y", "24", "-c", dir,
		"sh", "-c", `"$0" "$@"; echo "exit code $?"`, program, "shell"}, args...)...) // of the codes that tmux itself is told some get lost
	start.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "SHELL=/bin/sh", "TERM=xterm", "GORACE=atexit_sleep_ms=0"}
	if b, err := start.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	server, err := strconv.Atoi(strings.TrimSpace(s.run("display-message", "-p", "#{pid}")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.run("kill-server")
		wiretest.Eventually(t, "tmux ends", func() bool { return !wiretest.Alive(server) })
	})
	return s
}

// tmux is a command for the server, and never starts one.
func (s *tmuxShell) tmux(args ...string) *exec.Cmd {
	return exec.Command(s.command, append([]string{"-S", s.socket, "-N", "-u"}, args...)...)
}

// run gives tmux a command and returns what it prints.
func (s *tmuxShell) run(args ...string) string {
	s.t.Helper()
	b, err := s.tmux(args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v\n%s", args, err, b)
	}
	return string(b)
}

// types types text as it is.
func (s *tmuxShell) types(text string) { s.t.Helper(); s.run("send-keys", "-l", "--", text) }

// keys types keys by their names.
func (s *tmuxShell) keys(names ...string) {
	s.t.Helper()
	s.run(append([]string{"send-keys"}, names...)...)
}

// pastes pastes text, in brackets as the shell asks for.
func (s *tmuxShell) pastes(text string) {
	s.t.Helper()
	s.run("set-buffer", "--", text)
	s.run("paste-buffer", "-p")
}

// idleTimes are in the prompt.
var idleTimes = regexp.MustCompile(` idle [0-9a-z]+>`)

// screen is what the terminal shows and what has left it at the top, down to the
// last line in which something stands, without idle times.
func (s *tmuxShell) screen() string {
	s.t.Helper()
	args := []string{"capture-pane", "-p", "-S", "-"}
	if s.joined {
		args = append(args, "-J")
	}
	var b strings.Builder
	for line := range strings.Lines(s.run(args...)) {
		b.WriteString(strings.TrimRight(idleTimes.ReplaceAllString(line, ">"), " \n") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// waitFor waits until the screen is as it should be.
func (s *tmuxShell) waitFor(what string, ok func(lines []string) bool) {
	s.t.Helper()
	var screen string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the screen:\n%s", screen)
		}
	}()
	wiretest.Eventually(s.t, what, func() bool {
		screen = s.screen()
		return ok(strings.Split(strings.TrimSuffix(screen, "\n"), "\n"))
	})
}

// has waits for a line.
func (s *tmuxShell) has(want string) {
	s.t.Helper()
	s.waitFor(want, func(lines []string) bool { return slices.Contains(lines, want) })
}

// ends waits until the last lines are those.
func (s *tmuxShell) ends(want ...string) {
	s.t.Helper()
	s.waitFor(strings.Join(want, "\n"), func(lines []string) bool {
		return len(lines) >= len(want) && slices.Equal(lines[len(lines)-len(want):], want)
	})
}

// golden waits until the screen is what a file holds.
func (s *tmuxShell) golden(name string, stable func(string) string) {
	s.t.Helper()
	file := filepath.Join("testdata", "shell", name)
	got := func() string { return stable(s.screen()) }
	if os.Getenv("SCREEN_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got()), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	var last string
	defer func() {
		if diff := cmp.Diff(string(want), last); diff != "" {
			s.t.Errorf("the screen is another one (-want +got; SCREEN_UPDATE=1 writes it):\n%s", diff)
		}
	}()
	wiretest.Eventually(s.t, name, func() bool { last = got(); return last == string(want) })
}

// exits waits until the shell has ended, and wants its exit code.
func (s *tmuxShell) exits(want string) {
	s.t.Helper()
	s.has("exit code " + want)
}

// TestShellTmuxPHP: a session with php-fpm in a real terminal: completion, hex
// that is pasted, records that come while a line is typed, Ctrl-C, the history.
func TestShellTmuxPHP(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	dir := wiretest.SocketDir(t)
	if err := os.Symlink(fpm["unix"], filepath.Join(dir, "fpm.sock")); err != nil {
		t.Fatal(err)
	}
	slow := "begin 2 keep\nparams 2 REQUEST_METHOD=GET SCRIPT_NAME=/slow.php SCRIPT_FILENAME=" + fpm["root"] + "/slow.php QUERY_STRING=ms=60000\nparams 2\n"
	if err := os.WriteFile(filepath.Join(dir, "slow.txt"), []byte(slow), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startTmux(t, dir, "unix:fpm.sock")
	s.joined = true // the version of PHP stands in long lines
	s.ends("unix:fpm.sock>")
	s.types("beg")
	s.keys("Tab")
	s.types("1 resp")
	s.keys("Tab")
	s.types("ke")
	s.keys("Tab", "Enter")
	s.ends("unix:fpm.sock 1 open>")
	s.types("params 1 REQUEST_M")
	s.keys("Tab")
	s.types("G")
	s.keys("Tab", "Enter")
	s.ends("    REQUEST_METHOD=GET", "unix:fpm.sock 1 open>")
	s.pastes(pingParams)
	s.has("> PARAMS id=1")
	s.has("< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE")
	s.types("stdin 1; wait")
	s.keys("Enter")
	s.ends("    # note: late-input (section 3.3): STDIN for request 1, which has ended", "unix:fpm.sock>")
	s.types("load slow.txt")
	s.keys("Enter")
	s.types("params 2 typed=while")
	s.waitFor("the output", func(lines []string) bool { return strings.Contains(strings.Join(lines, ""), `started\n"`) })
	s.ends("unix:fpm.sock 1 open> params 2 typed=while")
	s.keys("C-c") // the line
	s.ends("unix:fpm.sock 1 open>")
	s.types("wait 1")
	s.keys("Enter")
	wiretest.Eventually(t, "wait runs", func() bool { return s.run("display-message", "-p", "#{cursor_x}") == "0\n" })
	s.keys("C-c") // the request, of which php-fpm takes no notice
	s.ends("> ABORT_REQUEST id=2",
		"fcgiscope: unix:fpm.sock: no END_REQUEST for 1 request: nothing came for 1s",
		"fcgiscope: hint: wait TIME waits longer, wait late goes on, and show tells what is open",
		"unix:fpm.sock 1 open>")
	s.keys("Up", "Up")
	s.ends("unix:fpm.sock 1 open> load slow.txt")
	s.keys("C-c", "C-r")
	s.types("REQ")
	s.ends("search 'REQ'> params 1 REQUEST_METHOD=GET")
	s.keys("C-g")
	s.types("close")
	s.keys("Enter")
	s.ends("unix:fpm.sock closed>")
	padding := regexp.MustCompile(`(< STDOUT id=\d) pad=\d`) // to eight bytes, whatever the version is
	memory := regexp.MustCompile(` body-reserved=\w+|    # note: body-reserved.*\n`)
	s.golden("tmux-php.txt", func(screen string) string {
		screen = strings.NewReplacer(fpm["root"], "ROOT", "PHP/"+fpm["version"], "PHP/VERSION").Replace(screen)
		return memory.ReplaceAllString(padding.ReplaceAllString(screen, "$1 pad=N"), "")
	})
	s.keys("C-d")
	s.exits("0")
}

// pingParams are PARAMS as xxd -c 8 prints them: in lines that do not wrap, though
// the prompt may say how long the connection is idle.
const pingParams = `00000000: 0104 0001 0028 0000  .....(..
00000008: 0b05 5343 5249 5054  ..SCRIPT
00000010: 5f4e 414d 452f 7069  _NAME/pi
00000018: 6e67 0f05 5343 5249  ng..SCRI
00000020: 5054 5f46 494c 454e  PT_FILEN
00000028: 414d 452f 7069 6e67  AME/ping
00000030: 0104 0001 0000 0000  ........
`

// TestShellTmuxSize: records come while a line is typed that is longer than the
// terminal is wide, and while the terminal gets another size; what is wrong with
// them is named. The line stays whole.
func TestShellTmuxSize(t *testing.T) {
	t.Parallel()
	dir := wiretest.SocketDir(t)
	startServe(t, "slow", "--listen", filepath.Join(dir, "app"), "--fault", "end-twice")
	s := startTmux(t, dir, "unix:app", "--stable")
	s.ends("unix:app>")
	s.types("begin 1 keep; params 1 QUERY_STRING=lines=8&ms=150; raw 0104000100000000 0105000100000000")
	s.keys("Enter")
	s.types("params 1 REQUEST_URI=/what/is/typed/while/records/come/stays/as/it/is")
	const line = "unix:app 1 open> params 1 REQUEST_URI=/what/is/typed/while/records/come/stays/as/it/is"
	s.has(`< STDOUT id=1 pad=4 "line 2 of 8\n"`)
	s.ends(line[:80], line[80:])
	s.run("resize-window", "-x", "50", "-y", "24")
	s.ends(line[:50], line[50:])
	s.waitFor("the end", func(lines []string) bool { return strings.Contains(strings.Join(lines, ""), "must: end-inactive") })
	const ended = "unix:app> params 1 REQUEST_URI=/what/is/typed/while/records/come/stays/as/it/is"
	s.ends(ended[:50], ended[50:])
	s.run("resize-window", "-x", "40", "-y", "24")
	s.ends(ended[:40], ended[40:])
	s.run("resize-window", "-x", "100", "-y", "24")
	s.ends(ended)
	s.keys("C-c")
	s.types("show")
	s.keys("Enter")
	s.waitFor("show", func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), "QUERY_STRING") })
	s.golden("tmux-size.txt", func(screen string) string { return screen })
	s.types("exit")
	s.keys("Enter")
	s.exits("0")
}
