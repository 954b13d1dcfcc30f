package gateway

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// www makes a root with files of all kinds.
func www(t testing.TB) *Site {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "www")
	for name, text := range map[string]string{
		"index.php": "source", "a.txt": "text\n", "img/a.jpg": "jpg", "app/index.html": "<p>", "app/x.php": "source", "empty/.keep": "",
		"dir.php/real.php": "source", "dir.php/index.php": "source", "dir.php/b.txt": "b", ".env": "secret", ".git/config": "secret", ".well-known/x": "known",
		"index.php.bak": "source", "index.php~": "source", "a.txt~": "old", "#a.txt#": "old", "UPPER.PHP": "source", "conf.inc": "source",
		"x.phtml": "source", "old.pht": "source", "nil.txt": "", "notes.php.txt": "source", "../outside.php": "outside", "../outside.txt": "outside",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out.txt": "../outside.txt", "out.php": "../outside.php", "in.txt": "a.txt"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Skip(err)
		}
	}
	site, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { site.Close() })
	return site
}

// scripts answers with what it was to run.
func scripts(w http.ResponseWriter, r *http.Request) {
	_, x := Begin(r)
	w.Write([]byte("run " + x.Script.Name + " info " + x.Script.Info + " file " + filepath.Base(x.Script.File)))
}

func TestSite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path   string
		status int
		want   string // in the body
	}{
		{"/", 200, "run /index.php info  file index.php"},
		{"/index.php", 200, "run /index.php info "},
		{"/index.php/a/b", 200, "run /index.php info /a/b"},
		{"/index.php/", 200, "run /index.php info / "},
		{"/app/x.php", 200, "run /app/x.php"},
		{"/app/../app/./x.php", 200, "run /app/x.php"},
		{"//app//x.php", 200, "run /app/x.php"},
		{"/dir.php/real.php/i", 200, "run /dir.php/real.php info /i"},
		{"/dir.php/b.txt", 200, "b"},
		{"/a.txt", 200, "text"},
		{"/in.txt", 200, "text"},
		{"/img/a.jpg", 200, "jpg"},
		{"/app/", 200, "<p>"},
		{"/app", 301, ""},
		{"/.well-known/x", 200, "known"},

		{"/nothing", 404, ""},
		{"/nothing.php", 404, ""},
		{"/img/a.jpg/x.php", 404, ""},
		{"/a.txt/", 404, ""},
		{"/a.txt/index.php", 404, ""},
		{"/empty/", 404, ""},
		{"/.env", 404, ""},
		{"/.git/config", 404, ""},
		{"/app/../.env", 404, ""},
		{"/%2eenv", 404, ""},
		{"/index.php.bak", 404, ""},
		{"/index.php~", 404, ""},
		{"/a.txt~", 404, ""},
		{"/%23a.txt%23", 404, ""},
		{"/UPPER.PHP", 404, ""},
		{"/conf.inc", 404, ""},
		{"/x.phtml", 404, ""},
		{"/notes.php.txt", 404, ""},
		{"/out.txt", 403, ""},
		{"/out.php", 403, ""},
		{"/../outside.txt", 400, ""},
		{"/..%2foutside.txt", 400, ""},
		{"/app/..%2f..%2foutside.php", 400, ""},
		{"/a.txt%00.php", 400, ""},
		{"/#/../app/x.php", 400, ""},
		{"/app/x.php#", 400, ""},
		{"/" + strings.Repeat("x", 300), 404, ""},
	}
	site := www(t)
	site.Scripts = http.HandlerFunc(scripts)
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "http://localhost"+tt.path, nil)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %q, want %d %q", tt.path, w.Code, w.Body, tt.status, tt.want)
		}
		if strings.Contains(w.Body.String(), "source") || strings.Contains(w.Body.String(), "outside") || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: tells what nobody is to know: %q", tt.path, w.Body)
		}
	}
}

// TestSiteFront: a front controller answers for what is no file, and for
// scripts that are not there; not for what is hidden.
func TestSiteFront(t *testing.T) {
	t.Parallel()
	site := www(t)
	site.Scripts, site.Front = http.HandlerFunc(scripts), "index.php"
	for path, want := range map[string]string{
		"/articles/7": "200 run /index.php info ", "/nothing.php": "200 run /index.php", "/img/a.jpg/x.php": "200 run /index.php",
		"/a.txt": "200 text", "/empty/": "200 run /index.php", "/.env": "404", "/download/a.bak": "200 run /index.php",
	} {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		status, text, _ := strings.Cut(want, " ")
		if http.StatusText(w.Code) == "" || !strings.HasPrefix(w.Result().Status, status) || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s: %d %q, want %s", path, w.Code, w.Body, want)
		}
	}
}

// TestSiteLinks: links may lead out if they are allowed to, but paths may not.
func TestSiteLinks(t *testing.T) {
	t.Parallel()
	site := www(t)
	site.Scripts, site.FollowLinks = http.HandlerFunc(scripts), true
	for path, want := range map[string]int{"/out.txt": 200, "/out.php": 200, "/../outside.txt": 400, "/.env": 404} {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// TestSiteFiles: types, ranges, conditional requests, methods.
func TestSiteFiles(t *testing.T) {
	t.Parallel()
	site := www(t)
	ask := func(path, method string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://localhost"+path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w
	}
	get := func(method string, header ...string) *httptest.ResponseRecorder {
		return ask("/a.txt", method, header...)
	}
	whole := get("GET")
	tag, modified := whole.Header().Get("Etag"), whole.Header().Get("Last-Modified")
	if whole.Code != 200 || !strings.HasPrefix(whole.Header().Get("Content-Type"), "text/plain") || tag == "" || modified == "" {
		t.Errorf("%d, header %v", whole.Code, whole.Header())
	}
	for _, tt := range []struct {
		method string
		header []string
		status int
		body   string
	}{
		{"GET", []string{"Range", "bytes=1-2"}, 206, "ex"},
		{"GET", []string{"Range", "bytes=-2"}, 206, "t\n"},
		{"GET", []string{"Range", "bytes=10-"}, 416, ""},
		{"GET", []string{"Range", "bytes=-0"}, 416, ""},
		{"GET", []string{"Range", "bytes=0-0, -00"}, 206, "t"},
		{"GET", []string{"Range", "Bytes=1-2"}, 206, "ex"},
		{"GET", []string{"Range", "lines=1-2"}, 200, "text\n"},
		{"GET", []string{"If-None-Match", tag}, 304, ""},
		{"GET", []string{"If-Modified-Since", modified}, 304, ""},
		{"GET", []string{"Range", "bytes=1-2", "If-Range", `"other"`}, 200, "text\n"},
		{"HEAD", nil, 200, ""},
		{"POST", nil, 405, "Method Not Allowed\n"},
		{"DELETE", nil, 405, "Method Not Allowed\n"},
	} {
		w := get(tt.method, tt.header...)
		if body := w.Body.String(); w.Code != tt.status || tt.status != 416 && body != tt.body {
			t.Errorf("%s %q: %d %q, want %d %q", tt.method, tt.header, w.Code, body, tt.status, tt.body)
		}
		if allow := w.Header().Get("Allow"); (allow == "GET, HEAD") != (w.Code == 405) {
			t.Errorf("%s: %d, Allow %q", tt.method, w.Code, allow)
		}
		if ranges := w.Header().Get("Content-Range"); w.Code == 416 && ranges != "bytes */5" {
			t.Errorf("%q: Content-Range %q", tt.header, ranges)
		}
	}
	for _, asked := range []string{"bytes=0-9", "bytes=-5"} {
		if w := ask("/nil.txt", "GET", "Range", asked); w.Code != 200 || w.Header().Get("Content-Range") != "" {
			t.Errorf("%s of an empty file: %d, %v", asked, w.Code, w.Header())
		}
	}
}

// TestSiteSource: PHP is not sent either where other files are the scripts.
func TestSiteSource(t *testing.T) {
	t.Parallel()
	site := www(t)
	site.Extensions = []string{".cgi"}
	for _, path := range []string{"/index.php", "/UPPER.PHP", "/notes.php.txt", "/app/x.php", "/old.pht"} {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		if w.Code != 404 {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
}

// TestRedirectStaysHere: what looks like a host is none.
func TestRedirectStaysHere(t *testing.T) {
	t.Parallel()
	site := www(t)
	r := httptest.NewRequest("GET", "http://localhost/", nil)
	r.URL.Path = "//app"
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	if to := w.Header().Get("Location"); w.Code != 301 || to != "/app/" {
		t.Errorf("%d to %q", w.Code, to)
	}
}
