package wiretest

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// missingPeer is the exit code of scripts/peers for a peer that is not there.
const missingPeer = 77

// RealPeer starts a real server on loopback with "scripts/peers start NAME
// ARGS…", ends it with the test, and returns what the script says of it: tcp
// (HOST:PORT), unix (a path), root (a document root), log and others. A peer
// that is not installed skips the test, or fails it with
// FCGISCOPE_PEERS=required.
func RealPeer(t testing.TB, name string, args ...string) map[string]string {
	t.Helper()
	script := filepath.Join(moduleRoot(t), "scripts", "peers")
	dir := SocketDir(t)
	// What is started must not hold our descriptors open: its output is a file.
	out, err := os.CreateTemp(dir, "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	start := exec.Command(script, append([]string{"start", name, "--dir", dir}, args...)...)
	start.Stdout, start.Stderr = out, out
	err = start.Run()
	said, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == missingPeer && os.Getenv("FCGISCOPE_PEERS") != "required":
		t.Skipf("missing peer: %s", bytes.TrimSpace(said))
	case err != nil:
		t.Fatalf("start %s: %v\n%s", name, err, said)
	}
	t.Cleanup(func() {
		if b, err := exec.Command(script, "stop", name, "--dir", dir).CombinedOutput(); err != nil {
			t.Errorf("stop %s: %v\n%s", name, err, b)
		}
	})
	return keyValues(said)
}

func keyValues(b []byte) map[string]string {
	values := make(map[string]string)
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), "="); ok {
			values[key] = value
		}
	}
	return values
}

// moduleRoot is the directory with go.mod, above that of the test.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("wiretest: no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
