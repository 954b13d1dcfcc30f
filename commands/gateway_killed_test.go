//go:build linux

package commands

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A gatewayProcess is a run of gateway as a process of its own.
type gatewayProcess struct {
	cmd            *exec.Cmd
	url            string
	stdout, stderr *wiretest.Buffer
}

// runGatewayProcess starts gateway with args, which has dir for temporary files,
// and waits until it serves. It is killed at the end of the test, if it is there
// still.
func runGatewayProcess(t *testing.T, dir string, args ...string) *gatewayProcess {
	t.Helper()
	g := &gatewayProcess{stdout: &wiretest.Buffer{}, stderr: &wiretest.Buffer{}}
	g.cmd = exec.Command("fcgiscope", append([]string{"gateway", "--listen", "127.0.0.1:0"}, args...)...)
	g.cmd.Env = append(g.cmd.Environ(), "TMPDIR="+dir)
	g.cmd.Stdout, g.cmd.Stderr = g.stdout, g.stderr
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.kill)
	wiretest.Eventually(t, "gateway serves", func() bool {
		_, at, ok := strings.Cut(g.stderr.String(), " on http")
		g.url, _, _ = strings.Cut("http"+at, "\n")
		return ok && strings.Contains(at, "\n")
	})
	return g
}

// kill is SIGKILL: nothing can be done against it.
func (g *gatewayProcess) kill() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
}

// family returns the processes below one that it has started, and theirs.
func family(t *testing.T, pid int) []int {
	t.Helper()
	var all []int
	for _, child := range wiretest.Children(t, pid) {
		all = append(append(all, child), family(t, child)...)
	}
	return all
}

// TestGatewayKilled: what it has started ends with it, even so; what is left of
// a php-fpm in the file system is gone after the next start, and that of another
// one is not.
func TestGatewayKilled(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(wiretest.SocketDir(t), "app")
	exe, err := exec.LookPath("fcgiscope")
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"exec":  {"exec:fcgi-app"},
		"spawn": {socket, "--spawn", shellWord(exe) + " serve hello -s --listen " + shellWord(socket)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := wiretest.SocketDir(t)
			g := runGatewayProcess(t, dir, args...)
			killFamily(t, g, 1)
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, error %v", left, err)
			}
		})
	}
	t.Run("php", func(t *testing.T) {
		t.Parallel()
		if _, err := fpm.FindBinary(); errors.Is(err, fpm.ErrNotInstalled) && os.Getenv("FCGISCOPE_PEERS") != "required" {
			t.Skip("missing peer: php-fpm")
		}
		dir, root := wiretest.SocketDir(t), phpApp(t)
		folders := func() []string {
			list, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		lives := runGatewayProcess(t, dir, "--php", root)
		used := folders()
		dies := runGatewayProcess(t, dir, "--php", root)
		if status, _ := fetch(t, "GET", dies.url+"/", nil); status != 200 {
			t.Errorf("status %d", status)
		}
		killFamily(t, dies, 2) // the master and a worker
		if n := len(folders()); n != 2 {
			t.Errorf("%d folders are left, want 2", n)
		}
		next := runGatewayProcess(t, dir, "--php", root)
		if now := folders(); len(now) != 2 || !slices.Contains(now, used[0]) {
			t.Errorf("there are %q, and %q is in use", now, used)
		}
		for _, g := range []*gatewayProcess{lives, next} {
			if status, _ := fetch(t, "GET", g.url+"/", nil); status != 200 {
				t.Errorf("status %d", status)
			}
			g.cmd.Process.Signal(os.Interrupt)
			if err := g.cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, g.stderr)
			}
		}
		if left := folders(); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
}

// killFamily kills a gateway that has started so many processes, or more.
func killFamily(t *testing.T, g *gatewayProcess, atLeast int) {
	t.Helper()
	pids := family(t, g.cmd.Process.Pid)
	if len(pids) < atLeast {
		t.Errorf("it has started %d processes, want %d", len(pids), atLeast)
	}
	g.kill()
	for _, pid := range pids {
		wiretest.Eventually(t, fmt.Sprintf("process %d has ended", pid), func() bool { return !wiretest.Alive(pid) })
	}
}
