package commands

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// needCapture skips the test where capturing is not allowed.
func needCapture(t *testing.T) {
	t.Helper()
	live, err := capture.OpenLive(t.Context(), "lo", capture.LiveOptions{})
	var privilege *capture.PrivilegeError
	switch {
	case errors.As(err, &privilege):
		t.Skip("no CAP_NET_RAW: ", err)
	case err != nil:
		t.Fatal(err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
}

// stableJSON are the flags with which outputs are compared.
var stableJSON = []string{"-f", "jsonl", "--stable", "--events", "record,pair,request,closed"}

// sortedLines is for events that may come in another order.
func sortedLines(s string) []string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	slices.Sort(lines)
	return lines
}

// TestDumpLive: what passes the interface while requests go to a real php-fpm
// is what tcpdump records of it, and what --record keeps.
func TestDumpLive(t *testing.T) {
	t.Parallel()
	needCapture(t)
	fpm := wiretest.RealPeer(t, "php-fpm")
	_, port, err := net.SplitHostPort(fpm["tcp"])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	recorded, dumped := filepath.Join(dir, "recorded.pcapng"), filepath.Join(dir, "tcpdump.pcap")
	endTcpdump := startTcpdump(t, dumped, port)

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	const requests = 4
	env, _, _ := testEnv("")
	var stdout, stderr wiretest.Buffer
	env.Stdout, env.Stderr = &stdout, &stderr
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, append([]string{"fcgiscope", "dump", "--interface", "lo", "--port", port, "--record", recorded}, stableJSON...), env)
	}()
	stderr.Wait(t, "capturing on lo, TCP port "+port+", until Ctrl-C\n", 1)

	body := filepath.Join(dir, "body")
	if err := os.WriteFile(body, bytes.Repeat([]byte("0123456789"), 30_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"/hello.php"}, {"/echo.php", "-d@" + body}, {"/stderr.php"}, {"/nothing.php"}} {
		if got := runMain(t, "", append([]string{"request", fpm["tcp"], "--root", fpm["root"]}, args...)...); got.code != 0 {
			t.Fatalf("%q: exit code %d, %s", args, got.code, got.stderr)
		}
	}
	stdout.Wait(t, `"event":"closed"`, requests) // while it goes on
	interrupt()
	if got, said := <-code, stderr.String(); got != 0 || strings.Count(said, "\n") != 1 {
		t.Errorf("exit code %d, stderr %q, want 0 and one line", got, said)
	}
	live := sortedLines(stdout.String())

	endTcpdump(func() bool {
		return strings.Count(runMain(t, "", "dump", dumped, "--port", port, "-f", "jsonl").stdout, `"event":"closed","`) >= requests
	})
	for _, file := range []string{dumped, recorded} {
		got := runMain(t, "", append([]string{"dump", file}, stableJSON...)...)
		if d := cmp.Diff(live, sortedLines(got.stdout)); d != "" || got.code != 0 {
			t.Errorf("%s: exit code %d, %s (-live +read):\n%.3000s", filepath.Base(file), got.code, got.stderr, d)
		}
	}
}

// startTcpdump records what goes to the port. It has begun when this returns;
// what is returned ends it when done reports true.
func startTcpdump(t *testing.T, file, port string) (end func(done func() bool)) {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		if os.Getenv("FCGISCOPE_PEERS") == "required" {
			t.Fatal(err)
		}
		t.Skip("missing peer: tcpdump")
	}
	var said wiretest.Buffer
	cmd := exec.CommandContext(t.Context(), "tcpdump", "-i", "lo", "-U", "--immediate-mode", "-B", "65536", "-Z", "root", "-w", file, "tcp", "port", port)
	cmd.Stderr, cmd.WaitDelay = &said, time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill() // nothing happens if it has ended
		if ended != nil {
			<-ended
		}
	})
	said.Wait(t, "listening on", 1)
	return func(done func() bool) {
		tick, limit := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
		defer tick.Stop()
		for !done() {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatal("tcpdump does not write what was sent")
			}
		}
		cmd.Process.Signal(os.Interrupt)
		if err := <-ended; err != nil || !strings.Contains(said.String(), "\n0 packets dropped by kernel") {
			t.Errorf("tcpdump: %v: %s", err, &said)
		}
		ended = nil
	}
}

// TestDumpLiveEnds: by --limit; and with --strict what was found is told after
// an interrupt, too.
func TestDumpLiveEnds(t *testing.T) {
	t.Parallel()
	needCapture(t)
	tests := []struct {
		flags     string
		interrupt bool
		send      []byte
		code      int
		stderr    string // its second line; "" is none
	}{
		{"--limit 1", false, []byte("\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x04\x00\x01\x00\x00\x00\x00"), 0, ""},
		{"--strict", true, []byte("\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x09\x00\x01\x00\x00\x00\x00"), 3, "fcgiscope: --strict: "},
		{"", true, []byte("\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x09\x00\x01\x00\x00\x00\x00"), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.flags, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			env, _, _ := testEnv("")
			var stdout, stderr wiretest.Buffer
			env.Stdout, env.Stderr = &stdout, &stderr
			code := make(chan int, 1)
			go func() {
				code <- Main(ctx, append([]string{"fcgiscope", "dump", "--interface", "lo", "--port", port}, strings.Fields(tt.flags)...), env)
			}()
			stderr.Wait(t, "\n", 1)
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write(tt.send); err != nil {
				t.Fatal(err)
			}
			stdout.Wait(t, "BEGIN_REQUEST", 1)
			if tt.interrupt {
				interrupt()
			}
			got := <-code
			_, second, _ := strings.Cut(stderr.String(), "\n")
			if got != tt.code || !strings.HasPrefix(second, tt.stderr) || tt.stderr == "" && second != "" {
				t.Errorf("exit code %d, stderr %q, want %d, %q", got, &stderr, tt.code, tt.stderr)
			}
		})
	}
}

// TestRecordPrivate: nobody else may read a recording, also where others could
// read the file that it takes the place of.
func TestRecordPrivate(t *testing.T) {
	t.Parallel()
	in := filepath.Join("..", "fixtures", "capture", "apache-php.pcap")
	for _, old := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "a.pcapng")
		if old {
			if err := os.WriteFile(file, bytes.Repeat([]byte("old"), 1e5), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := runMain(t, "", "dump", in, "--record", file, "--force"); got.code != 0 || got.stderr != "" {
			t.Fatalf("exit code %d, %s", got.code, got.stderr)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("old %v: mode %v, %v", old, info.Mode(), err)
		}
		if b, err := io.ReadAll(f); err != nil || bytes.Contains(b, []byte("oldold")) {
			t.Errorf("old %v: what was in the file is still there, %v", old, err)
		}
	}
}
