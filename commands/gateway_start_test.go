//go:build linux

package commands

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// gatewayEnds waits until gateway has ended by itself.
func gatewayEnds(t *testing.T, args ...string) (code chan int, said *wiretest.Buffer) {
	t.Helper()
	said = &wiretest.Buffer{}
	env, _, _ := testEnv("")
	env.Stdout, env.Stderr = io.Discard, said
	ctx, stop := context.WithCancel(context.Background())
	code = make(chan int, 1)
	go func() { code <- Main(ctx, append([]string{"fcgiscope", "gateway"}, args...), env) }()
	t.Cleanup(stop)
	return code, said
}

// TestGatewayStarts: applications that it starts answer, and are gone with it.
func TestGatewayStarts(t *testing.T) {
	t.Parallel()
	exe, err := exec.LookPath("fcgiscope") // that of the scripts
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(wiretest.SocketDir(t), "app")
	for name, args := range map[string][]string{
		"exec":  {"exec:fcgi-app"},
		"spawn": {socket, "--spawn", shellWord(exe) + " serve hello -s --listen " + shellWord(socket)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, args...)
			for range 3 {
				if status, got := fetch(t, "GET", g.url+"/x", nil); status != 200 || got == "" {
					t.Errorf("%d %q\n%s", status, got, g.stderr)
				}
			}
			if code := g.stop(); code != 0 {
				t.Errorf("exit code %d: %s", code, g.stderr)
			}
			if c, err := net.Dial("unix", socket); err == nil && name == "spawn" {
				c.Close()
				t.Error("the application is still there")
			}
		})
	}
}

// TestGatewayApplicationEnds: it says so and does not stay without one.
func TestGatewayApplicationEnds(t *testing.T) {
	t.Parallel()
	dir := wiretest.SocketDir(t)
	socket, pidFile := filepath.Join(dir, "app"), filepath.Join(dir, "pid")
	exe, err := exec.LookPath("fcgiscope")
	if err != nil {
		t.Fatal(err)
	}
	code, said := gatewayEnds(t, socket, "--listen", "127.0.0.1:0",
		"--spawn", fmt.Sprintf("sh -c 'echo $$ >%s; exec %s serve hello -s --listen %s'", pidFile, exe, socket))
	wiretest.Eventually(t, "it serves", func() bool { return strings.Contains(said.String(), "serving ") || len(code) > 0 })
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != 3 || !strings.Contains(said.String(), "the application has ended: signal: killed") {
		t.Errorf("exit code %d: %s", got, said)
	}
}

// TestGatewayCannotStart: one line that says what is missing.
func TestGatewayCannotStart(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	root := t.TempDir()
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"9000", "--listen", busy.Addr().String()}, 1, "the address is in use"},
		{[]string{"9000", "--root", filepath.Join(root, "none")}, 1, "there is no such directory"},
		{[]string{"9000", "--tls-cert", filepath.Join(root, "none")}, 1, "--tls-cert " + filepath.Join(root, "none") + ": no such file or directory\n"},
		{[]string{"exec:no-such-program-here", "--listen", "127.0.0.1:0"}, 5, "no such command"},
		{[]string{busy.Addr().String(), "--spawn", "true", "--listen", "127.0.0.1:0"}, 5, "somebody listens there already"},
		{[]string{filepath.Join(root, "s"), "--spawn", "true", "--listen", "127.0.0.1:0"}, 3, "ended before it listened"},
	} {
		got := runMain(t, "", append([]string{"gateway"}, tt.args...)...)
		if got.code != tt.code || !strings.Contains(got.stderr, tt.says) || got.stdout != "" {
			t.Errorf("%q: exit code %d, %s", tt.args, got.code, got.stderr)
		}
	}
}

// TestGatewayBadApplications: the status and the line on stderr say which.
func TestGatewayBadApplications(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		peer   badPeer
		status int
		says   string
	}{
		{"dies", leaves(nil), 502, "connection closed without an answer"},
		{"writes nothing", says(out(end(7, wire.RequestComplete))), 502, "the application wrote no output, appStatus 7"},
		{"writes no header", says(out(stdout("<html>"), end(0, wire.RequestComplete))), 502, "the application wrote no CGI response"},
		{"hangs", stays(nil), 504, "the application hangs: no answer for 50ms"},
		{"is overloaded", says(out(end(0, wire.Overloaded))), 503, "OVERLOADED"},
		{"speaks HTTP", says([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")), 502, "not FastCGI"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr, stop, err := startPeer(tt.peer)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			g := startGateway(t, addr, "--timeout", "0.05")
			if status, got := fetch(t, "GET", g.url+"/page", nil); status != tt.status {
				t.Errorf("%d %q", status, got)
			}
			g.stop()
			if want := fmt.Sprintf("GET /page failed: %d: ", tt.status); !strings.Contains(g.stderr.String(), want) || !strings.Contains(g.stderr.String(), tt.says) {
				t.Errorf("it says %s", g.stderr)
			}
		})
	}
	t.Run("is not there", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, filepath.Join(t.TempDir(), "none"))
		if status, got := fetch(t, "GET", g.url+"/page", nil); status != 502 || strings.Contains(got, "none") {
			t.Errorf("%d %q", status, got)
		}
		if status, got := fetch(t, "GET", g.url+"/readyz", nil); status != 503 || got != "not ready: cannot reach the application\n" {
			t.Errorf("%d %q", status, got)
		}
		if g.stop(); !strings.Contains(g.stderr.String(), "GET /readyz failed: 503: ") || !strings.Contains(g.stderr.String(), "no such socket") {
			t.Errorf("it says %s", g.stderr)
		}
	})
}

// TestGatewayCutsUploads: an upload that an application does not take does not
// keep the gateway.
func TestGatewayCutsUploads(t *testing.T) {
	t.Parallel()
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	g := startGateway(t, deaf.Addr().String(), "--drain", "0.05", "--timeout", "3600", "--send-timeout", "3600")
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 100<<20)
	var sent sync.WaitGroup
	sent.Go(func() {
		for piece := make([]byte, 1<<20); ; {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	})
	app, err := deaf.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	if code := g.stop(); code != 0 {
		t.Errorf("exit code %d: %s", code, g.stderr)
	}
	sent.Wait()
}

// TestGatewayEndsRequests: who still waits for an answer when the time to drain is
// over is told so, and the log does not say that the client went away.
func TestGatewayEndsRequests(t *testing.T) {
	t.Parallel()
	addr, stop, err := startPeer(stays(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	g := startGateway(t, addr, "--drain", "0.05", "-v")
	answered := make(chan string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
		resp, err := client.Get(g.url + "/page")
		if err != nil {
			answered <- err.Error()
			return
		}
		resp.Body.Close()
		answered <- resp.Status
	}()
	wiretest.Eventually(t, "the application is asked", func() bool { return strings.Contains(g.stderr.String(), "> STDIN id=1") })
	if got := g.stop(); got != 0 {
		t.Errorf("exit code %d", got)
	}
	if got := <-answered; got != "503 Service Unavailable" {
		t.Errorf("the client has %q", got)
	}
	if log := g.stdout.String(); !strings.Contains(log, " 503 ") || !strings.Contains(log, ` first=- app=- why="the gateway ended before the answer"`) {
		t.Errorf("the log: %s", log)
	}
}

// TestGatewaySlowHeader: who does not say what it wants is not waited for.
func TestGatewaySlowHeader(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "app:echo", "--header-timeout", "0.05", "--keep-alive-timeout", "0.05")
	for _, begins := range []string{"", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, begins)
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c) // until it is closed
		c.Close()
		if err != nil || strings.HasSuffix(begins, "\r\n\r\n") != strings.HasPrefix(string(got), "HTTP/1.1 200 ") {
			t.Errorf("%q: %q, error %v", begins, got, err)
		}
	}
}

// TestGatewayTells: what flags change of what the application is told.
func TestGatewayTells(t *testing.T) {
	t.Parallel()
	root := phpApp(t)
	for _, tt := range []struct {
		args  []string
		wants []string
		not   string
	}{
		{[]string{"--root", root}, []string{"SCRIPT_FILENAME=" + root + "/form.php", "DOCUMENT_ROOT=" + root, "PATH_INFO=/i", "SERVER_NAME=127.0.0.1"}, "6.6.6.6"},
		{[]string{"--root", root, "--root-map", root + "=/app"}, []string{"SCRIPT_FILENAME=/app/form.php", "DOCUMENT_ROOT=/app"}, "6.6.6.6"},
		{[]string{"--root", root, "--trusted-proxies", "127.0.0.0/8"}, []string{"HTTP_X_FORWARDED_FOR=6.6.6.6"}, "HTTP_PROXY"},
		{[]string{"--script", "/srv/x.php", "-P", "A=b"}, []string{"SCRIPT_FILENAME=/srv/x.php", "SCRIPT_NAME=/x.php", "A=b"}, "6.6.6.6"},
		{[]string{"--server-name", "shop"}, []string{"SERVER_NAME=shop", "SCRIPT_NAME=/form.php"}, "HTTP_PROXY"},
	} {
		g := startGateway(t, append([]string{"app:echo"}, tt.args...)...)
		_, got := fetch(t, "GET", g.url+"/form.php/i", nil, "X-Forwarded-For", "6.6.6.6", "Proxy", "evil", "X_Forwarded_For", "6.6.6.6")
		for _, want := range tt.wants {
			if !strings.Contains(got, "\n"+want+"\n") {
				t.Errorf("%q: no %s in\n%s", tt.args, want, got)
			}
		}
		if strings.Contains(got, tt.not) || strings.Contains(got, "evil") {
			t.Errorf("%q: it is told %s:\n%s", tt.args, tt.not, got)
		}
	}
}

// TestGatewayTLS: HTTPS, with HTTP/2, and what the application is told of it.
func TestGatewayTLS(t *testing.T) {
	t.Parallel()
	file := certificate(t)
	g := startGateway(t, "app:echo", "--tls-cert", file)
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2}
		resp, err := (&http.Client{Transport: transport}).Get(g.url + "/x")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		transport.CloseIdleConnections()
		if want := map[bool]int{false: 1, true: 2}[h2]; resp.ProtoMajor != want || err != nil || !strings.Contains(string(b), "\nHTTPS=on\n") {
			t.Errorf("%s, error %v: %s", resp.Proto, err, b)
		}
	}
}
