package commands

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// An appSpy is an application that answers every request with a word, and keeps
// what it was asked.
type appSpy struct {
	addr     string
	requests chan *serverRequest
}

func newAppSpy(t *testing.T) *appSpy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	spy := &appSpy{addr: l.Addr().String(), requests: make(chan *serverRequest, 8)}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { spy.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return spy
}

// serve takes one request from a connection.
func (spy *appSpy) serve(c net.Conn) {
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return
	}
	var rr requestReader
	for r := wire.NewReader(c); ; {
		rec, err := r.ReadRecord()
		if err != nil {
			return
		}
		rr.record(&flow.ConnInfo{Server: spy.addr}, rec.Header, rec.Content, rec.Padding)
		last := wire.TypeStdin
		if q := rr.requests; len(q) > 0 && q[0].begin.Role == wire.Authorizer {
			last = wire.TypeParams // Apache sends no more
		}
		if rec.Type == last && len(rec.Content) == 0 {
			break
		}
	}
	q := rr.requests[0]
	q.pairs, _ = wire.ParsePairs(q.params)
	c.Write(out(stdout("Content-Type: text/plain\r\n\r\nseen\n"), stdout(""), end(0, wire.RequestComplete)))
	// An authorizer's web server may have more to say, and a reset would lose the answer.
	if q.begin.Role == wire.Authorizer {
		rr.rest(c)
	}
	spy.requests <- q
}

// rest reads what comes behind PARAMS until the web server closes.
func (rr *requestReader) rest(c net.Conn) {
	for r := wire.NewReader(c); ; {
		rec, err := r.ReadRecord()
		if err != nil {
			return
		}
		rr.record(&flow.ConnInfo{}, rec.Header, rec.Content, rec.Padding)
	}
}

// ask sends an HTTP request, with the fields in their order, and returns what
// the application was asked and from which port.
func (spy *appSpy) ask(t *testing.T, server string, r *cgi.Request, body string) *serverRequest {
	t.Helper()
	return spy.askAgain(t, server, r, body, 2)
}

// askAgain is ask; again is how often it may be repeated.
func (spy *appSpy) askAgain(t *testing.T, server string, r *cgi.Request, body string, again int) *serverRequest {
	t.Helper()
	c, err := net.DialTimeout("tcp", server, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.Method, r.URL)
	for _, f := range r.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	b.WriteString("\r\n" + body)
	if _, err := io.WriteString(c, b.String()); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	if answer.StatusCode == http.StatusBadGateway && len(spy.requests) == 0 && again > 0 {
		// A kept connection that had just been closed: nginx does not try a POST
		// another time.
		return spy.askAgain(t, server, r, body, again-1)
	}
	_, r.RemotePort, _ = net.SplitHostPort(c.LocalAddr().String())
	return spy.next(t, r.Method+" "+r.URL+": HTTP status "+answer.Status)
}

// next is what the application was asked, soon.
func (spy *appSpy) next(t *testing.T, what string) *serverRequest {
	t.Helper()
	select {
	case q := <-spy.requests:
		return q
	case <-time.After(10 * time.Second):
		t.Fatalf("%s, and the application was not asked", what)
		return nil
	}
}

// TestPresetsEqualServers: the same as with the captures, with the servers that
// are installed.
func TestPresetsEqualServers(t *testing.T) {
	t.Parallel()
	field := func(name, value string) cgi.Field { return cgi.Field{Name: name, Value: value} }
	fields := []cgi.Field{
		field("X-Dup", "1"), field("X-Other", "o"), field("x-dup", "2"), field("Under_Score", "u"), field("X.Dot", "d"), field("X-Empty", ""),
		field("Proxy", "http://127.0.0.1:1"), field("Cookie", "a=1"), field("Cookie", "b=2"), field("Keep-Alive", "5"), field("TE", "trailers"),
	}
	authorization := field("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("joe:p:w")))
	requests := []struct {
		url, body string
		fields    []cgi.Field
	}{
		{"/hello.php?x=1&y=two%20words", "", nil},
		{"/echo.php/path/info?q", "", nil},
		{"/hello.php", "", append(fields, authorization)},
		{"/hello.php?", "a=b", []cgi.Field{field("Content-Type", "text/plain")}},
		{"/hello.php", strings.Repeat("b", 20000), []cgi.Field{field("Content-Length", "20000"), field("X-Behind", "1")}},
		{"/%68ello.php?a=%41%2f%7e%e9+[]!$'()*,;:@", "", nil},
		{"/echo.php/[p]=&+~x;:@,%5b%7E%3b/%2e?&=[q]", "", nil},
		{"/hello.php?\"<>\\^`{|}", "", nil},
	}
	for _, tt := range []struct {
		name, preset string
		args         []string
		role         wire.Role
		server       cgi.Server
	}{
		{"nginx", "nginx", []string{"all=1"}, wire.Responder, cgi.Server{Names: peerNames}},
		{"nginx-keep", "nginx", []string{"all=1", "keep=1"}, wire.Responder, cgi.Server{Names: peerNames}},
		{"lighttpd", "lighttpd", nil, wire.Responder, cgi.Server{}},
		{"lighttpd-authorizer", "lighttpd", nil, wire.Authorizer, cgi.Server{}},
		{"apache", "apache", []string{"all=1"}, wire.Responder, cgi.Server{Unshared: true}},
		{"apache-keep", "apache", []string{"all=1", "keep=1"}, wire.Responder, cgi.Server{}},
		{"apache-authorizer", "apache", nil, wire.Authorizer, cgi.Server{Provider: "authn"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spy := newAppSpy(t)
			args := append([]string{"--to", spy.addr}, tt.args...)
			if tt.role == wire.Authorizer {
				args = []string{"authorizer=" + spy.addr}
			}
			peer := wiretest.RealPeer(t, tt.preset, args...)
			server := strings.TrimPrefix(peer["http"], "http://")
			for _, how := range requests {
				if tt.role == wire.Authorizer && (how.body != "" || strings.Contains(tt.name, "apache") && how.fields == nil) {
					continue
				}
				r := cgi.Request{Role: tt.role, Method: "GET", URL: how.url, Root: peer["root"], Server: tt.server, ContentLength: int64(len(how.body))}
				r.Server.App = spy.addr
				r.Header = append([]cgi.Field{field("Host", server), field("Accept", "*/*")}, how.fields...)
				if how.body != "" {
					r.Method = "POST"
				}
				if how.body != "" && how.fields[0].Name != "Content-Length" {
					r.Header = append(r.Header, field("Content-Length", fmt.Sprint(len(how.body))))
				}
				q := spy.ask(t, server, &r, how.body)
				equalRequest(t, tt.name+" "+r.URL, serverNamed(tt.preset), q, r)
			}
		})
	}
}

// TestPresetEqualsCgiFcgi: the same with cgi-fcgi, whose environment is in the
// order in which it is given.
func TestPresetEqualsCgiFcgi(t *testing.T) {
	t.Parallel()
	command := wiretest.RealPeer(t, "cgi-fcgi")["command"]
	names := []string{"REQUEST_METHOD", "SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "SERVER_PORT"}
	for _, tt := range []struct{ url, body string }{
		{"/a.php?x=1", ""},
		{"/a.php/info", "a=b"},
		{"/a.php?" + strings.Repeat("q", 20000), ""}, // over several records
		{"/" + strings.Repeat("p", 8000) + ".php?" + strings.Repeat("q", 100), strings.Repeat("b", 9000)},
	} {
		spy := newAppSpy(t)
		r := cgi.Request{Method: "POST", URL: tt.url, Root: "/srv", ContentLength: int64(len(tt.body)), Server: cgi.Server{Names: names}}
		params, err := serverNamed("cgi-fcgi").Params(&r)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, command, "-bind", "-connect", spy.addr)
		cmd.Stdin, cmd.Env = strings.NewReader(tt.body), pairLines(cgi.Pairs(params))
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		equalRequest(t, fmt.Sprintf("%.20s", tt.url), serverNamed("cgi-fcgi"), spy.next(t, "cgi-fcgi is done"), r)
	}
}
