//go:build unix

package commands

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestExecOwnApp: what a command does whose application is started.
func TestExecOwnApp(t *testing.T) {
	t.Setenv(server.WebServerAddrs, "192.0.2.1")
	tmp, err := os.MkdirTemp("", "fs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	t.Setenv("TMPDIR", tmp)
	tests := []struct {
		addr   string
		code   int
		stdout string
		stderr string // in it; "" is none at all
	}{
		{"exec:fcgi-app", 0, "environment: \n", ""},
		{"exec:sh -c 'echo \"a\tb\" >&2; exec fcgi-app'", 0, "environment: \n", `fcgiscope: application: a\tb`},
		{"exec:sh -c 'echo out; exec fcgi-app'", 0, "environment: \n", "fcgiscope: application: out"},
		{"exec:fcgi-app-that-is-not-there", 5, "", "start fcgi-app-that-is-not-there: no such command"},
		{"exec:./nothing/here", 5, "", "start ./nothing/here: no such command"},
		{"exec:A=b fcgi-app", 5, "", "exec:env NAME=VALUE command"},
		{"exec:/", 5, "", "start /: not permitted, or not executable"},
		{"exec:sh -c 'exit 3'", 3, "", "the application ended without an answer: exit status 3"},
		{"exec:sh -c 'kill -9 $$'", 3, "", "the application ended without an answer: signal: killed"},
		{"exec:sleep 60", 6, "", "hint: does it serve FastCGI on the listening socket"},
	}
	for _, tt := range tests {
		limit := "30"
		if tt.code == 6 {
			limit = "0.1"
		}
		got := runMain(t, "", "request", tt.addr, "/", "--timeout", limit)
		if got.code != tt.code || got.stdout != tt.stdout || !strings.Contains(got.stderr, tt.stderr) || tt.stderr == "" && got.stderr != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %d, %q, %q", tt.addr, got.code, got.stdout, got.stderr, tt.code, tt.stdout, tt.stderr)
		}
	}
	if left, err := filepath.Glob(filepath.Join(tmp, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, error %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(tmp, strings.Repeat("x", 120)))
	if got := runMain(t, "", "request", "exec:fcgi-app", "/"); got.code != 1 || !strings.Contains(got.stderr, "make a directory for the socket") {
		t.Errorf("without TMPDIR: exit code %d, stderr %q", got.code, got.stderr)
	}
}

// TestExecEndsGroup: an application that does not want to end, and its child,
// are gone when the command is, which a signal has interrupted.
func TestExecEndsGroup(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	env, _, stderr := testEnv("")
	code := make(chan int, 1)
	go func() {
		deaf := "fcgi-app deaf " + l.Addr().String()
		code <- Main(ctx, []string{"fcgiscope", "request", "exec:sh -c '" + deaf + " & exec " + deaf + "'", "/"}, env)
	}()
	var held []net.Conn
	for range 2 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	cancel()
	if got := <-code; got != 130 {
		t.Errorf("exit code %d, want 130, stderr %q", got, stderr)
	}
	for _, c := range held {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("a process is left: %v", err)
		}
	}
}

// TestExecKilled: nothing is left even if the program is killed.
func TestExecKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("for Linux only")
	}
	tmp, err := os.MkdirTemp("", "fs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("fcgiscope", "request", "exec:fcgi-app hold "+l.Addr().String(), "/")
	cmd.Env = append(cmd.Environ(), "TMPDIR="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("the application is left: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(tmp, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, error %v", left, err)
	}
}

// TestExecSeveralConnections: the application lives as long as its target.
func TestExecSeveralConnections(t *testing.T) {
	t.Parallel()
	env, _, _ := testEnv("")
	target, err := parseTarget("exec:fcgi-app")
	if err != nil {
		t.Fatal(err)
	}
	if target, err = target.open(t.Context(), env, 0); err != nil {
		t.Fatal(err)
	}
	defer target.close()
	var open []net.Conn
	for range 3 {
		c, err := target.dial(t.Context(), env, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for _, c := range open {
		c.Close()
	}
	target.close()
	if c, err := target.dial(t.Context(), env, time.Second); err == nil {
		c.Close()
		t.Error("somebody still listens after close")
	}
}

// TestExecRealPeers: applications that expect a web server to start them.
func TestExecRealPeers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		peer, command string // BIN is what the peer was compiled to
		want          string
	}{
		{"libfcgi-responder", "BIN", "body: 4\nbody"},
		{"go-fcgi", "BIN", "body: 4\nbody"},
		{"perl-fcgi", "/usr/bin/perl ../scripts/peers.d/perl-fcgi", "body: 4\nbody"},
		{"perl-async", "/usr/bin/perl ../scripts/peers.d/perl-async", "body"},
		{"fcgiwrap", "fcgiwrap -f", "CONTENT_LENGTH=4"},
	}
	for _, tt := range tests {
		t.Run(tt.peer, func(t *testing.T) {
			t.Parallel()
			peer := wiretest.RealPeer(t, tt.peer)
			command := strings.ReplaceAll(tt.command, "BIN", strings.TrimSuffix(peer["log"], ".log")+".bin")
			args := []string{"request", "exec:" + command, "/echo.cgi", "-d", "body"}
			if root := peer["root"]; root != "" {
				args = append(args, "--root", root)
			}
			got := runMain(t, "", args...)
			if got.code != 0 || !strings.Contains(got.stdout, tt.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q, want %q", got.code, got.stdout, got.stderr, tt.want)
			}
			got = runMain(t, "", "get-values", "exec:"+command)
			if got.code != 0 || !strings.Contains(got.stdout, "FCGI_MPXS_CONNS") {
				t.Errorf("get-values: exit code %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
			}
		})
	}
}
