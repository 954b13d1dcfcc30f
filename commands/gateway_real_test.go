//go:build linux

package commands

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A gatewayUnderTest is a run of gateway in this process.
type gatewayUnderTest struct {
	url            string
	stdout, stderr *wiretest.Buffer
	stop           func() int // as Ctrl-C does; returns the exit code
}

// startGateway runs gateway with args on a free port.
func startGateway(t testing.TB, args ...string) *gatewayUnderTest {
	t.Helper()
	g := &gatewayUnderTest{stdout: &wiretest.Buffer{}, stderr: &wiretest.Buffer{}}
	env, _, _ := testEnv("")
	env.Stdout, env.Stderr = g.stdout, g.stderr
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, append([]string{"fcgiscope", "gateway", "--listen", "127.0.0.1:0"}, args...), env)
	}()
	g.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { g.stop() })
	wiretest.Eventually(t, "gateway listens", func() bool {
		_, at, ok := strings.Cut(g.stderr.String(), " on http")
		g.url, _, _ = strings.Cut("http"+at, "\n")
		return ok && strings.Contains(at, "\n") || len(code) > 0
	})
	if len(code) > 0 {
		t.Fatalf("gateway %q: %s", args, g.stderr)
	}
	return g
}

// phpApp is the small PHP application of the tests, as a root of its own.
func phpApp(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "www")
	if err := os.CopyFS(root, os.DirFS(filepath.Join("testdata", "php"))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"style.css": "p{}\n", "form.php.bak": "<?php secret", ".env": "secret", "image.jpg": "jpg"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// startPHP is a gateway for the application at root with a php-fpm of its own.
func startPHP(t testing.TB, root string, args ...string) *gatewayUnderTest {
	t.Helper()
	if _, err := fpm.FindBinary(); errors.Is(err, fpm.ErrNotInstalled) && os.Getenv("FCGISCOPE_PEERS") != "required" {
		t.Skip("missing peer: php-fpm")
	}
	return startGateway(t, append([]string{"--php", root, "--front", "index.php", "-P", "SESSIONS=" + t.TempDir()}, args...)...)
}

// TestGatewayPHP: forms, sessions, uploads, redirects and errors of a small PHP
// application, whichever server the parameters are like.
func TestGatewayPHP(t *testing.T) {
	t.Parallel()
	for _, as := range []string{"", "nginx", "apache", "lighttpd", "caddy"} {
		t.Run("as "+as, func(t *testing.T) {
			t.Parallel()
			var args []string
			if as != "" {
				args = []string{"--as", as}
			}
			g := startPHP(t, phpApp(t), args...)
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			said := func(resp *http.Response, err error) string {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Error(err)
				}
				return fmt.Sprint(resp.StatusCode, " ", string(b))
			}
			upload := bytes.Repeat([]byte("\x00\xff binary\r\n"), 30_000)
			form, contentType := multipartFile(t, "a b.bin", upload)
			for _, tt := range []struct{ what, got, want string }{
				{"page", said(client.Get(g.url + "/")), "200 <!DOCTYPE html>"},
				{"form", said(client.PostForm(g.url+"/form.php/info?q=1", url.Values{"name": {"wörld & co"}})), "200 POST hello wörld & co /info 1\n"},
				{"front", said(client.Get(g.url + "/articles/7?x=y")), "200 front /articles/7?x=y\n"},
				{"session", said(client.Get(g.url + "/session.php")), "200 visit 1\n"},
				{"session again", said(client.Get(g.url + "/session.php")), "200 visit 2\n"},
				{"upload", said(client.Post(g.url+"/upload.php", contentType, form)), fmt.Sprintf("200 a b.bin %d 0 %x\n", len(upload), sha256.Sum256(upload))},
				{"chunked", said(client.Post(g.url+"/body.php", "text/plain", io.MultiReader(bytes.NewReader(upload)))), fmt.Sprintf("200 %d %d\n", len(upload), len(upload))},
				{"redirect", said(client.Get(g.url + "/redirect.php")), "200 GET hello  "},
				{"error", said(client.Get(g.url + "/error.php")), "500 "},
				{"file", said(client.Get(g.url + "/style.css")), "200 p{}\n"},
				{"upload attack", said(client.Get(g.url + "/image.jpg/x.php")), "200 front /image.jpg/x.php\n"},
				{"backup", said(client.Get(g.url + "/form.php.bak")), "404 Not Found\n"},
				{"dotfile", said(client.Get(g.url + "/.env")), "404 Not Found\n"},
			} {
				if !strings.HasPrefix(tt.got, tt.want) {
					t.Errorf("%s: %.200q, want %q", tt.what, tt.got, tt.want)
				}
			}
			if code := g.stop(); code != 0 {
				t.Errorf("exit code %d: %s", code, g.stderr)
			}
			if !strings.Contains(g.stderr.String(), "GET /error.php: stderr: PHP message: PHP Fatal error:  Uncaught Error: Call to undefined function no_such_function()") {
				t.Errorf("the error is not told: %s", g.stderr)
			}
			if n := strings.Count(g.stdout.String(), "\n"); n != 14 || !strings.Contains(g.stdout.String(), " app=0 ") {
				t.Errorf("%d lines of requests, want 14:\n%s", n, g.stdout)
			}
		})
	}
}

func multipartFile(t *testing.T, name string, content []byte) (body io.Reader, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	w.Close()
	return &b, w.FormDataContentType()
}

// TestGatewayPHPStreams: an event is there while the script sleeps, and a script
// nobody waits for any more does not keep the gateway.
func TestGatewayPHPStreams(t *testing.T) {
	t.Parallel()
	g := startPHP(t, phpApp(t), "--drain", "0.1")
	resp, err := http.Get(g.url + "/events.php")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "data: first\n" || err != nil {
		t.Fatalf("%q, error %v", line, err)
	}
	if code := g.stop(); code != 0 || !strings.Contains(g.stderr.String(), "requests are not over after 100ms (--drain)") {
		t.Errorf("exit code %d: %s", code, g.stderr)
	}
	if log := g.stdout.String(); !strings.Contains(log, "\"GET /events.php HTTP/1.1\" 200 13 ") || !strings.Contains(log, ` why="the gateway ended before the end of the answer"`) {
		t.Errorf("the log: %s", g.stdout)
	}
}

// TestGatewayPHPReady: what php-fpm's status page is asked for.
func TestGatewayPHPReady(t *testing.T) {
	t.Parallel()
	g := startPHP(t, phpApp(t))
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if status, got := fetch(t, "GET", g.url+path, nil); status != 200 || got != want {
			t.Errorf("%s: %d %q", path, status, got)
		}
	}
	real := wiretest.RealPeer(t, "php-fpm")
	wrong := startGateway(t, real["unix"], "--root", real["root"], "--status-path", "/none")
	if status, got := fetch(t, "GET", wrong.url+"/readyz", nil); status != 503 || got != "not ready: the application does not answer as it should\n" {
		t.Errorf("no such page: %d %q", status, got)
	}
	if wrong.stop(); !strings.Contains(wrong.stderr.String(), "GET /readyz failed: 503: ") || !strings.Contains(wrong.stderr.String(), "/none") {
		t.Errorf("no such page: it says %s", wrong.stderr)
	}
}

// TestGatewayOthers: applications that are not PHP, and the other two roles.
func TestGatewayOthers(t *testing.T) {
	t.Parallel()
	t.Run("responders", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"libfcgi-responder", "perl-fcgi", "perl-async", "go-fcgi"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g := startGateway(t, wiretest.RealPeer(t, name)["unix"])
				body := strings.Repeat("body ", 40_000)
				for i := range 3 {
					status, got := fetch(t, "POST", fmt.Sprintf("%s/path?n=%d", g.url, i), strings.NewReader(body))
					if status != 200 || !strings.HasSuffix(strings.TrimSuffix(got, "\n"), body) {
						t.Errorf("%d, %d bytes\n%s", status, len(got), g.stderr)
					}
				}
			})
		}
	})
	t.Run("fcgiwrap", func(t *testing.T) {
		t.Parallel()
		wrap := wiretest.RealPeer(t, "fcgiwrap")
		g := startGateway(t, wrap["unix"], "--root", wrap["root"], "--extension", ".cgi")
		if status, got := fetch(t, "POST", g.url+"/echo.cgi/info?a=b", strings.NewReader("body")); status != 200 || !strings.Contains(got, "PATH_INFO=/info\n") || !strings.Contains(got, "body") {
			t.Errorf("%d %q\n%s", status, got, g.stderr)
		}
		if status, got := fetch(t, "GET", g.url+"/index.html", nil); status != 200 {
			t.Errorf("file: %d %q", status, got)
		}
	})
	t.Run("authorizer and filter", func(t *testing.T) {
		t.Parallel()
		authorizer, filter := wiretest.RealPeer(t, "libfcgi-authorizer"), wiretest.RealPeer(t, "libfcgi-filter")
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "a.txt"), []byte("to be filtered"), 0o644); err != nil {
			t.Fatal(err)
		}
		g := startGateway(t, wiretest.RealPeer(t, "libfcgi-responder")["unix"], "--root", root,
			"--authorizer", authorizer["unix"], "--filter", ".txt="+filter["unix"], "--format", "jsonl")
		if status, got := fetch(t, "GET", g.url+"/a.txt", nil); status == 200 || strings.Contains(got, "FILTERED") {
			t.Errorf("nobody: %d %q", status, got)
		}
		status, got := fetch(t, "GET", g.url+"/a.txt?token=open", nil)
		if status != 200 || !strings.HasSuffix(got, "data: 14\nTO BE FILTERED") || !strings.Contains(got, `"AUTH_USER":"alice"`) {
			t.Errorf("alice: %d %q\n%s", status, got, g.stderr)
		}
		if code := g.stop(); code != 0 || !strings.Contains(g.stdout.String(), `"why":"the authorizer refuses the request","refused":true`) {
			t.Errorf("exit code %d, log %s", code, g.stdout)
		}
	})
}

// TestGatewayChromium: a browser sends a form and a file.
func TestGatewayChromium(t *testing.T) {
	t.Parallel()
	browser := wiretest.RealPeer(t, "chromium")["command"]
	root := phpApp(t)
	for name, text := range map[string]string{
		"form.html": `<form id=f action="/form.php/i?q=1" method="post"><input name="name" value="wörld"></form><script>f.submit()</script>`,
		"upload.html": `<form id=f action="/upload.php" method="post" enctype="multipart/form-data"><input id=i type="file" name="file"></form><script>
const d = new DataTransfer(); d.items.add(new File([new Uint8Array(300000)], "zeros.bin")); i.files = d.files; f.submit()</script>`,
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("<!DOCTYPE html><meta charset=utf-8>"+text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	g := startPHP(t, root)
	for page, want := range map[string]string{
		"/form.html":   "POST hello wörld /i 1",
		"/upload.html": fmt.Sprintf("zeros.bin 300000 0 %x", sha256.Sum256(make([]byte, 300_000))),
	} {
		profile, err := os.MkdirTemp("", "fcgiscope-chromium-")
		if err != nil {
			t.Fatal(err)
		}
		// Its processes may end a little later than it does.
		defer wiretest.Eventually(t, "chromium is gone", func() bool { return os.RemoveAll(profile) == nil })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		out, err := exec.CommandContext(ctx, browser, "--no-sandbox", "--disable-gpu", "--user-data-dir="+profile,
			"--virtual-time-budget=5000", "--dump-dom", g.url+page).Output()
		cancel()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: error %v, %s\n%s", page, err, out, g.stderr)
		}
	}
}
