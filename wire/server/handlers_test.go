package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

func TestMux(t *testing.T) {
	text := func(s string) Handler {
		return func(_ context.Context, x *Exchange) { io.WriteString(x.Stdout, textHeader+s) }
	}
	p := connect(t, &Server{Handler: Mux(map[string]Handler{"/srv/a": text("file"), "/a": text("name"), "/p": func(context.Context, *Exchange) { panic("x") }})})
	for params, want := range map[string]string{
		"SCRIPT_FILENAME=/srv/a SCRIPT_NAME=/a": textHeader + "file",
		"SCRIPT_FILENAME=/srv/b SCRIPT_NAME=/a": textHeader + "name",
		"SCRIPT_NAME=/p":                        string(response(500, `the handler panicked: "x"`)),
		"SCRIPT_FILENAME=/srv/b":                string(response(404, `no function for SCRIPT_FILENAME "/srv/b", SCRIPT_NAME ""`)),
	} {
		p.request(1, wire.KeepConn, "", strings.Fields(params)...)
		if a := p.answer(1); a.stdout != want {
			t.Errorf("%s: %+v", params, a)
		}
	}
}

func TestHTTP(t *testing.T) {
	tests := []struct {
		name       string
		params     string
		body       string
		handler    http.HandlerFunc
		want       string
		appStatus  uint32
		wantStderr string
	}{
		{"get", "REQUEST_METHOD=GET REQUEST_URI=/p%20q?a=b SERVER_PROTOCOL=HTTP/1.1 HTTP_HOST=h:80 HTTP_X_Y=z REMOTE_ADDR=::1 REMOTE_PORT=7 HTTPS=on", "",
			func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintln(w, r.Method, r.URL.Path, r.URL.RawQuery, r.Host, r.Header, r.RemoteAddr, r.TLS != nil, r.Proto, len(HTTPParams(r)))
			}, "Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGET /p q a=b h:80 map[X-Y:[z]] [::1]:7 true HTTP/1.1 8\n", 0, ""},
		{"no uri", "REQUEST_METHOD=GET SCRIPT_NAME=/s.php PATH_INFO=/i QUERY_STRING=q", "",
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", r.RequestURI)
				w.WriteHeader(302)
			}, "Status: 302 Found\r\nLocation: /s.php/i?q\r\n\r\n", 0, ""},
		{"body", "REQUEST_METHOD=POST CONTENT_LENGTH=4 CONTENT_TYPE=a/b", "bodyandmore",
			func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				w.Header()["Content-Type"] = nil
				fmt.Fprintf(w, "%s %v %d %s", b, err, r.ContentLength, r.Header.Get("Content-Type"))
			}, "Status: 200 OK\r\n\r\nbody <nil> 4 a/b", 0, ""},
		{"body too short", "REQUEST_METHOD=POST CONTENT_LENGTH=20", "body",
			func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				w.WriteHeader(204)
				_, err2 := w.Write([]byte("x"))
				w.Header().Set("Late", "x")
				if err != io.ErrUnexpectedEOF || err2 != http.ErrBodyNotAllowed {
					t.Error(err, err2)
				}
			}, "Status: 204 No Content\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", 0, ""},
		{"body without length", "REQUEST_METHOD=POST", "body",
			func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				w.WriteHeader(100)
				w.WriteHeader(201)
				w.WriteHeader(500)
				fmt.Fprintf(w, "%d %s", r.ContentLength, b)
			}, "Status: 201 Created\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n-1 body", 0, ""},
		{"head", "REQUEST_METHOD=HEAD", "", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") }, "Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", 0, ""},
		{"nothing", "REQUEST_METHOD=GET", "", func(w http.ResponseWriter, r *http.Request) {}, "Status: 200 OK\r\n\r\n", 0, ""},
		{"injection", "REQUEST_METHOD=GET", "", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("A", "b\r\nC: d") }, "Status: 200 OK\r\nA: b  C: d\r\n\r\n", 0, ""},
		{"no method", "A=b", "", nil, string(response(400, "no REQUEST_METHOD")), 400, ""},
		{"bad length", "REQUEST_METHOD=GET CONTENT_LENGTH=-1", "", nil, string(response(400, `CONTENT_LENGTH is "-1"`)), 400, ""},
		{"bad uri", "REQUEST_METHOD=GET REQUEST_URI=/%zz", "", nil, string(response(400, `REQUEST_URI: parse "/%zz": invalid URL escape "%zz"`)), 400, ""},
		{"panic", "REQUEST_METHOD=GET", "", func(w http.ResponseWriter, r *http.Request) { panic("x") }, string(response(500, `the handler panicked: "x"`)), 500, "fcgiscope: the handler panicked: \"x\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := connect(t, &Server{Handler: HTTP(tt.handler)})
			p.request(1, wire.KeepConn, tt.body, strings.Fields(tt.params)...)
			if a := p.answer(1); a.stdout != tt.want || a.end.AppStatus != tt.appStatus || a.stderr != tt.wantStderr {
				t.Errorf("%+v, want %q", a, tt.want)
			}
			p.alive()
		})
	}
}

// TestHTTPStreams: what was flushed can be read before more is sent.
func TestHTTPStreams(t *testing.T) {
	p := connect(t, &Server{Handler: HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if err != nil {
				return
			}
			w.Write(buf[:n])
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
	}))})
	p.begin(1, wire.Responder, wire.KeepConn, "REQUEST_METHOD=POST")
	p.flush()
	var got string
	for _, part := range []string{"one", "two", "three"} {
		p.send(wire.NewRecord(wire.TypeStdin, 1, []byte(part)))
		for !strings.HasSuffix(got, part) {
			got += string(p.next().Content)
		}
	}
	p.send(wire.NewRecord(wire.TypeStdin, 1, nil))
	if a := p.answer(1); a.stdout != "" {
		t.Errorf("%+v", a)
	}
}

func TestApps(t *testing.T) {
	tests := []struct {
		app, params string
		role        wire.Role
		stdin, data string
		want        string // in STDOUT
		stderr      string
		appStatus   uint32
	}{
		{"hello", "", wire.Responder, "", "", "Hello from fcgiscope.\n", "", 0},
		{"env", "A=b C=\x1b", wire.Responder, "", "", "\r\n\r\nA=b\nC=\"\\x1b\"\n", "", 0},
		{"upload", "CONTENT_TYPE=a/b", wire.Responder, "abc", "", "CONTENT_TYPE=a/b\nsha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n", "", 0},
		{"slow", "QUERY_STRING=lines=2&ms=1", wire.Responder, "", "", "line 1 of 2\nline 2 of 2\n", "", 0},
		{"big", "QUERY_STRING=bytes=70", wire.Responder, "", "", "Content-Length: 70\r\n\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n012345", "", 0},
		{"stderr", "QUERY_STRING=lines=2", wire.Responder, "", "", "the first half\nthe second half\n", "stderr before the answer\nstderr line 1 of 2\nstderr line 2 of 2\nstderr after the answer\n", 0},
		{"status", "QUERY_STRING=status=503&app=9", wire.Responder, "", "", "Status: 503 Service Unavailable\r\n", "", 9},
		{"status", "QUERY_STRING=location=/x", wire.Responder, "", "", "Status: 404 Not Found\r\nLocation: /x\r\n", "", 0},
		{"status", "QUERY_STRING=location=/x\r\nA:b", wire.Responder, "", "", "Status: 404 Not Found\r\nContent-Type: ", "", 0},
		{"status", "QUERY_STRING=status=5", wire.Responder, "", "", "Status: 400 ", "", 400},
		{"crash", "", wire.Responder, "", "", "Status: 500 ", "fcgiscope: the handler panicked", 500},
		{"crash", "QUERY_STRING=how=late", wire.Responder, "", "", "the first half\n", "fcgiscope: the handler panicked", 500},
		{"crash", "QUERY_STRING=how=goexit", wire.Responder, "", "", "Status: 500 ", "ended its goroutine", 500},
		{"authorizer", "REQUEST_URI=/a HTTP_AUTHORIZATION=Basic\u00a0x", wire.Authorizer, "", "", "Status: 200 OK\r\nVariable-AUTH_METHOD: fcgiscope\r\n\r\n", "", 0},
		{"authorizer", "REQUEST_URI=/x/private", wire.Authorizer, "", "", "Status: 401 ", "", 0},
		{"authorizer", "REQUEST_URI=/private/a", wire.Authorizer, "", "", "Status: 401 ", "", 0},
		{"filter", "FCGI_DATA_LENGTH=6", wire.Filter, "in", "abc\xc3\xa4d", "\r\n\r\nABC\xc3\xa4D", "", 0},
		{"filter", "FCGI_DATA_LENGTH=9", wire.Filter, "", "abc", "\r\n\r\nABC", "filter: DATA has 3 bytes, FCGI_DATA_LENGTH is \"9\"\n", 1},
		{"filter", "", wire.Responder, "", "", "Status: 400 ", "", 400},
		{"echo", "REQUEST_METHOD=PUT REQUEST_URI=/u", wire.Filter, "in", "data", "PUT /u\nrole FILTER, request id 1, 2 params\n\nREQUEST_METHOD=PUT\nREQUEST_URI=/u\n\nin\ndata", "", 0},
	}
	tested := map[string]bool{}
	for _, tt := range tests {
		tested[tt.app] = true
		t.Run(tt.app+" "+tt.params, func(t *testing.T) {
			app, err := FindApp(tt.app)
			if err != nil {
				t.Fatal(err)
			}
			p := connect(t, &Server{Handler: app.Handler})
			p.begin(1, tt.role, wire.KeepConn, strings.Split(tt.params, " ")...)
			for ty, content := range map[wire.Type]string{wire.TypeStdin: tt.stdin, wire.TypeData: tt.data} {
				s := p.Stream(ty, 1)
				io.WriteString(s, content)
				s.Close()
			}
			p.flush()
			a := p.answer(1)
			if !strings.Contains(a.stdout, tt.want) || !strings.Contains(a.stderr, tt.stderr) || a.end.AppStatus != tt.appStatus || tt.stderr == "" && a.stderr != "" {
				t.Errorf("%+v, want %+v", a, tt)
			}
			var h cgi.Header
			if h.Feed([]byte(a.stdout)); !h.Done() || h.Err() != nil {
				t.Errorf("response header: %v: %q", h.Err(), a.stdout)
			}
			p.alive()
		})
	}
	for _, app := range Apps() {
		if !tested[app.Name] || app.Help == "" {
			t.Errorf("app %s: not tested, or no help", app.Name)
		}
	}
	if _, err := FindApp("none"); err == nil || !strings.Contains(err.Error(), "echo, hello") {
		t.Errorf("error %v", err)
	}
}

func TestEchoJSON(t *testing.T) {
	large := strings.Repeat("x", 100000)
	for body, want := range map[string]map[string]any{
		"text\n": {"stdin": "text\n", "stdin_bytes": 5.0},
		"\x00":   {"stdin_base64": "AA==", "stdin_bytes": 1.0},
		large:    {"stdin_base64": base64.StdEncoding.EncodeToString([]byte(large)), "stdin_bytes": 100000.0},
	} {
		p := connect(t, &Server{Handler: echo})
		p.request(1, 0, body, "QUERY_STRING=x&format=json", "A=\xff", "A=2")
		_, answer, _ := strings.Cut(p.answer(1).stdout, "\r\n\r\n")
		var got map[string]any
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%v: %s", err, answer)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s = %.50v, want %.50v", k, got[k], v)
			}
		}
		params := []any{map[string]any{"name": "QUERY_STRING", "value": "x&format=json"}, map[string]any{"name": "A", "value_base64": "/w=="}, map[string]any{"name": "A", "value": "2"}}
		if !reflect.DeepEqual(got["params"], params) {
			t.Errorf("params %v, want %v", got["params"], params)
		}
	}
}

// TestEchoFilter: a FILTER answers after the end of STDIN.
func TestEchoFilter(t *testing.T) {
	p := connect(t, &Server{Handler: echo})
	p.begin(1, wire.Filter, wire.KeepConn)
	in := p.Stream(wire.TypeStdin, 1)
	in.Write(bytes.Repeat([]byte("x"), 3<<20))
	p.flush()
	p.alive() // and nothing else before
	in.Close()
	data := p.Stream(wire.TypeData, 1)
	io.WriteString(data, "data")
	data.Close()
	p.flush()
	if a := p.answer(1); !strings.HasSuffix(a.stdout, "\n"+strings.Repeat("x", 3<<20)+"\ndata") {
		t.Errorf("%d bytes: %q", len(a.stdout), a.stdout[max(0, len(a.stdout)-100):])
	}
}

func TestAllowed(t *testing.T) {
	allow, err := ParseAllowed(" 127.0.0.1, 192.0.2.0/24,::1 ")
	if want := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("::1/128")}; err != nil || !reflect.DeepEqual(allow, want) {
		t.Fatalf("%v, %v", allow, err)
	}
	if none, err := ParseAllowed(" "); none != nil || err != nil {
		t.Errorf("%v, %v", none, err)
	}
	for _, bad := range []string{"localhost", "127.0.0.1,", "1.2.3.4/33"} {
		if got, err := ParseAllowed(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
	for _, tt := range []struct {
		network, list string
		ok            bool
	}{{"tcp", "127.0.0.1", true}, {"tcp", "192.0.2.1", false}, {"tcp", "::ffff:127.0.0.1", true},
		{"tcp6", "::1", true}, {"tcp6", "::2", false}, {"tcp6", "127.0.0.1", false}, {"unix", "127.0.0.1", false}, {"unix", "", true}} {
		ln := listen(t)
		if host, ok := map[string]string{"tcp": "127.0.0.1", "tcp6": "::1"}[tt.network]; ok {
			ln.Close()
			if ln, err = net.Listen(tt.network, net.JoinHostPort(host, "0")); err != nil {
				t.Fatal(err)
			}
		}
		allowed, err := ParseAllowed(tt.list)
		if err != nil {
			t.Fatal(err)
		}
		var log errorLog
		s := &Server{Allowed: allowed, ErrorLog: log.add}
		done := make(chan error, 1)
		go func() { done <- s.Serve(context.Background(), ln) }()
		p := dial(t, ln)
		if tt.ok {
			p.alive()
		} else {
			p.closed()
			if !strings.Contains(log.String(), "is not among the allowed addresses") {
				t.Errorf("reported: %v", &log)
			}
		}
		s.Shutdown(context.Background())
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A failing listener has errors to give.
type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) == 0 {
		return f.Listener.Accept()
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

func TestAcceptErrors(t *testing.T) {
	full := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	var log errorLog
	s := &Server{Handler: hello, ErrorLog: log.add}
	ln := &failing{listen(t), []error{full, full}}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	dial(t, ln).alive()
	if strings.Count(log.String(), "too many open files") != 2 {
		t.Errorf("reported: %v", &log)
	}
	s.Shutdown(context.Background())
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	final := errors.New("final")
	if err := new(Server).Serve(context.Background(), &failing{listen(t), []error{final}}); !errors.Is(err, final) {
		t.Errorf("Serve: %v", err)
	}
}

// TestHoldBody: a body comes back as it was, wherever it is kept, and what is
// too long or cannot be read leaves nothing.
func TestHoldBody(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		body := strings.Repeat("x", n)
		h, err := holdBody(iotest.OneByteReader(strings.NewReader(body)), 4, 16)
		var failed *failedError
		if n > 16 {
			if !errors.As(err, &failed) || failed.status != 413 || h != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got, err := io.ReadAll(h); string(got) != body || err != nil || (h.file != nil) != (n >= 4) {
			t.Errorf("%d bytes: %q, %v", n, got, err)
		}
		h.close()
	}
	for _, n := range []int{0, 9} {
		if h, err := holdBody(io.MultiReader(strings.NewReader("123456789"[:n]), iotest.ErrReader(ErrEnded)), 4, 16); h != nil || err != ErrEnded {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}
