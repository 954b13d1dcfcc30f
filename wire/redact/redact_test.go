package redact

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A sent is bytes of a conversation.
type sent struct {
	dir wire.Direction
	b   []byte
	gap int64
}

// A seen is what events tell of a conversation.
type seen struct {
	bytes  [2]string // what records, desyncs and truncated records hold
	pairs  []string
	header string // of responses
	frame  []string
	uri    string
}

// play passes a conversation through a Redactor, nil for none, cut into pieces
// of at most n bytes.
func play(r *Redactor, whole bool, n int, parts []sent) seen {
	var s seen
	c := flow.Conn{Info: &flow.ConnInfo{Fd: -1}, Whole: whole}
	emit := func(e *flow.Event) {
		if r != nil {
			r.Event(e)
		}
		s.take(e)
	}
	for _, p := range parts {
		if p.gap != 0 {
			c.Lost(p.dir, p.gap, time.Time{}, emit)
		}
		for rest := bytes.Clone(p.b); len(rest) > 0; {
			cut := min(n, len(rest))
			c.Feed(p.dir, time.Time{}, rest[:cut], emit)
			rest = rest[cut:]
		}
	}
	c.Close(time.Time{}, flow.CloseUnknown, nil, emit)
	return s
}

func (s *seen) take(e *flow.Event) {
	frame := e.Kind.String() + " " + e.Dir.String() + " " + e.Header.Type.String()
	switch e.Kind {
	case flow.KindHeader:
		s.bytes[e.Dir] += string(e.Header.Append(nil))
		return
	case flow.KindChunk:
		s.bytes[e.Dir] += string(e.Data)
		return
	case flow.KindRecord:
		if !e.Pieces {
			s.bytes[e.Dir] += string(e.Header.Append(nil)) + string(e.Data)
		}
		s.bytes[e.Dir] += string(e.Padding)
	case flow.KindTruncated, flow.KindDesync:
		s.bytes[e.Dir] += string(e.Data)
	case flow.KindPair:
		s.pairs = append(s.pairs, string(e.Pair.Name)+"="+string(e.Pair.Value))
	case flow.KindResponse:
		s.header += string(e.Data)
	case flow.KindRequestEnded:
		s.uri = string(e.Request.URI)
	case flow.KindFinding:
		frame += " " + string(e.Finding.Rule)
	}
	s.frame = append(s.frame, frame)
}

func record(t wire.Type, content string) []byte {
	return wire.NewRecord(t, 1, []byte(content)).Append(nil)
}

// pairsOf encodes NAME=value words.
func pairsOf(params ...string) string {
	var b []byte
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		b = wire.NewPair(name, value).Append(b)
	}
	return string(b)
}

// exchange is a request with its response, in records of at most size bytes of
// content.
func exchange(params, stdin, stdout, stderr string, size int) []sent {
	toApp := wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	stream := func(b []byte, t wire.Type, content string) []byte {
		for len(content) > 0 {
			n := min(size, len(content))
			b, content = append(b, record(t, content[:n])...), content[n:]
		}
		return append(b, record(t, "")...)
	}
	toApp = stream(toApp, wire.TypeParams, params)
	toApp = stream(toApp, wire.TypeStdin, stdin)
	toServer := stream(nil, wire.TypeStderr, stderr)
	toServer = stream(toServer, wire.TypeStdout, stdout)
	toServer = append(toServer, wire.EndRecord(1, 0, wire.RequestComplete).Append(nil)...)
	return []sent{{dir: wire.ToApp, b: toApp}, {dir: wire.ToServer, b: toServer}}
}

// contents joins what the records of a type hold.
func contents(s string, t wire.Type) string {
	var out []byte
	for b := []byte(s); ; {
		rec, n := wire.Split(b)
		if n == 0 {
			return string(out)
		}
		if rec.Type == t {
			out = append(out, rec.Content...)
		}
		b = b[n:]
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	const form = "CONTENT_TYPE=application/x-www-form-urlencoded; charset=utf-8"
	tests := []struct {
		name   string
		params []string
		in     string
		want   string
		of     wire.Type
	}{
		{"param", []string{"HTTP_AUTHORIZATION=Basic abc=", "AUTH_TYPE=Basic", "PHP_AUTH_PW=x", "REMOTE_USER=me", "REMOTE_PASSWD=abc"}, "",
			pairsOf("HTTP_AUTHORIZATION=**********", "AUTH_TYPE=Basic", "PHP_AUTH_PW=*", "REMOTE_USER=me", "REMOTE_PASSWD=***"), wire.TypeParams},
		{"proxy and redirect", []string{"HTTP_PROXY_AUTHORIZATION=ab", "REDIRECT_HTTP_AUTHORIZATION=ab", "REDIRECT_REDIRECT_HTTP_COOKIE=a=bc"}, "",
			pairsOf("HTTP_PROXY_AUTHORIZATION=**", "REDIRECT_HTTP_AUTHORIZATION=**", "REDIRECT_REDIRECT_HTTP_COOKIE=a=**"), wire.TypeParams},
		{"cookies", []string{`HTTP_COOKIE=a=b=c; d=""; e; f="x;y"; g=`}, "",
			pairsOf(`HTTP_COOKIE=a=***; d=**; e; f=*****; g=`), wire.TypeParams},
		{"query", []string{"QUERY_STRING=a=b&password=x&c=d", "REQUEST_URI=/t?to%6ben=a%20b&q=1", "HTTP_REFERER=http://h/?api-key=ab#f"}, "",
			pairsOf("QUERY_STRING=a=b&password=*&c=d", "REQUEST_URI=/t?to%6ben=*****&q=1", "HTTP_REFERER=http://h/?api-key=****"), wire.TypeParams},
		{"query in a query", []string{"QUERY_STRING=to=%2Fa%3Ftoken%3Dabc&b=c"}, "",
			pairsOf("QUERY_STRING=to=%2Fa%3Ftoken%3D***&b=c"), wire.TypeParams},
		{"user's names", []string{"MY_THING=abc", "HTTP_X_PIN=12", "PINE=3"}, "",
			pairsOf("MY_THING=***", "HTTP_X_PIN=**", "PINE=3"), wire.TypeParams},
		{"long value", []string{"HTTP_X_TOKEN=" + strings.Repeat("x", 300), "A=b"}, "",
			pairsOf("HTTP_X_TOKEN="+strings.Repeat("*", 300), "A=b"), wire.TypeParams},
		{"zero stays", []string{"PASS=a\x00b"}, "", pairsOf("PASS=*\x00*"), wire.TypeParams},

		{"form", []string{form}, "user=me&password=my secret;\"x\"&a=b", "user=me&password=*************&a=b", wire.TypeStdin},
		{"form, unknown type", nil, "password=my secret&a=b", "password=*********&a=b", wire.TypeStdin},
		{"form field in an array", []string{form}, "u%5Bpassword%5D=abc&u[token][]=d", "u%5Bpassword%5D=***&u[token][]=*", wire.TypeStdin},
		{"json", []string{"CONTENT_TYPE=application/json"}, `{"a":"b", "pass\u0077ord" : "x\"y", "token":12.5,"c":1}`,
			`{"a":"b", "pass\u0077ord" : "****", "token":11.1,"c":1}`, wire.TypeStdin},
		{"json, nested", []string{"CONTENT_TYPE=application/json"}, `{"secrets":{"k":["v",{"w":null}],"n":-7},"a":"b"}`,
			`{"secrets":{"*":["*",{"*":****}],"*":-1},"a":"b"}`, wire.TypeStdin},
		{"multipart", []string{"CONTENT_TYPE=multipart/form-data; boundary=xy"},
			"--xy\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xy\r\ncontent-disposition: form-data; filename=\"f\"; name=\"password\"\r\nX: y\r\n\r\nab\r\n--c--xy\r\n-d\r\n--xyz\r\n--xy--\r\n",
			"--xy\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xy\r\ncontent-disposition: form-data; filename=\"f\"; name=\"password\"\r\nX: y\r\n\r\n**\r\n--*****\r\n-*\r\n--xy*\r\n--xy--\r\n", wire.TypeStdin},
		{"multipart behind an empty line", nil, "\r\n--x\nContent-Disposition: form-data; name=a; name=pwd\n\nb\n--x--", "\r\n--x\nContent-Disposition: form-data; name=a; name=pwd\n\n*\n--x--", wire.TypeStdin},
		{"gzip", nil, "\x1f\x8b\x08abc", "\x1f\x8b****", wire.TypeStdin},
		{"compressed", []string{"HTTP_CONTENT_ENCODING=br"}, "abc", "***", wire.TypeStdin},

		{"set-cookie", nil, "Set-Cookie: a=bc; Path=/x; HttpOnly\r\nset-cookie:d=e\r\n\r\nSet-Cookie: a=b", "Set-Cookie: a=**; Path=/x; HttpOnly\r\nset-cookie:d=*\r\n\r\nSet-Cookie: a=b", wire.TypeStdout},
		{"field", nil, "X-Auth-Token: a b\r\n c\r\nX: y\r\nLocation: /?token=a&b=c\n\nx", "X-Auth-Token: ***\r\n**\r\nX: y\r\nLocation: /?token=*&b=c\n\nx", wire.TypeStdout},
		{"session cookie", nil, "Set-Cookie: PHPSESSID=ab; Path=/; x=y\r\nA: session=b;c\r\n\r\n", "Set-Cookie: PHPSESSID=**; Path=/; x=y\r\nA: session=***\r\n\r\n", wire.TypeStdout},
		{"joined set-cookie", nil, "Set-Cookie: a=b; Expires=Wed, 01 Jan 2031 00:00:00 GMT, c=d; Path=/\r\n\r\n", "Set-Cookie: a=*; Expires=Wed, 01 Jan 2031 00:00:00 GMT, c=*; Path=/\r\n\r\n", wire.TypeStdout},
		{"parameters shown", nil, "A: b\r\n\r\n{\"HTTP_COOKIE\":\"a=b\",\"A\":\"b\"}", "A: b\r\n\r\n{\"HTTP_COOKIE\":\"***\",\"A\":\"b\"}", wire.TypeStdout},
		{"authorizer", nil, "Variable-REMOTE_PASSWD: ab\r\nVariable-HTTP_COOKIE: c=d\r\n\r\n", "Variable-REMOTE_PASSWD: **\r\nVariable-HTTP_COOKIE: c=*\r\n\r\n", wire.TypeStdout},
		{"page", nil, "A: b\r\n\r\n<a href=\"?token=abc&d\">e</a> password='x y' {\"token\":\"a\"} user=me", "A: b\r\n\r\n<a href=\"?token=***&d\">e</a> password='***' {\"token\":\"*\"} user=me", wire.TypeStdout},
		{"compressed response", nil, "Content-Encoding: br\r\n\r\nabc", "Content-Encoding: br\r\n\r\n***", wire.TypeStdout},
		{"multipart response", nil, "A: b\r\n\r\n--x\r\nContent-Disposition: form-data; name=token\r\n\r\nabc\r\n--x--", "A: b\r\n\r\n--x\r\nContent-Disposition: form-data; name=token\r\n\r\n***\r\n--x--", wire.TypeStdout},
		{"no header", nil, "\r\nSet-Cookie: a=b", "\r\nSet-Cookie: a=b", wire.TypeStdout},
		{"stderr", nil, "PHP Notice: token=abc in /x", "PHP Notice: token=*** in /x", wire.TypeStderr},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := map[wire.Type]string{tt.of: tt.in}
			for _, size := range []int{1 << 15, 1, 7} {
				parts := exchange(pairsOf(tt.params...), in[wire.TypeStdin], in[wire.TypeStdout], in[wire.TypeStderr], size)
				got := play(New("MY?THING", "x-pin"), true, 1<<20, parts)
				dir := tt.of.Spec().Dir
				if d := cmp.Diff(tt.want, contents(got.bytes[dir], tt.of)); d != "" {
					t.Errorf("records of %d bytes (-want +got):\n%s", size, d)
				}
			}
		})
	}
}

// secrets are planted into everything of rich.
var secrets = []string{"hunter2", "s3cr3t", "Zm9vOmJhcg", "c00kie", "t0ken", "p4rt"}

// rich is a conversation with secrets in all places.
func rich(size int) []sent {
	params := pairsOf("REQUEST_METHOD=POST", "CONTENT_TYPE=multipart/form-data; boundary=xy", "REQUEST_URI=/a?token=t0ken&b=c",
		"HTTP_COOKIE=a=c00kie; b=c00kie", "HTTP_AUTHORIZATION=Basic Zm9vOmJhcg==", "PHP_AUTH_PW=hunter2", "HTTP_X_API_KEY=s3cr3t", "SHOWN=shown")
	stdin := "--xy\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\np4rt\r\n-p4rt\r\n--xy\r\nContent-Disposition: form-data; name=\"j\"\r\n\r\n" +
		`{"token":["t0ken",{"a":"s3cr3t"}],"b":"shown"}` + "\r\n--xy--\r\n"
	stdout := "Status: 302 Found\r\nSet-Cookie: a=c00kie; Path=/\r\nLocation: /?session=s3cr3t&x=shown\r\n\r\n" + `{"access_token": "t0ken", "a": "shown"} password=hunter2`
	return exchange(params, stdin, stdout, "warning: secret='s3cr3t'", size)
}

// TestCuts: what is masked does not depend on how records, reads and the
// observer cut the bytes, and no secret is left in anything that an event holds.
func TestCuts(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 15, 100, 13, 1} {
		parts := rich(size)
		want := play(New(), true, 1<<20, parts)
		for _, text := range append(want.pairs, want.header, want.uri, contents(want.bytes[0], wire.TypeParams),
			contents(want.bytes[0], wire.TypeStdin), contents(want.bytes[1], wire.TypeStdout), contents(want.bytes[1], wire.TypeStderr)) {
			for _, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("records of %d bytes: %q is in %q", size, s, text)
				}
			}
		}
		for typ, times := range map[wire.Type]int{wire.TypeParams: 1, wire.TypeStdin: 1, wire.TypeStdout: 2} {
			if text := contents(want.bytes[typ.Spec().Dir], typ); strings.Count(text, "shown") != times {
				t.Errorf("too much is masked: %q", text)
			}
		}
		for n := 1; n < 200; n++ {
			for _, whole := range []bool{true, false} {
				got := play(New(), whole, n, parts)
				if !whole { // a response comes before the end of its record
					got.frame = want.frame
				}
				if d := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); d != "" {
					t.Fatalf("records of %d bytes, cut every %d, whole %v (-want +got):\n%s", size, n, whole, d)
				}
			}
		}
	}
}

// TestFrame: framing, findings and all lengths are those of the original.
func TestFrame(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 15, 13} {
		parts := rich(size)
		want, got := play(nil, true, 1<<20, parts), play(New(), true, 1<<20, parts)
		if d := cmp.Diff(want.frame, got.frame); d != "" {
			t.Errorf("(-original +masked):\n%s", d)
		}
		for dir := range want.bytes {
			if len(want.bytes[dir]) != len(got.bytes[dir]) {
				t.Errorf("%v: %d bytes, want %d", wire.Direction(dir), len(got.bytes[dir]), len(want.bytes[dir]))
			}
			total := 0
			for _, p := range parts {
				if int(p.dir) == dir {
					total += len(p.b)
				}
			}
			if total != len(got.bytes[dir]) {
				t.Errorf("%d bytes of %d", len(got.bytes[dir]), total)
			}
		}
	}
}

// TestEveryPrefix: nothing is left in a conversation that ends anywhere.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 15, 40} {
		full := rich(size)
		for dir := range full {
			for n := range full[dir].b {
				parts := []sent{full[0], full[1]}[:dir+1]
				parts[dir].b = parts[dir].b[:n]
				got := play(New(), n%2 == 0, 1<<20, parts)
				for _, s := range secrets {
					if strings.Contains(got.bytes[dir], s) {
						t.Fatalf("the first %d bytes %v: %q is there", n, wire.Direction(dir), s)
					}
				}
			}
		}
	}
}

// framing leaves out what is said about contents.
func framing(frame []string) (kept []string) {
	for _, f := range frame {
		switch kind, _, _ := strings.Cut(f, " "); kind {
		case "finding", "response", "pair":
		default:
			kept = append(kept, f)
		}
	}
	return kept
}

// FuzzRedactor: lengths and framing stay, and the cuts do not matter.
func FuzzRedactor(f *testing.F) {
	for _, p := range rich(30) {
		f.Add(p.b, p.b[:len(p.b)/2], uint8(3))
	}
	f.Fuzz(func(t *testing.T, toApp, toServer []byte, n uint8) {
		parts := []sent{{dir: wire.ToApp, b: toApp}, {dir: wire.ToServer, b: toServer}}
		original, want := play(nil, true, 1<<20, parts), play(New(), true, 1<<20, parts)
		// What is masked wholly has no pairs and no header that could be told.
		if d := cmp.Diff(framing(original.frame), framing(want.frame)); d != "" {
			t.Errorf("frame (-original +masked):\n%s", d)
		}
		for dir, b := range [][]byte{toApp, toServer} {
			if len(want.bytes[dir]) != len(b) {
				t.Errorf("%d bytes of %d", len(want.bytes[dir]), len(b))
			}
		}
		if got := play(New(), true, int(n)+1, parts); !cmp.Equal(want, got, cmp.AllowUnexported(seen{})) {
			t.Errorf("cut every %d: %s", n+1, cmp.Diff(want, got, cmp.AllowUnexported(seen{})))
		}
	})
}
