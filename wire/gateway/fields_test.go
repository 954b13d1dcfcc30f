package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// TestHostOnce: in HTTP/2 a client can send Host beside :authority.
func TestHostOnce(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "http://localhost/", nil)
	r.Header.Set("Host", "elsewhere/?")
	var hosts []string
	for _, f := range (&App{}).passed(r) {
		hosts = append(hosts, f.Value)
	}
	if strings.Join(hosts, " ") != "localhost" {
		t.Errorf("Host is %q", hosts)
	}
}

// TestMalformedLine: what HTTP/2 lets through of a request line.
func TestMalformedLine(t *testing.T) {
	t.Parallel()
	app := &App{Pool: serveApp(t, write("Content-Type: text/plain\r\n\r\nhello"))}
	for _, tt := range []struct {
		method, uri, host string
		want              int
	}{
		{"GET", "/", "localhost", 200},
		{"M-SEARCH", "/?a=b&c", "a_b.example:8080", 200},
		{"GET", "/", "[::1]:8080", 200},
		{"GET", "/", "[::1]", 200},
		{"GET", "/", "localhost:", 200},
		{"GET admin", "/", "localhost", 400},
		{`GET"`, "/", "localhost", 400},
		{"", "/", "localhost", 400},
		{"GET", "/?a b", "localhost", 400},
		{"GET", "/", "localhost:http", 400},
		{"GET", "/", "[::1", 400},
		{"GET", "/", "::1", 400},
		{"GET", "/", "a[b]", 400},
	} {
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.Method, r.RequestURI, r.Host = tt.method, tt.uri, tt.host
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%q %q of %q: %d, want %d", tt.method, tt.uri, tt.host, w.Code, tt.want)
		}
	}
}

// TestParamTooLong: php-fpm cannot read one that does not fit into a record.
func TestParamTooLong(t *testing.T) {
	t.Parallel()
	app := &App{Pool: serveApp(t, write("Content-Type: text/plain\r\n\r\nhello"))}
	const name, lengths = "HTTP_X_LONG", 1 + 4
	fits := wire.MaxContent - len(name) - lengths
	for n, want := range map[int]int{fits: 200, fits + 1: 431} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.Header.Set("X-Long", strings.Repeat("x", n))
		r, x := Begin(r)
		app.ServeHTTP(w, r)
		if w.Code != want || want == 431 && !strings.Contains(x.Why, name) {
			t.Errorf("%d bytes: %d %q, want %d", n, w.Code, x.Why, want)
		}
	}
	app.Params = func(p []wire.Pair) []wire.Pair { return append(p, wire.NewPair("A", "x\x00")) }
	_, err := app.params(cgi.Default(), httptest.NewRequest("GET", "http://localhost/", nil), &Exchange{}, question{role: wire.Responder}, 0)
	if param := (*cgi.ParamError)(nil); !errors.As(err, &param) || param.Name != "A" {
		t.Errorf("a NUL byte: %v", err)
	}
}

// TestAnswerFields: what an application writes reaches the client in both
// versions, and nothing that would end a line there.
func TestAnswerFields(t *testing.T) {
	t.Parallel()
	url, _ := front(t, &App{Pool: serveApp(t, write("X-Bin: a\x00b\x1b[31m\tc\rd\x7f\xff\nSet-Cookie: a=1\nset-cookie: b=2\n\n"))})
	h2 := h2Transport(t)
	for _, transport := range []http.RoundTripper{http.DefaultTransport, h2} {
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("X-Bin"); got != "a b [31m\tc d \xff" || len(resp.Header["Set-Cookie"]) != 2 {
			t.Errorf("%s: X-Bin %q, Set-Cookie %q", resp.Proto, got, resp.Header["Set-Cookie"])
		}
	}
}

// TestNoBody: 204 and 304 have none, whatever their Content-Length says.
func TestNoBody(t *testing.T) {
	t.Parallel()
	app := &App{Pool: serveApp(t, func(_ context.Context, x *server.Exchange) {
		uri, _ := wire.Lookup(x.Params, "REQUEST_URI")
		io.WriteString(x.Stdout, "Status: "+string(uri[1:4])+"\r\nContent-Length: 400\r\n\r\n"+string(uri[4:]))
	})}
	url, done := front(t, app)
	h2 := h2Transport(t)
	for _, transport := range []http.RoundTripper{http.DefaultTransport, h2} {
		for _, path := range []string{"/204", "/304", "/304body", "/204body"} {
			req, err := http.NewRequest("GET", url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if x := <-done; err != nil || len(body) > 0 || x.Cut || x.Why != "" || resp.StatusCode == 204 && resp.ContentLength > 0 {
				t.Errorf("%s %s: %q, error %v, Content-Length %d, cut %v, why %q", resp.Proto, path, body, err, resp.ContentLength, x.Cut, x.Why)
			}
		}
	}
}
