//go:build linux

package commands

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A serving is a run of serve in this process.
type serving struct {
	addr           string // the last that it serves, without its network
	stdout, stderr *wiretest.Buffer
	stop           func() int // as Ctrl-C does; returns the exit code
}

// startServe runs serve with args, which name a --listen.
func startServe(t testing.TB, args ...string) *serving {
	t.Helper()
	s := &serving{stdout: &wiretest.Buffer{}, stderr: &wiretest.Buffer{}}
	env, _, _ := testEnv("")
	env.Stdout, env.Stderr = s.stdout, s.stderr
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- Main(ctx, append([]string{"fcgiscope", "serve"}, args...), env) }()
	once := sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	s.stop = once
	t.Cleanup(func() { once() })
	s.stderr.Wait(t, "\n", 1)
	line, _, _ := strings.Cut(s.stderr.String(), "\n")
	_, addr, ok := strings.Cut(line, " on ")
	if !ok {
		t.Fatalf("serve %q: %s", args, s.stderr)
	}
	_, s.addr, _ = strings.Cut(addr, ":")
	return s
}

// fetch asks a web server.
func fetch(t testing.TB, method, url string, body io.Reader, header ...string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestServeBehindWebServers: real web servers take what serve answers, and
// nothing that it sends breaks a rule.
func TestServeBehindWebServers(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("\x00\xff binary & = \r\n", 200_000/16)
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"nginx", []string{"all=1"}},
		{"nginx", []string{"all=1", "keep=1"}},
		{"lighttpd", []string{"all=1"}},
		{"apache", []string{"all=1"}},
		{"apache", []string{"all=1", "keep=1"}},
		{"caddy", nil},
	} {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(strings.Join(append([]string{tt.name, network}, tt.args...), " "), func(t *testing.T) {
				t.Parallel()
				args := []string{"echo", "--listen", "127.0.0.1:0"}
				if network == "unix" {
					args = []string{"echo", "--listen", filepath.Join(wiretest.SocketDir(t), "app"), "--socket-mode", "0666"}
				}
				s := startServe(t, args...)
				front := wiretest.RealPeer(t, tt.name, append([]string{"--to", s.addr}, tt.args...)...)["http"]
				for i := range 3 {
					status, got := fetch(t, "GET", front+"/some/page?n="+strconv.Itoa(i), nil)
					if status != 200 || !strings.HasPrefix(got, "GET /some/page?n="+strconv.Itoa(i)+"\n") {
						t.Fatalf("GET: %d, %q\n%s", status, got, s.stderr)
					}
				}
				status, got := fetch(t, "POST", front+"/upload", strings.NewReader(body))
				if status != 200 || !strings.HasSuffix(got, body) || !strings.Contains(got, "\nCONTENT_LENGTH="+strconv.Itoa(len(body))+"\n") {
					t.Errorf("POST: %d, %d bytes\n%s", status, len(got), s.stderr)
				}
				if code := s.stop(); code != 0 {
					t.Errorf("exit code %d, stderr %s", code, s.stderr)
				}
				if n := strings.Count(s.stdout.String(), "\n"); n != 4 || strings.Contains(s.stdout.String(), "findings") {
					t.Errorf("the lines of the requests:\n%s", s.stdout)
				}
			})
		}
	}
}

// TestServeEchoLong: nginx sends no more of a body as soon as the answer has
// begun, and a long one comes back whole all the same, as text and as JSON.
func TestServeEchoLong(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789abcdef", 5<<20/16)
	for _, buffering := range []string{"on", "off"} {
		t.Run("buffering "+buffering, func(t *testing.T) {
			t.Parallel()
			s := startServe(t, "echo", "--listen", "127.0.0.1:0")
			front := wiretest.RealPeer(t, "nginx", "--to", s.addr, "all=1", "set.client_max_body_size=8m", "set.fastcgi_read_timeout=10s", "set.fastcgi_request_buffering="+buffering)["http"]
			if status, got := fetch(t, "POST", front+"/", strings.NewReader(body)); status != 200 || !strings.HasSuffix(got, "\n\n"+body) {
				t.Errorf("%d, %d bytes\n%s", status, len(got), s.stdout)
			}
			status, got := fetch(t, "POST", front+"/", strings.NewReader(body), "Accept", "application/json")
			if status != 200 || !strings.HasSuffix(got, `,"stdin_base64":"`+base64.StdEncoding.EncodeToString([]byte(body))+`","stdin_bytes":5242880,"data":"","data_bytes":0}`+"\n") {
				t.Errorf("JSON: %d, %d bytes\n%s", status, len(got), s.stdout)
			}
		})
	}
}

// TestServeAuthorizer: lighttpd and Apache let in whom serve lets in.
func TestServeAuthorizer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"lighttpd", nil},
		{"apache", nil}, // asks with name and password
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServe(t, "authorizer", "--listen", "127.0.0.1:0")
			front := wiretest.RealPeer(t, tt.name, append([]string{"authorizer=" + s.addr}, tt.args...)...)
			if err := os.MkdirAll(filepath.Join(front["root"], "private"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(front["root"], "private", "a.html"), []byte("private\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if status, got := fetch(t, "GET", front["http"]+"/index.html", nil, "Authorization", "Basic YWxpY2U6eA=="); status != 200 {
				t.Errorf("public: %d %q\n%s", status, got, s.stdout)
			}
			if status, got := fetch(t, "GET", front["http"]+"/private/a.html", nil); status != 401 {
				t.Errorf("private, nobody: %d %q\n%s", status, got, s.stdout)
			}
			// alice:secret
			if status, got := fetch(t, "GET", front["http"]+"/private/a.html", nil, "Authorization", "Basic YWxpY2U6c2VjcmV0"); status != 200 || got != "private\n" {
				t.Errorf("private, alice: %d %q\n%s", status, got, s.stdout)
			}
		})
	}
}

// TestServeAuthorizerRules: what lighttpd and Apache make of every decision,
// and that an application behind Apache gets the variables.
func TestServeAuthorizerRules(t *testing.T) {
	t.Parallel()
	const (
		alice = "Basic YWxpY2U6c2VjcmV0"
		wrong = "Basic YWxpY2U6d3Jvbmc="
	)
	for _, tt := range []struct {
		name string
		args []string
		// The status of: public, private, private with a password, with a wrong
		// one, denied, and private as seen from /public/. Apache asks for a name
		// before it asks anybody else, makes every refusal 401, and with check=1
		// keeps the password for itself.
		anonymous, named [6]int
		asks             string // WWW-Authenticate
	}{
		{"lighttpd", nil, [6]int{200, 401, 200, 401, 403, 401}, [6]int{200, 200, 200, 401, 403, 200}, `Basic realm="the staff", charset="UTF-8"`},
		{"apache", nil, [6]int{401, 401, 200, 401, 401, 401}, [6]int{200, 200, 200, 401, 401, 200}, `Basic realm="peers"`},
		{"apache", []string{"check=1"}, [6]int{200, 401, 401, 401, 403, 401}, [6]int{200, 401, 401, 401, 403, 401}, `Basic realm="the staff", charset="UTF-8"`},
	} {
		t.Run(strings.Join(append([]string{tt.name}, tt.args...), " "), func(t *testing.T) {
			t.Parallel()
			app := startServe(t, "env", "--listen", "127.0.0.1:0")
			s := startServe(t, "authorizer", "--listen", "127.0.0.1:0", "--user", "alice:secret", "--allow-path", "/public/", "--deny-path", "*.bak",
				"--variable", "GROUP=the staff", "--variable", "AUTH_USER=anonymous", "--realm", "the staff")
			peer := wiretest.RealPeer(t, tt.name, append([]string{"--to", app.addr, "all=1", "authorizer=" + s.addr}, tt.args...)...)
			front := peer["http"]
			for _, name := range []string{"a", "public/a"} { // what lighttpd lets pass is a file, and has no application
				path := filepath.Join(peer["root"], name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte("a file"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			get := func(path, auth string) (int, string, string) {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), "GET", front+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if auth != "" {
					req.Header.Set("Authorization", auth)
				}
				resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return resp.StatusCode, string(b), resp.Header.Get("WWW-Authenticate")
			}
			for who, want := range map[string][6]int{"": tt.anonymous, alice: tt.named} {
				for i, a := range []struct{ path, auth string }{
					{"/public/a", who}, {"/a", who}, {"/a", alice}, {"/a", wrong}, {"/public/a.bak", who}, {"/public/%2e%2e/a", who},
				} {
					status, got, asks := get(a.path, a.auth)
					if status != want[i] || status == 401 && asks != tt.asks {
						t.Errorf("%s, %q: %d, want %d; it asks for %q, and answers %.200q\n%s", a.path, a.auth, status, want[i], asks, got, s.stdout)
					}
					user := "anonymous" // nobody has checked it where all are let in
					if !strings.HasPrefix(a.path, "/public/a") {
						user = "alice"
					}
					if status == 200 && got != "a file" && (!strings.Contains("\n"+got, "\nGROUP=the staff\n") || !strings.Contains("\n"+got, "\nAUTH_USER="+user+"\n")) {
						t.Errorf("%s, %q: GROUP, or AUTH_USER=%s, is not in\n%s", a.path, a.auth, user, got)
					}
				}
			}
		})
	}
}

// wrapper writes a program that becomes serve, for those who start programs
// without arguments, and says where its process id will be.
func wrapper(t *testing.T, args string) (program, pidFile string) {
	t.Helper()
	exe, err := exec.LookPath("fcgiscope") // that of the scripts
	if err != nil {
		t.Fatal(err)
	}
	dir := wiretest.SocketDir(t)
	if err := os.Chmod(dir, 0o777); err != nil { // Apache is another user
		t.Fatal(err)
	}
	program, pidFile = filepath.Join(dir, "app"), filepath.Join(dir, "pid")
	text := fmt.Sprintf("#!/bin/sh\necho $$ >'%s'\nexec '%s' serve %s\n", pidFile, exe, args)
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, pidFile
}

// TestServeSpawned: programs that start applications start serve.
func TestServeSpawned(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, needs string }{{"lighttpd", "lighttpd"}, {"apache", "mod-fcgid"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.needs != tt.name {
				wiretest.RealPeer(t, tt.needs)
			}
			program, _ := wrapper(t, "echo --silent")
			front := wiretest.RealPeer(t, tt.name, "spawn="+program)
			for i := range 3 {
				status, got := fetch(t, "POST", front["http"]+"/page?n="+strconv.Itoa(i), strings.NewReader("body"))
				if status != 200 || !strings.HasPrefix(got, "POST /page?n="+strconv.Itoa(i)+"\n") || !strings.HasSuffix(got, "body") {
					t.Errorf("%d %q", status, got)
				}
			}
		})
	}
	for name, args := range map[string]func(program, socket string) []string{
		"spawn-fcgi": func(program, socket string) []string { return []string{"-s", socket, "-n", "--", program} },
		"cgi-fcgi":   func(program, socket string) []string { return []string{"-start", "-connect", socket, program} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := wiretest.RealPeer(t, name)["command"]
			program, pidFile := wrapper(t, "echo")
			socket := filepath.Join(filepath.Dir(program), "socket")
			cmd := exec.Command(command, args(program, socket)...)
			said := &wiretest.Buffer{}
			cmd.Stdout, cmd.Stderr = said, said
			cmd.WaitDelay = 10 * time.Second
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wiretest.Eventually(t, "it has started", func() bool { b, err := os.ReadFile(pidFile); return err == nil && len(b) > 1 })
			b, err := os.ReadFile(pidFile)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			got := runMain(t, "", "request", socket, "/a", "-d", "body")
			if got.code != 0 || !strings.HasPrefix(got.stdout, "POST /a\n") {
				t.Errorf("%+v, it said %s", got, said)
			}
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v, it said %s", err, said)
			}
			wiretest.Eventually(t, "serve has ended", func() bool { return !wiretest.Alive(pid) })
		})
	}
}
