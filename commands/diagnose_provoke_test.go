//go:build unix

package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

func sayAll(found []judgement) string {
	var s []string
	for _, j := range found {
		s = append(s, fmt.Sprintf("%s (%s: %s)", j.ID, j.Confidence, j.Evidence))
	}
	return strings.Join(s, ", ")
}

// judged is what diagnose finds in facts.
func judged(f *diagnose.Facts) []judgement {
	d := &diagnosis{}
	d.found(diagnose.Diagnose(f))
	return d.Verdicts
}

// diagnosed runs the command and returns what it finds.
func diagnosed(t *testing.T, code int, args ...string) []judgement {
	t.Helper()
	got := runMain(t, "", append([]string{"diagnose", "--format", "json"}, args...)...)
	if got.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", got.code, code, got.stdout, got.stderr)
	}
	var d diagnosis
	if err := json.Unmarshal([]byte(got.stdout), &d); err != nil {
		t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
	}
	if d.Healthy != (code == 0) {
		t.Errorf("healthy %t with exit code %d", d.Healthy, got.code)
	}
	return d.Verdicts
}

// php diagnoses a path of a real php-fpm.
func php(code int, path string, more ...string) func(*testing.T) []judgement {
	return func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		args := []string{fpm["unix"], path, "--root", fpm["root"]}
		for _, s := range more {
			args = append(args, strings.ReplaceAll(s, "ROOT", fpm["root"]))
		}
		return diagnosed(t, code, args...)
	}
}

// fcgiwrapped diagnoses a CGI program behind fcgiwrap.
func fcgiwrapped(code int, program string) func(*testing.T) []judgement {
	return func(t *testing.T) []judgement {
		peer := wiretest.RealPeer(t, "fcgiwrap")
		file := filepath.Join(peer["root"], "own.cgi")
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+program+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return diagnosed(t, code, peer["unix"], "/own.cgi", "--root", peer["root"])
	}
}

// faulty diagnoses a server with a fault of package server.
func faulty(id string, code int, args ...string) func(*testing.T) []judgement {
	return func(t *testing.T) []judgement { return diagnosedFault(t, id, code, args...) }
}

func diagnosedFault(t *testing.T, id string, code int, args ...string) []judgement {
	t.Helper()
	fault, err := server.FindFault(id)
	if err != nil {
		t.Fatal(err)
	}
	app, err := server.FindApp("hello")
	if err != nil {
		t.Fatal(err)
	}
	ln := listenUnix(t)
	s := &server.Server{Handler: app.Handler, Fault: fault}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		ln.Close()
		<-served
	})
	return diagnosed(t, code, append([]string{ln.Addr().String(), "/a.php", "--timeout", "2"}, args...)...)
}

func listenUnix(t *testing.T) *net.UnixListener {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(wiretest.SocketDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.(*net.UnixListener)
}

// notPermitted is for a socket that we may not use, as another user where we
// are root.
func notPermitted(t *testing.T) []judgement {
	fpm := wiretest.RealPeer(t, "php-fpm")
	if err := os.Chmod(fpm["unix"], 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(fpm["unix"], 0); err != nil {
			t.Fatal(err)
		}
		return diagnosed(t, 5, fpm["unix"], "/a.php")
	}
	dir := filepath.Dir(fpm["unix"])
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(wiretest.SocketDir(t), "fcgiscope")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "diagnose", fpm["unix"], "/a.php", "--format", "json")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 5 {
		t.Fatalf("%v: %s", err, out)
	}
	var d diagnosis
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Verdicts) > 0 && !strings.Contains(d.Verdicts[0].Check, "srw------- root root "+fpm["unix"]) {
		t.Errorf("the mode is not told: %s", d.Verdicts[0].Check)
	}
	return d.Verdicts
}

// backlogFull fills the queue of a pool whose only worker is busy.
func backlogFull(t *testing.T) []judgement {
	fpm := wiretest.RealPeer(t, "php-fpm", "children=1", "set.listen.backlog=1")
	occupy(t, fpm["unix"], fpm["root"]+"/slow.php", 1)
	full := false
	for range 50 {
		c, err := net.DialTimeout("unix", fpm["unix"], time.Second)
		if err != nil {
			full = true
			break
		}
		t.Cleanup(func() { c.Close() })
	}
	if !full {
		t.Fatal("the queue takes 50 connections")
	}
	return diagnosed(t, 5, fpm["unix"], "/hello.php", "--root", fpm["root"])
}

func dialTest(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(networkOf(addr), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustWrite(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// readToEnd reads records to END_REQUEST.
func readToEnd(t *testing.T, c net.Conn) (records []wire.Record) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for r := wire.NewReader(c); ; {
		rec, err := r.ReadRecord()
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec.Clone())
		if rec.Type == wire.TypeEndRequest {
			return records
		}
	}
}

// stdoutOf is the body of an answer.
func stdoutOf(records []wire.Record) []byte {
	var b []byte
	for _, r := range records {
		if r.Type == wire.TypeStdout {
			b = append(b, r.Content...)
		}
	}
	_, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	return body
}

func begin(b []byte, role wire.Role, flags wire.Flags) []byte {
	return wire.NewRecord(wire.TypeBeginRequest, 1, wire.BeginRequest{Role: role, Flags: flags}.Append(nil)).Append(b)
}

// phpRequest is a whole request; NAME=VALUE are further parameters, or in place
// of the usual.
func phpRequest(file string, flags wire.Flags, params ...string) []byte {
	b := begin(nil, wire.Responder, flags)
	var pairs []byte
	for _, s := range append([]string{"SCRIPT_FILENAME=" + file, "SCRIPT_NAME=/" + filepath.Base(file), "REQUEST_METHOD=GET"}, params...) {
		name, value, _ := strings.Cut(s, "=")
		pairs = wire.NewPair(name, value).Append(pairs)
	}
	b = wire.NewRecord(wire.TypeParams, 1, pairs).Append(b)
	b = wire.NewRecord(wire.TypeParams, 1, nil).Append(b)
	return wire.NewRecord(wire.TypeStdin, 1, nil).Append(b)
}

// phpScript puts a program into the root of a php-fpm of ours.
func phpScript(t *testing.T, fpm map[string]string, name, text string) string {
	t.Helper()
	file := filepath.Join(fpm["root"], name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// askWeb asks a web server, whose answer does not matter.
func askWeb(t *testing.T, method, url string, body io.Reader, header ...string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		t.Log(err) // an answer may come, and end, before the body is sent
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}

// runCgiFcgi asks with cgi-fcgi, which sends its environment, and returns its
// exit code.
func runCgiFcgi(t *testing.T, addr, file string, env ...string) int {
	t.Helper()
	program, err := exec.LookPath("cgi-fcgi")
	if err != nil {
		if os.Getenv("FCGISCOPE_PEERS") == "required" {
			t.Fatal("missing peer: cgi-fcgi")
		}
		t.Skip("missing peer: cgi-fcgi")
	}
	cmd := exec.Command(program, "-bind", "-connect", addr)
	cmd.Env = append([]string{"SCRIPT_FILENAME=" + file, "SCRIPT_NAME=/" + filepath.Base(file), "REQUEST_METHOD=GET"}, env...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// paramsPad has nginx send as many parameters as php-fpm can just not bear.
func paramsPad(t *testing.T) []judgement {
	fpm := wiretest.RealPeer(t, "php-fpm")
	r := startRelay(t, fpm["unix"])
	args := []string{"--to", r.addr}
	for i := range 15 {
		args = append(args, fmt.Sprintf("set.fastcgi_param BIG%02d=%s", i, strings.Repeat("x", 4000)))
	}
	nginx := wiretest.RealPeer(t, "nginx", args...)
	fill := 100
	askWeb(t, "GET", nginx["http"]+"/hello.php", nil, "X-Fill: "+strings.Repeat("x", fill))
	const want = 65530
	size := int(r.next(t).ParamsBytes)
	fill += want - size - 3 // the length of a value from 128 bytes on takes 3 bytes more
	if fill < 128 || fill > 8000 {
		t.Fatalf("%d bytes of parameters cannot be filled up to %d", size, want)
	}
	askWeb(t, "GET", nginx["http"]+"/hello.php", nil, "X-Fill: "+strings.Repeat("x", fill))
	return judged(r.next(t))
}
