//go:build unix

package server

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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// appByPath runs the app that the first segment of the path names.
func appByPath(ctx context.Context, x *Exchange) {
	name, _, _ := strings.Cut(strings.Trim(uri(x), "/"), "?")
	app, err := FindApp(name)
	if err != nil {
		x.Respond(404, err.Error())
		return
	}
	app.Handler(ctx, x)
}

// A changing server is one whose faults can be changed while web servers know
// its address.
type changing struct {
	current atomic.Pointer[Server]
	conns   sync.WaitGroup
}

func serveChanging(t *testing.T, ln net.Listener) *changing {
	c := new(changing)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			c.conns.Go(func() { c.current.Load().ServeConn(context.Background(), nc) })
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
		c.conns.Wait()
	})
	return c
}

// listenFor listens on a Unix socket that every web server may connect to, or
// on TCP.
func listenFor(t *testing.T, network string) (net.Listener, string) {
	t.Helper()
	if network == "tcp" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln, ln.Addr().String()
	}
	path := filepath.Join(wiretest.SocketDir(t), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for p, mode := range map[string]os.FileMode{path: 0o666, filepath.Dir(path): 0o755} {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	return ln, "unix:" + path
}

var webServers = []struct {
	name string
	args []string
}{
	{"nginx", []string{"all=1", "set.fastcgi_read_timeout=1s"}},
	{"nginx", []string{"all=1", "keep=1", "set.fastcgi_read_timeout=1s"}},
	{"lighttpd", []string{"all=1"}},
	{"apache", []string{"all=1"}},
	{"apache", []string{"all=1", "keep=1"}},
}

// TestWebServers has real web servers ask the apps.
func TestWebServers(t *testing.T) {
	t.Parallel()
	for _, ws := range webServers {
		for _, network := range []string{"unix", "tcp"} {
			t.Run(strings.Join(append([]string{ws.name, network}, ws.args...), " "), func(t *testing.T) {
				t.Parallel()
				ln, addr := listenFor(t, network)
				var log errorLog
				serveChanging(t, ln).current.Store(&Server{Handler: appByPath, ErrorLog: log.add})
				front := wiretest.RealPeer(t, ws.name, append([]string{"--to", addr}, ws.args...)...)["http"]
				askApps(t, front)
				for _, line := range strings.Split(log.String(), "\n") {
					if line != "" && !strings.Contains(log.String(), "the app crash") {
						t.Errorf("reported: %s", line)
					}
				}
			})
		}
	}
}

func askApps(t *testing.T, front string) {
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	do := func(method, path string, body []byte) (int, http.Header, []byte) {
		t.Helper()
		req, err := http.NewRequest(method, front+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return resp.StatusCode, resp.Header, answer
	}
	for range 3 {
		var echoed struct {
			Role, Method, URI, Stdin string
			Params                   []struct{ Name, Value string }
		}
		_, _, answer := do("POST", "/echo?format=json&x=%2F", []byte("a=b\n"))
		if err := json.Unmarshal(answer, &echoed); err != nil {
			t.Fatalf("%v: %s", err, answer)
		}
		if echoed.Role != "RESPONDER" || echoed.Method != "POST" || echoed.URI != "/echo?format=json&x=%2F" || echoed.Stdin != "a=b\n" || len(echoed.Params) < 15 {
			t.Errorf("%+v", echoed)
		}
	}
	upload := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	if _, _, answer := do("POST", "/upload", upload); !strings.Contains(string(answer), "received 1048576 bytes") {
		t.Errorf("upload: %s", answer)
	}
	if _, _, answer := do("GET", "/big?bytes=3000001", nil); len(answer) != 3000001 {
		t.Errorf("big: %d bytes", len(answer))
	}
	if status, header, _ := do("GET", "/status?status=418&location=/teapot", nil); status != 418 || header.Get("Location") == "" {
		t.Errorf("status: %d %v", status, header)
	}
	if _, _, answer := do("GET", "/stderr?lines=3", nil); string(answer) != "the first half\nthe second half\n" {
		t.Errorf("stderr: %s", answer)
	}
	if status, _, _ := do("GET", "/crash", nil); status != 500 {
		t.Errorf("crash: %d", status)
	}
	if status, _, _ := do("GET", "/nothing", nil); status != 404 {
		t.Errorf("nothing: %d", status)
	}
	if _, _, answer := do("GET", "/slow?lines=3&ms=5", nil); strings.Count(string(answer), "\n") != 3 {
		t.Errorf("slow: %s", answer)
	}
	if status, _, answer := do("HEAD", "/hello", nil); status != 200 || len(answer) != 0 {
		t.Errorf("HEAD: %d %s", status, answer)
	}
}

// TestWebServerGone: nginx closes when its own client does, and that ends the
// handler.
func TestWebServerGone(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			ln, addr := listenFor(t, network)
			began, cause := make(chan struct{}), make(chan error, 1)
			s := &Server{Limits: Limits{HalfCloseTime: 50 * time.Millisecond}, Handler: func(ctx context.Context, x *Exchange) {
				close(began)
				<-ctx.Done()
				cause <- context.Cause(ctx)
			}}
			serveChanging(t, ln).current.Store(s)
			front := wiretest.RealPeer(t, "nginx", "--to", addr, "all=1")["http"]
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", front+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 1)
			go func() {
				_, err := http.DefaultTransport.RoundTrip(req)
				failed <- err
			}()
			<-began
			cancel()
			<-failed
			if err := <-cause; err != ErrPeerGone {
				t.Errorf("cause: %v", err)
			}
		})
	}
}

func TestWebServerAuthorizer(t *testing.T) {
	t.Parallel()
	get := func(url, user string) int {
		t.Helper()
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			name, password, _ := strings.Cut(user, ":")
			req.SetBasicAuth(name, password)
		}
		resp, err := (&http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	t.Run("lighttpd", func(t *testing.T) {
		ln, addr := listenFor(t, "unix")
		serveChanging(t, ln).current.Store(&Server{Handler: authorizer})
		front := wiretest.RealPeer(t, "lighttpd", "authorizer="+addr)["http"]
		if got := []int{get(front+"/index.html", ""), get(front+"/private/x", ""), get(front+"/private/x", "a:secret")}; fmt.Sprint(got) != "[200 401 404]" {
			t.Errorf("%v", got)
		}
	})
	t.Run("apache", func(t *testing.T) {
		ln, addr := listenFor(t, "tcp")
		// mod_authnz_fcgi passes the password as REMOTE_PASSWD, not the header.
		serveChanging(t, ln).current.Store(&Server{Handler: func(ctx context.Context, x *Exchange) {
			if x.Role == wire.Authorizer && x.Param("REMOTE_PASSWD") == "secret" {
				io.WriteString(x.Stdout, "Status: 200 OK\r\nVariable-AUTH_USER: a\r\n\r\n")
				return
			}
			x.Respond(401, "no")
		}})
		front := wiretest.RealPeer(t, "apache", "authorizer="+addr)["http"]
		if got := []int{get(front+"/index.html", "a:secret"), get(front+"/index.html", "a:wrong")}; fmt.Sprint(got) != "[200 401]" {
			t.Errorf("%v", got)
		}
	})
}

// TestCgiFcgi has libfcgi's client ask: its exit code is the appStatus.
func TestCgiFcgi(t *testing.T) {
	t.Parallel()
	command, err := exec.LookPath("cgi-fcgi")
	if err != nil {
		if os.Getenv("FCGISCOPE_PEERS") == "required" {
			t.Fatal(err)
		}
		t.Skip("missing peer: cgi-fcgi")
	}
	ln, addr := listenFor(t, "unix")
	serveChanging(t, ln).current.Store(&Server{Handler: appByPath})
	run := func(body string, env ...string) (string, string, int) {
		cmd := exec.Command(command, "-bind", "-connect", strings.TrimPrefix(addr, "unix:"))
		cmd.Env = append(env, fmt.Sprintf("CONTENT_LENGTH=%d", len(body)))
		cmd.Stdin = strings.NewReader(body)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		cmd.Run()
		return out.String(), errs.String(), cmd.ProcessState.ExitCode()
	}
	if out, _, code := run("body", "REQUEST_URI=/echo", "REQUEST_METHOD=POST"); code != 0 || !strings.HasSuffix(out, "\nbody") {
		t.Errorf("%d %q", code, out)
	}
	if out, errs, code := run("", "REQUEST_URI=/stderr"); code != 0 || !strings.Contains(errs, "after the answer") || !strings.HasSuffix(out, "second half\n") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if _, _, code := run("", "REQUEST_URI=/status?status=200&app=7", "QUERY_STRING=status=200&app=7"); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
}
