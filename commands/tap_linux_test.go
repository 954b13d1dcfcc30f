package commands

import (
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestTapTakesOverPHP: the socket of a php-fpm, which is reloaded meanwhile.
func TestTapTakesOverPHP(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	pid, err := strconv.Atoi(fpm["pid"])
	if err != nil {
		t.Fatal(err)
	}
	// While it reloads, it ends workers with their connections: who asks then
	// asks again.
	ask := func(limit time.Duration) {
		t.Helper()
		deadline := time.Now().Add(limit)
		for {
			got := runMain(t, "", "request", fpm["unix"], "/hello.php", "--root", fpm["root"], "--max-time", "5")
			if got.code == 0 && got.stdout == "hello\n" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("exit code %d, %q, %s", got.code, got.stdout, got.stderr)
			}
		}
	}
	tap := startTap(t, "--takeover", fpm["unix"])
	ask(0)
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	// It keeps its socket, wherever that is.
	for range 3 {
		ask(20 * time.Second)
	}
	tap.end(t)
	if got := strings.Count(tap.stdout.String(), "GET /hello.php 200"); got != 4 {
		t.Errorf("%d requests seen:\n%s", got, &tap.stdout)
	}
	ask(20 * time.Second)
	if left, _ := filepath.Glob(fpm["unix"] + ".*"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
