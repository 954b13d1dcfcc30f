//go:build unix

package commands

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// occupy gives workers of a pool something to do for 100 s, and returns when
// they do it.
func occupy(t *testing.T, address, script string, workers int) {
	t.Helper()
	addr, err := transport.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	for range workers {
		c, err := client.Dial(t.Context(), addr, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		params, err := (&cgi.Request{URL: "/slow.php?ms=100000", Script: script}).Params()
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Do(t.Context(), client.Request{Params: params})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Header(); err != nil { // the script runs
			t.Fatal(err)
		}
	}
}

// TestFpmPools: fpm against a real pool that is idle, busy, starved, stopped and
// gone, one after the other, and against one without the pages.
func TestFpmPools(t *testing.T) {
	t.Parallel()
	peer := wiretest.RealPeer(t, "php-fpm", "children=2")
	addr := peer["unix"]
	expect := func(code int, stdout, stderr string, args ...string) {
		t.Helper()
		got := runMain(t, "", append([]string{"fpm"}, args...)...)
		if got.code != code || !strings.Contains(got.stdout, stdout) || !strings.Contains(got.stderr, stderr) || stderr == "" && got.stderr != "" {
			t.Errorf("fpm %s: exit code %d, stdout %q, stderr %q, want %d, %q, %q", strings.Join(args, " "), got.code, got.stdout, got.stderr, code, stdout, stderr)
		}
	}

	// Idle. One worker answers us.
	expect(0, "pong\n", "", "ping", addr)
	expect(0, "pool unix is well: ", "", "check", addr, "--active-processes", "2", "--min-total-processes", "2", "--listen-queue", "0")
	expect(4, "", "total processes is 2, more than 1", "check", addr, peer["tcp"], "--total-processes", "1")
	expect(0, "FPM OK - unix: ", "", "check", addr, "--nagios")

	// Busy: one of two works.
	occupy(t, addr, peer["root"]+"/slow.php", 1)
	expect(0, "pong\n", "", "ping", addr)
	expect(4, "", "idle processes is 0, less than 1", "check", addr, "--min-idle-processes", "1")
	expect(2, "FPM CRITICAL - unix: active processes is 2, more than 1", "", "check", addr, "--nagios", "--active-processes", "1")
	expect(0, "/slow.php?ms=100000", "", "status", addr, "--full")
	expect(0, "/slow.php?ms=100000", "", "top", addr, "--count", "1")

	// Starved: both work. The other pool of the same php-fpm is well.
	occupy(t, addr, peer["root"]+"/slow.php", 1)
	expect(6, "", "the pool is busy: it takes connections, but no worker answers", "ping", addr, "--timeout", "0.3")
	expect(6, "is well: ", "busy", "check", addr, peer["tcp"], "--timeout", "0.3")
	expect(1, "", "busy", "check", addr, "--healthcheck", "--timeout", "0.3")
	expect(2, "FPM CRITICAL - ", "", "check", addr, "--nagios", "--timeout", "0.3")
	expect(6, `} 0`, "busy", "status", addr, "--format", "prometheus", "--timeout", "0.3")

	// Not configured so.
	expect(4, "", `php-fpm answers, but this pool has no page "/state"`, "check", peer["tcp"], "--status-path", "/state")
	expect(4, "", "must not run", "check", peer["tcp"], "--status-path", peer["root"]+"/index.html")

	// Stopped: the kernel still takes connections.
	for _, pid := range workers(t, peer["tcp"]) {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	}
	expect(6, "", "busy", "ping", peer["tcp"], "--timeout", "0.3")

	// Gone.
	pool, err := fpm.Launch(t.Context(), fpm.LaunchOptions{NoINI: true})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	expect(0, "pong\n", "", "ping", pool.Addr().String())
	pool.Close()
	expect(5, "", "no such socket", "ping", pool.Addr().String())
}

// workers returns the ids of a pool's workers.
func workers(t *testing.T, addr string) []int {
	t.Helper()
	got := runMain(t, "", "fpm", "status", addr, "--full", "--format", "json")
	var s struct {
		Processes []struct {
			PID int `json:"pid"`
		} `json:"processes"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &s); err != nil || len(s.Processes) == 0 {
		t.Fatalf("%q: %v, %s", got.stdout, err, got.stderr)
	}
	var pids []int
	for _, p := range s.Processes {
		pids = append(pids, p.PID)
	}
	return pids
}
