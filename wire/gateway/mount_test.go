package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// TestStripPrefix: a site can be mounted below a path, as other handlers can.
func TestStripPrefix(t *testing.T) {
	t.Parallel()
	site := www(t)
	site.Front = "index.php"
	site.Scripts = &App{Pool: serveApp(t, func(_ context.Context, x *server.Exchange) {
		file := strings.TrimPrefix(x.Param("SCRIPT_FILENAME"), site.Dir())
		fmt.Fprintf(x.Stdout, "Content-Type: text/plain\r\n\r\n%s %s %s %s", file, x.Param("SCRIPT_NAME"), x.Param("PATH_INFO"), x.Param("REQUEST_URI"))
	})}
	base, _ := front(t, http.StripPrefix("/blog", site))
	for path, want := range map[string]string{
		"/blog/":                  "200 /index.php /index.php  /",
		"/blog/?a=%20b":           "200 /index.php /index.php  /?a=%20b",
		"/blog/app/x.php/i%2fi?q": "200 /app/x.php /app/x.php /i/i /app/x.php/i%2fi?q",
		"/blog/articles/7":        "200 /index.php /index.php  /articles/7",
		"/blog/a.txt":             "200 text\n",
		"/blog/app?q":             "301 /blog/app/?q",
		"/blog/../blog/app":       "400 Bad Request\n", // it leaves the site
		"/blog/%61pp":             "301 /blog/%61pp/",
		"/blog/app/../.env":       "404 Not Found\n",
	} {
		resp, err := http.DefaultTransport.RoundTrip(httptest.NewRequest("GET", base+path, nil))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Location")+string(body)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestSameScript: what is run is what was looked for, however the path is
// written and whatever the parameters are made like.
func TestSameScript(t *testing.T) {
	t.Parallel()
	pieces := []string{"/", "//", "/.", "/..", "/app", "/app/", "/x.php", "/index.php", "/dir.php", "/real.php", ".php", "/nothing", "%2e", "%2f", "%2F", "%2e%2e",
		"%5c", ";", "?", "?a=/x.php", "%3f", "/%70", "x.php", "%20", "+", "/a.txt", "/empty"}
	for _, front := range []string{"", "index.php", "app/x.php"} {
		site := www(t)
		site.Front = front
		var preset *cgi.Preset
		var ran string
		app := &App{}
		site.Scripts = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, x := Begin(r)
			pairs, err := app.params(preset, r, x, question{role: wire.Responder}, 0)
			if err != nil {
				t.Errorf("%s, %s: %v", preset.Name, r.RequestURI, err)
			}
			file, _ := wire.Lookup(pairs, "SCRIPT_FILENAME")
			file, _, _ = bytes.Cut(bytes.TrimPrefix(file, []byte("proxy:fcgi://localhost")), []byte("?"))
			if ran = string(file); filepath.Clean(ran) != x.Script.File {
				t.Errorf("%s, front %q, %s: runs %q, was looked for as %q", preset.Name, front, r.RequestURI, ran, x.Script.File)
			}
		})
		for _, preset = range cgi.Presets() {
			for seed := range uint64(500) {
				rnd := rand.New(rand.NewPCG(seed, 0))
				path := "/"
				for range rnd.IntN(6) {
					path += pieces[rnd.IntN(len(pieces))]
				}
				path = "/" + strings.TrimLeft(path, "/")
				r, err := http.NewRequest("GET", "http://localhost"+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.RequestURI, r.Host, r.RemoteAddr = path, "localhost", "127.0.0.1:1"
				site.ServeHTTP(httptest.NewRecorder(), r)
			}
		}
	}
}

// TestRequestURI: as the client wrote it, unless a handler in front has changed
// it.
func TestRequestURI(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ sent, path, query, want string }{
		{"/a%2Fb/%7e?x=%zz#f", "/a/b/~", "x=%zz#f", "/a%2Fb/%7e?x=%zz#f"},
		{"/a?", "/a", "", "/a?"},
		{"/a?x", "/a", "y", "/a?y"},
		{"/a?x", "/b c", "x", "/b%20c?x"},
		{"http://h/a?x", "/a", "x", "/a?x"},
	} {
		r := &http.Request{RequestURI: tt.sent, URL: &url.URL{Path: tt.path, RawQuery: tt.query}}
		if got := requestURI(r); got != tt.want {
			t.Errorf("%s, now %s?%s: %s, want %s", tt.sent, tt.path, tt.query, got, tt.want)
		}
	}
}
