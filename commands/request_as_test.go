package commands

import (
	"bytes"
	"context"
	"encoding/base64"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A serverRequest is a request that a web server sent, as it was on the wire.
type serverRequest struct {
	conn   *flow.ConnInfo
	begin  wire.BeginRequest
	pairs  []wire.Pair
	params []byte // the PARAMS stream
	stdin  []byte
	raw    []byte // all of its records
	pieces int    // records of STDIN with content
	ended  bool   // STDIN was
}

func (q *serverRequest) get(name string) string {
	value, _ := wire.Lookup(q.pairs, name)
	return string(value)
}

// A requestReader gathers the requests that servers send from records.
type requestReader struct {
	requests []*serverRequest
	open     map[int]*serverRequest // by connection
}

func (rr *requestReader) record(conn *flow.ConnInfo, h wire.Header, content, padding []byte) {
	if rr.open == nil {
		rr.open = map[int]*serverRequest{}
	}
	q := rr.open[conn.N]
	if h.Type == wire.TypeBeginRequest {
		begin, err := wire.ParseBeginRequest(content)
		if err != nil {
			return
		}
		q = &serverRequest{conn: conn, begin: begin}
		rr.open[conn.N], rr.requests = q, append(rr.requests, q)
	}
	if q == nil {
		return
	}
	q.raw = append(append(h.Append(q.raw), content...), padding...)
	switch h.Type {
	case wire.TypeParams:
		q.params = append(q.params, content...)
	case wire.TypeStdin:
		q.stdin = append(q.stdin, content...)
		q.ended = len(content) == 0
		if !q.ended {
			q.pieces++
		}
	}
}

// requestsOf returns the requests of a capture whose parameters are whole.
func requestsOf(t *testing.T, name string) []*serverRequest {
	t.Helper()
	f, err := fixtures.FS.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src, _, err := capture.Open(f, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var rr requestReader
	_, err = capture.Decode(context.Background(), src, capture.DecodeOptions{Whole: true, Warn: func(error) {}}, func(e *flow.Event) {
		if e.Kind == flow.KindRecord && e.Dir == wire.ToApp {
			rr.record(e.Conn, e.Header, bytes.Clone(e.Data), bytes.Clone(e.Padding))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var whole []*serverRequest
	for _, q := range rr.requests {
		if q.pairs, err = wire.ParsePairs(q.params); err == nil {
			whole = append(whole, q)
		}
	}
	return whole
}

// curlRequest is the HTTP request that curl made: its URL, its method and body,
// and the fields that it always sends. What the connection knows goes with it.
func curlRequest(q *serverRequest) cgi.Request {
	r := cgi.Request{
		Role: q.begin.Role, Method: q.get("REQUEST_METHOD"), URL: q.get("REQUEST_URI"),
		Root: "/srv/web/www", ContentLength: int64(len(q.stdin)),
		RemotePort: q.get("REMOTE_PORT"), ServerPort: q.get("SERVER_PORT"),
	}
	r.Header = []cgi.Field{{Name: "Host", Value: "127.0.0.1:" + r.ServerPort}, {Name: "User-Agent", Value: "curl/7.88.1"}, {Name: "Accept", Value: "*/*"}}
	if r.Method == "POST" {
		r.Header = append(r.Header, cgi.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
	}
	return r
}

// addField puts a field of -H where curl has it: after its own, before those of
// the body.
func addField(r *cgi.Request, name, value string) {
	at := slices.IndexFunc(r.Header, func(f cgi.Field) bool { return f.Name == "Content-Type" })
	if at < 0 {
		at = len(r.Header)
	}
	r.Header = slices.Insert(r.Header, at, cgi.Field{Name: name, Value: value})
}

// addUser puts -u where curl has it.
func addUser(r *cgi.Request, user string) {
	r.Header = slices.Insert(r.Header, 1, cgi.Field{Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte(user))})
}

// peerRoot is the document root of scripts/record.
const peerRoot = "/tmp/fcgiscope-peers/www"

// peerNames are the fastcgi_param directives of scripts/peers.
var peerNames = []string{
	"QUERY_STRING", "REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "SCRIPT_NAME", "REQUEST_URI", "DOCUMENT_URI", "DOCUMENT_ROOT",
	"SERVER_PROTOCOL", "REQUEST_SCHEME", "GATEWAY_INTERFACE", "SERVER_SOFTWARE", "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_USER",
	"SERVER_ADDR", "SERVER_PORT", "SERVER_NAME", "REDIRECT_STATUS", "SCRIPT_FILENAME", "PATH_INFO",
}

type serverCapture struct {
	pattern, preset string
	adjust          func(q *serverRequest, r *cgi.Request) // nil: nothing
}

// serverCaptures is which server made the requests of which captures, and what
// else curl was told or the server configured. The first pattern that matches
// counts.
var serverCaptures = []serverCapture{
	{"rec-nginx-php-keepconn*", "nginx", func(q *serverRequest, r *cgi.Request) {
		r.Root, r.Server.Names = peerRoot, peerNames
		if strings.HasPrefix(r.URL, "/echo.php") {
			addField(r, "X-Test", "one")
		}
	}},
	{"rec-nginx-debug-log*", "nginx", func(_ *serverRequest, r *cgi.Request) {
		r.Root, r.Server.Names = peerRoot, peerNames
		if r.URL == "/hello.php" {
			addField(r, "Cookie", "long="+strings.Repeat("0", 3000))
		}
	}},
	{"rec-nginx*", "nginx", func(_ *serverRequest, r *cgi.Request) { r.Root, r.Server.Names = peerRoot, peerNames }},
	{"nginx-php-large-headers*", "nginx", func(_ *serverRequest, r *cgi.Request) {
		addField(r, "X-Big", strings.Repeat("h", 20000))
		addField(r, "Cookie", "s="+strings.Repeat("c", 15000))
	}},
	{"derived-ipfragments*", "nginx", func(_ *serverRequest, r *cgi.Request) { // no fastcgi_split_path_info
		r.Server.Names = append(peerNames[:19:19], "HTTP_HOST", "SCRIPT_FILENAME")
		addField(r, "X-Custom", `caf\xc3\xa9`)
		addField(r, "Cookie", "a=1; b=2")
	}},
	{"nginx-php-upload*", "nginx", func(q *serverRequest, r *cgi.Request) {
		boundary, _, _ := bytes.Cut(q.stdin, []byte("\r\n"))
		r.Header[len(r.Header)-1].Value = "multipart/form-data; boundary=" + string(boundary[len("--"):])
	}},
	{"nginx-php-starved*", "nginx", func(_ *serverRequest, r *cgi.Request) { r.ContentLength = 200000 }},
	{"nginx-*", "nginx", nil},
	{"php-fpm-unix-*", "nginx", nil},
	{"derived-*", "nginx", nil},
	{"mtu1500-nginx*", "nginx", nil},
	{"any-sll2-nginx*", "nginx", nil},
	{"loss-nginx*", "nginx", nil},

	{"apache-php-keep*", "apache", func(_ *serverRequest, r *cgi.Request) {
		corpusApache(r)
		r.Server.ProxyPath = "/keep/"
	}},
	{"apache-authorizer*", "apache", func(q *serverRequest, r *cgi.Request) {
		corpusApache(r)
		if strings.HasPrefix(r.URL, "/protected-custom/") { // AuthnzFcgiCheckAuthnProvider
			r.Server.Provider = "authn"
		} else {
			addUser(r, "joe:secret")
		}
	}},
	{"apache-*", "apache", func(_ *serverRequest, r *cgi.Request) { corpusApache(r) }},
	{"rec-apache-authorizer*", "apache", func(q *serverRequest, r *cgi.Request) {
		r.Root, r.Server.Provider = peerRoot, "authn"
		addUser(r, q.get("REMOTE_USER")+":secret")
	}},
	{"rec-apache*", "apache", func(q *serverRequest, r *cgi.Request) {
		r.Root, r.Server.App, r.Server.Unshared = peerRoot, q.conn.Server, q.begin.Flags == 0
	}},

	{"rec-lighttpd*", "lighttpd", func(_ *serverRequest, r *cgi.Request) { r.Root = peerRoot }},
	{"lighttpd-*", "lighttpd", nil},

	{"caddy-php-post-chunked*", "caddy", func(_ *serverRequest, r *cgi.Request) {
		addField(r, "Transfer-Encoding", "chunked")
		r.ContentLength = -1
	}},
	{"caddy-*", "caddy", nil},

	{"cgi-fcgi-unix-*", "cgi-fcgi", func(_ *serverRequest, r *cgi.Request) {
		r.Header, r.ServerPort, r.Server.Path, r.URL = nil, "", "/usr/bin", "/echo.php?c=1"
		r.Server.Names = []string{"PATH", "SCRIPT_FILENAME", "SCRIPT_NAME", "REQUEST_METHOD", "QUERY_STRING"}
	}},
	{"cgi-fcgi-*", "cgi-fcgi", func(q *serverRequest, r *cgi.Request) {
		r.Header, r.ServerPort, r.Server.Path = nil, "", "/usr/bin"
		r.Server.Names = []string{"PATH", "SCRIPT_FILENAME", "REQUEST_METHOD", "SCRIPT_NAME", "QUERY_STRING"}
		switch {
		case r.Method == "POST":
			r.URL = "/echo.php"
			r.Server.Names = []string{"PATH", "SCRIPT_FILENAME", "REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH"}
			r.Header = []cgi.Field{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}
		case q.get("SCRIPT_NAME") == "/ping":
			r.Script = "/ping"
			r.Server.Names = []string{"PATH", "SCRIPT_NAME", "SCRIPT_FILENAME", "REQUEST_METHOD"}
		default:
			r.URL = "/echo.php?a=b"
		}
	}},
	{"rec-cgi-fcgi*", "cgi-fcgi", func(_ *serverRequest, r *cgi.Request) {
		r.Root, r.ServerPort = peerRoot, ""
		r.Server.Names = []string{"GATEWAY_INTERFACE", "SERVER_PROTOCOL", "SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "DOCUMENT_ROOT",
			"REQUEST_METHOD", "SCRIPT_NAME", "SCRIPT_FILENAME", "REQUEST_URI"}
		r.Header = slices.DeleteFunc(r.Header, func(f cgi.Field) bool { return f.Name != "Content-Type" })
		if r.Method == "POST" {
			r.Server.Names = append(r.Server.Names, "CONTENT_TYPE", "CONTENT_LENGTH")
		}
		if r.URL == "/ping" {
			r.Script = "/ping"
		}
	}},
}

// corpusApache is the Apache of the captures that were not made by scripts/record.
func corpusApache(r *cgi.Request) {
	r.Server.App = "127.0.0.1:9000"
	r.Server.Software = "Apache/2.4.71 (Debian) mod_fcgid/2.3.9"
	r.Server.Path = "/usr/sbin:/usr/bin:/sbin:/bin"
}

// noServerRequests are captures in which no web server sends whole parameters.
var noServerRequests = map[string]string{
	"nginx-php-snaplen300":        "the parameters are cut",
	"derived-midstream-in-record": "begins after the request",
	"derived-empty":               "is empty",
	"derived-reordered":           "of a hand-written client",
}

// TestPresetsEqualCaptures: each request of a web server that was captured is
// made byte for byte from its HTTP request.
func TestPresetsEqualCaptures(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(fixtures.FS, "capture/*.pcap*")
	if err != nil || len(names) == 0 {
		t.Fatal("no captures", err)
	}
	names = append(names, "capture/text/nginx-unix-get-xx.strace.txt", "capture/text/cgi-fcgi-unix-get.strace.txt")
	names = append(names, "capture/text/php-fpm-unix-get-xx.strace.txt", "capture/text/php-fpm-unix-post-xx.strace.txt")
	total := map[string]int{}
	for _, name := range names {
		stem, _, _ := strings.Cut(path.Base(name), ".")
		i := slices.IndexFunc(serverCaptures, func(c serverCapture) bool {
			ok, _ := path.Match(c.pattern, stem)
			return ok
		})
		if i < 0 || noServerRequests[stem] != "" {
			if i < 0 && !strings.HasPrefix(stem, "client-") {
				t.Errorf("%s: nothing says which server made it", name)
			}
			continue
		}
		c := serverCaptures[i]
		requests := requestsOf(t, name)
		if len(requests) == 0 {
			t.Errorf("%s: no request with whole parameters", name)
		}
		for _, q := range requests {
			r := curlRequest(q)
			if c.adjust != nil {
				c.adjust(q, &r)
			}
			equalRequest(t, name+" "+r.URL, serverNamed(c.preset), q, r)
			total[c.preset]++
		}
	}
	t.Logf("requests compared: %v", total)
	for _, s := range cgi.Presets() {
		if total[s.Name] == 0 {
			t.Errorf("no capture of %s", s.Name)
		}
	}
}

// equalRequest compares what the preset makes of r with what the server sent.
func equalRequest(t *testing.T, name string, s *cgi.Preset, q *serverRequest, r cgi.Request) {
	t.Helper()
	params, err := s.Params(&r)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	pairs := cgi.Pairs(params)
	got, want := pairLines(pairs), pairLines(q.pairs)
	if s.Unordered {
		sort.Strings(got)
		sort.Strings(want)
		pairs = q.pairs // of which only the order is random
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: parameters (-%s +ours):\n%s", name, s.Name, diff)
		return
	}
	keep := s.Keep(&r)
	if s.Name == "nginx" {
		keep = q.begin.Flags&wire.KeepConn != 0 // fastcgi_keep_conn
	}
	var ours bytes.Buffer
	err = client.Write(t.Context(), &ours, client.Request{
		Role: r.Role, Params: pairs, Stdin: bytes.NewReader(q.stdin), Keep: keep, NoStdinEnd: s.NoStdin(r.Role), Layout: clientLayout(s),
	}, nil)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	switch {
	case !q.ended && !s.NoStdin(r.Role): // it was not sent to its end
		if !bytes.HasPrefix(ours.Bytes(), q.raw) {
			t.Errorf("%s: records differ: %s", name, firstDifference(ours.Bytes(), q.raw))
		}
	case s.Name == "nginx" && q.pieces == 2 && len(q.stdin) < 16<<10: // it had the body in two buffers
		if at := bytes.Index(q.raw, q.params) + len(q.params); !bytes.HasPrefix(ours.Bytes(), q.raw[:at]) {
			t.Errorf("%s: records before STDIN differ: %s", name, firstDifference(ours.Bytes(), q.raw))
		}
	case !bytes.Equal(ours.Bytes(), q.raw):
		t.Errorf("%s: records differ: %s", name, firstDifference(ours.Bytes(), q.raw))
	}
}

func pairLines(pairs []wire.Pair) []string {
	lines := make([]string, len(pairs))
	for i, p := range pairs {
		lines[i] = string(p.Name) + "=" + string(p.Value)
	}
	return lines
}

// firstDifference says where two byte strings part.
func firstDifference(a, b []byte) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return "from byte " + strconv.Itoa(n) + " of " + strconv.Itoa(len(a)) + " and " + strconv.Itoa(len(b))
}
