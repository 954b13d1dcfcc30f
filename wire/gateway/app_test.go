package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// front serves h by HTTP until the end of the test, and says what became of the
// requests.
func front(t *testing.T, h http.Handler) (url string, done chan *Exchange) {
	t.Helper()
	return serveFront(t, &Front{Next: h})
}

// serveFront serves f by HTTP/1.1 and HTTP/2, as front does.
func serveFront(t *testing.T, f *Front) (url string, done chan *Exchange) {
	t.Helper()
	done = make(chan *Exchange, 64)
	f.Done = func(x *Exchange) { done <- x }
	s := httptest.NewUnstartedServer(f)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(func() {
		s.Close()
		close(done)
	})
	return s.URL, done
}

// h2Transport is a client of HTTP/2 without an upgrade, until the end of the test.
func h2Transport(t *testing.T) *http.Transport {
	h2 := &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2.CloseIdleConnections)
	return h2
}

func write(format string, args ...any) server.Handler {
	return func(_ context.Context, x *server.Exchange) { fmt.Fprintf(x.Stdout, format, args...) }
}

// TestAnswers: what applications write, and what becomes of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		handler server.Handler
		method  string
		status  int
		body    string
		why     string // in it
		broken  bool   // the answer breaks off
	}{
		{"plain", write("Content-Type: text/plain\r\n\r\nhello"), "GET", 200, "hello", "", false},
		{"status", write("Status: 404 Gone Fishing\nContent-Type: text/plain\n\nnothing"), "GET", 404, "nothing", "", false},
		{"location", write("Location: /else\r\n\r\n"), "GET", 302, "", "", false},
		{"head", write("Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"), "HEAD", 200, "", "", false},
		{"no content", write("Status: 204\r\n\r\nall the same"), "GET", 204, "", "", false},
		{"exact length", write("Content-Length: 5\r\n\r\nhello"), "GET", 200, "hello", "", false},
		{"too much", write("Content-Length: 5\r\n\r\nhello, world"), "GET", 200, "hello", "7 bytes more than its Content-Length of 5", false},
		{"too little", write("Content-Length: 50\r\n\r\nhello"), "GET", 200, "hello", "45 less than its Content-Length", true},
		{"no length", write("Content-Length: five\r\n\r\nhello"), "GET", 502, "Bad Gateway\n", "a Content-Length that is none", false},
		{"two lengths", write("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "GET", 502, "Bad Gateway\n", "a Content-Length that is none", false},
		{"nothing", write(""), "GET", 502, "Bad Gateway\n", "no output, appStatus 0", false},
		{"no header", write("<html>hello"), "GET", 502, "Bad Gateway\n", "no CGI response", false},
		{"no line of a header", write("hello\nworld\n"), "GET", 502, "Bad Gateway\n", `it began with "hello\nworld\n"`, false},
		{"bad status", write("Status: abc\r\n\r\n"), "GET", 502, "Bad Gateway\n", "no CGI response", false},
		{"informational", write("Status: 101\r\n\r\n"), "GET", 502, "Bad Gateway\n", "which is no answer", false},
		{"unfinished", write("Content-Type: text/plain\r\n"), "GET", 502, "Bad Gateway\n", "ended inside the header", false},
		{"nph", write("HTTP/1.1 200 OK\r\n\r\nhello"), "GET", 502, "Bad Gateway\n", "HTTP status line", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, done := front(t, &App{Pool: serveApp(t, tt.handler)})
			req, err := http.NewRequest(tt.method, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != tt.status || string(body) != tt.body || (err != nil) != tt.broken {
				t.Errorf("%d %q, error %v, want %d %q", resp.StatusCode, body, err, tt.status, tt.body)
			}
			if x := <-done; x.Status != tt.status || !strings.Contains(x.Why, tt.why) || tt.why == "" && x.Why != "" || x.Cut != tt.broken {
				t.Errorf("log: %d, why %q, cut %v, want %q", x.Status, x.Why, x.Cut, tt.why)
			}
		})
	}
}

// TestFaults: applications that do not speak FastCGI, or not to the end.
func TestFaults(t *testing.T) {
	t.Parallel()
	stdout := wire.Record{Header: wire.Header{Version: 1, Type: wire.TypeStdout, RequestID: 1}, Content: []byte("Content-Type: text/plain\r\n\r\nhello")}
	end := func(status wire.ProtocolStatus) []byte {
		return wire.Record{Header: wire.Header{Version: 1, Type: wire.TypeEndRequest, RequestID: 1},
			Content: wire.EndRequest{Status: status}.Append(nil)}.Append(nil)
	}
	tests := []struct {
		name   string
		says   []byte // to the request, and then closes
		status int
		why    string
		broken bool
	}{
		{"closes", nil, 502, "closed without an answer", false},
		{"speaks HTTP", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), 502, "not FastCGI", false},
		{"breaks off in a record", stdout.Append(nil)[:20], 502, "connection closed", false},
		{"no END_REQUEST", stdout.Append(nil), 200, "closed without END_REQUEST", true},
		{"OVERLOADED", end(wire.Overloaded), 503, "OVERLOADED", false},
		{"CANT_MPX_CONN", end(wire.CantMultiplex), 502, "CANT_MPX_CONN", false},
		{"UNKNOWN_ROLE", end(wire.UnknownRole), 502, "UNKNOWN_ROLE", false},
		{"answers, then refuses", append(stdout.Append(nil), end(wire.Overloaded)...), 200, "then said OVERLOADED", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := &client.Pool{Dial: func(context.Context) (net.Conn, error) {
				near, far := net.Pipe()
				go func() {
					defer far.Close()
					r := wire.NewReader(far)
					for {
						rec, err := r.ReadRecord()
						if err != nil {
							return
						}
						if rec.Type == wire.TypeStdin && len(rec.Content) == 0 {
							break
						}
					}
					far.Write(tt.says)
				}()
				return near, nil
			}}
			defer pool.Close()
			url, done := front(t, &App{Pool: pool})
			resp, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != tt.status || (err != nil) != tt.broken {
				t.Errorf("%d, error %v, want %d", resp.StatusCode, err, tt.status)
			}
			if x := <-done; !strings.Contains(x.Why, tt.why) {
				t.Errorf("why: %q, want %q", x.Why, tt.why)
			}
		})
	}
}

// TestUnreachable: who cannot be asked.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason transport.Reason
		status int
	}{{transport.Refused, 502}, {transport.NotFound, 502}, {transport.Permission, 502}, {transport.Backlog, 503}, {transport.Timeout, 504}} {
		pool := &client.Pool{Dial: func(context.Context) (net.Conn, error) {
			return nil, &transport.DialError{Addr: transport.Addr{Network: "unix", Address: "/none"}, Reason: tt.reason, Err: os.ErrNotExist}
		}}
		w := httptest.NewRecorder()
		r, x := Begin(httptest.NewRequest("GET", "http://localhost/", nil))
		(&App{Pool: pool}).ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(x.Why, "/none") {
			t.Errorf("%v: %d, %q, want %d", tt.reason, w.Code, x.Why, tt.status)
		}
	}
}

// TestHangs: an application that says nothing is given up.
func TestHangs(t *testing.T) {
	t.Parallel()
	pool := serveApp(t, func(ctx context.Context, x *server.Exchange) { <-ctx.Done() })
	pool.Options.Idle = 20 * time.Millisecond
	url, done := front(t, &App{Pool: pool})
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if x := <-done; resp.StatusCode != 504 || !strings.Contains(x.Why, "hangs: no answer for 20ms") {
		t.Errorf("%d %q", resp.StatusCode, x.Why)
	}
	endless := serveApp(t, func(ctx context.Context, x *server.Exchange) { <-ctx.Done() })
	url, done = front(t, &App{Pool: endless, MaxTime: 20 * time.Millisecond})
	if resp, err = http.Get(url); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if x := <-done; resp.StatusCode != 504 || !strings.Contains(x.Why, "not done after 20ms") {
		t.Errorf("%d %q", resp.StatusCode, x.Why)
	}
}

// TestHeaderFields: what an application is told of the header, and what not.
func TestHeaderFields(t *testing.T) {
	t.Parallel()
	header := http.Header{
		"User-Agent": {"u"}, "Cookie": {"a=1", "b=2"}, "X-Two": {"1", "2"}, "Accept": {"*/*"}, "Authorization": {"Basic Og=="},
		"Proxy": {"evil"}, "Connection": {"close, X-Named"}, "X-Named": {"n"}, "Keep-Alive": {"1"}, "Te": {"trailers"}, "Upgrade": {"h2c"},
		"Transfer-Encoding": {"chunked"}, "Proxy-Authorization": {"secret"}, "Proxy-Connection": {"x"},
		"X_Under": {"u"}, "Content_length": {"9"}, "X.Dot": {"d"}, "X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Proto": {"https"},
		"Forwarded": {"for=6.6.6.6"}, "X-Real-Ip": {"6.6.6.6"},
	}
	names := func(a *App) (names []string) {
		r := &http.Request{Header: header, Host: "localhost", RemoteAddr: "127.0.0.1:4711"}
		for _, f := range a.passed(r) {
			names = append(names, f.Name)
		}
		return names
	}
	want := []string{"Host", "Accept", "Authorization", "Cookie", "Cookie", "User-Agent", "X-Two", "X-Two"}
	if got := names(&App{}); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := names(&App{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}); !slices.Equal(got, want) {
		t.Errorf("another proxy: got %q\nwant %q", got, want)
	}
	trusted := names(&App{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip"} {
		if !slices.Contains(trusted, name) {
			t.Errorf("%s of a proxy of ours is left out", name)
		}
	}
	// No preset makes more of a request than that.
	for _, s := range cgi.Presets() {
		if !slices.Contains(s.Roles, wire.Responder) {
			continue
		}
		a := &App{}
		r := httptest.NewRequest("GET", "http://localhost/x.php", nil)
		r.Header = header
		pairs, err := a.params(s, r, &Exchange{Script: Script{File: "/srv/x.php", Name: "/x.php", Root: "/srv"}}, question{role: wire.Responder}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pairs {
			name, value := string(p.Name), string(p.Value)
			if name == "HTTP_PROXY" || name == "HTTP_CONTENT_LENGTH" || name == "HTTP_X_UNDER" || strings.Contains(value, "6.6.6.6") || value == "secret" {
				t.Errorf("%s: %s=%s", s.Name, name, value)
			}
		}
	}
}

// TestHostIsNoPath: in HTTP/2 net/http takes any :authority, and what is no host
// must not become the beginning of the path, which names what is run.
func TestHostIsNoPath(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	site := www(t)
	site.Scripts = &App{Pool: serveApp(t, func(context.Context, *server.Exchange) { asked <- struct{}{} })}
	for _, host := range []string{"h/app/?", "h/.git/#", `h\app`, "h?x", "user@h", "h h", "h\"", "h\x80"} {
		r := httptest.NewRequest("GET", "https://localhost/", nil)
		r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host = "HTTP/2.0", 2, 0, host
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("host %q: %d, want 400", host, w.Code)
		}
		select {
		case <-asked:
			t.Errorf("host %q: the application was asked", host)
		default:
		}
	}
	for _, host := range []string{"localhost", "a_b.example:8080", "[::1]:8080", "h%C3%BC", ""} {
		if !isHost(host) {
			t.Errorf("host %q is refused", host)
		}
	}
}

// TestStderr is passed on as it comes, and counted.
func TestStderr(t *testing.T) {
	t.Parallel()
	said := make(chan string, 1)
	app := &App{
		Pool: serveApp(t, func(_ context.Context, x *server.Exchange) {
			fmt.Fprint(x.Stderr, "oh no\n")
			fmt.Fprint(x.Stdout, "Content-Type: text/plain\r\n\r\nfine")
			x.SetAppStatus(3)
		}),
		Stderr: func(_ *Exchange, p []byte) { said <- string(p) },
	}
	url, done := front(t, app)
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if x := <-done; <-said != "oh no\n" || x.Stderr != 6 || x.End == nil || x.End.AppStatus != 3 || !x.Asked || x.First <= 0 {
		t.Errorf("%+v", x)
	}
}

// TestStaleConnection: one that the application has closed meanwhile costs
// nothing.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	var conns []net.Conn
	pool := serveApp(t, write("Content-Type: text/plain\r\n\r\nhello"))
	dial := pool.Dial
	pool.Dial = func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		conns = append(conns, c)
		return c, err
	}
	url, _ := front(t, &App{Pool: pool})
	for i := range 3 {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || len(conns) != i+1 {
			t.Errorf("%d, %d connections", resp.StatusCode, len(conns))
		}
		conns[i].(*net.UnixConn).CloseRead()
		conns[i].(*net.UnixConn).CloseWrite()
	}
}

// TestMethods that are not for applications.
func TestMethods(t *testing.T) {
	t.Parallel()
	app := &App{Pool: serveApp(t, write("Content-Type: text/plain\r\n\r\nhello"))}
	for method, want := range map[string]int{"TRACE": 405, "CONNECT": 405, "OPTIONS": 200, "PROPFIND": 200} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest(method, "http://localhost/", nil))
		if w.Code != want || (w.Header().Get("Allow") != "") != (want == 405) {
			t.Errorf("%s: %d, Allow %q, want %d", method, w.Code, w.Header().Get("Allow"), want)
		}
	}
}

// TestFrontPanics: a handler that panics is a 500, or a broken answer.
func TestFrontPanics(t *testing.T) {
	t.Parallel()
	url, done := front(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			w.Write(bytes.Repeat([]byte("x"), 1<<20))
		}
		panic("oops")
	}))
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if x := <-done; resp.StatusCode != 500 || !strings.HasPrefix(x.Why, "panic: oops\n") {
		t.Errorf("%d %q", resp.StatusCode, x.Why)
	}
	if resp, err = http.Get(url + "/late"); err != nil {
		t.Fatal(err)
	}
	if _, err = io.ReadAll(resp.Body); err == nil {
		t.Error("the answer looks complete")
	}
	resp.Body.Close()
	if x := <-done; !x.Cut {
		t.Errorf("%+v", x)
	}
}

var errOther = errors.New("other")

func TestStatusOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
	}{
		{errOther, 502}, {client.ErrClosed, 503}, {context.DeadlineExceeded, 504}, {&client.TimeoutError{Idle: time.Second}, 504},
		{&client.ClosedError{Err: io.EOF}, 502}, {&client.ProtocolError{Rule: wire.RuleVersion}, 502},
	} {
		if got, why := statusOf(tt.err); got != tt.want || why == "" {
			t.Errorf("%v: %d %q, want %d", tt.err, got, why, tt.want)
		}
	}
}
