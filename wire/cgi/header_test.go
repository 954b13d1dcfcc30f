package cgi

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var headerTests = []struct {
	name, in  string
	bodyStart int
	status    int
	reason    string
	problem   Problem
	fields    string // name=value|…
}{
	{"php", "X-Powered-By: PHP/8.2.35\r\nContent-type: text/html; charset=UTF-8\r\n\r\nhello", 68, 200, "", OK, "X-Powered-By=PHP/8.2.35|Content-type=text/html; charset=UTF-8"},
	{"status", "Status: 404 Not Found\r\nA:b\r\n\r\n", 30, 404, "Not Found", OK, "Status=404 Not Found|A=b"},
	{"status alone", "status:204\n\n", 12, 204, "", OK, "status=204"},
	{"first status", "Status: 201\nStatus: 500\n\n", 25, 201, "", OK, "Status=201|Status=500"},
	{"location", "Location: /x\r\n\r\n", 16, 302, "", OK, "Location=/x"},
	{"location and status", "Location: /x\r\nStatus: 301 Moved\r\n\r\n", 35, 301, "Moved", OK, "Location=/x|Status=301 Moved"},
	{"duplicates in order", "Set-Cookie: a=1\r\nX: \r\nset-cookie:\tb=2 \r\n\r\n", 42, 200, "", OK, "Set-Cookie=a=1|X=|set-cookie=b=2"},
	{"line feeds", "A: b\nC: d\n\nbody\n\n", 11, 200, "", OK, "A=b|C=d"},
	{"mixed ends", "A: b\r\nC: d\n\r\nbody", 13, 200, "", OK, "A=b|C=d"},
	{"bytes as they are", "A: \xff\x1b[31m\x00\r\n\r\n", 14, 200, "", OK, "A=\xff\x1b[31m\x00"},
	{"no output", "", 0, 200, "", NoOutput, ""},
	{"no header", "hello world\nmore\n\n", 0, 200, "", NotAHeader, ""},
	{"no line", "hello", 0, 200, "", NotAHeader, ""},
	{"php warning", "PHP Warning:  foo in bar\nA: b\n\n", 0, 200, "", NotAHeader, ""},
	{"html", "<html>\n", 0, 200, "", NotAHeader, ""},
	{"folded first", " A: b\n\n", 0, 200, "", NotAHeader, ""},
	{"bad line", "A: b\noops\nC: d\n\nbody", 16, 200, "", BadLine, "A=b|C=d"},
	{"folded", "A: b\n c\n\n", 9, 200, "", BadLine, "A=b"},
	{"status word", "Status: abc\r\n\r\n", 15, 0, "", BadStatus, "Status=abc"},
	{"status too long", "Status: 2000\r\n\r\n", 16, 0, "", BadStatus, "Status=2000"},
	{"status too small", "Status: 099\r\n\r\n", 15, 0, "", BadStatus, "Status=099"},
	{"status too short", "Status: 20\r\n\r\n", 14, 0, "", BadStatus, "Status=20"},
	{"status line", "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nbody", 32, 404, "Not Found", StatusLine, "A=b"},
	{"status line alone", "HTTP/1.1\r\n\r\n", 12, 200, "", StatusLine, ""},
	{"no fields", "\r\nbody", 2, 200, "", NoFields, ""},
	{"unfinished line", "Status: 500 Oh\r\nA: b", 20, 500, "Oh", Unfinished, "Status=500 Oh|A=b"},
	{"unfinished", "A: b\r\n", 6, 200, "", Unfinished, "A=b"},
	{"just the first line", "Location: /x", 12, 302, "", Unfinished, "Location=/x"},
}

func TestHeader(t *testing.T) {
	for _, tt := range headerTests {
		t.Run(tt.name, func(t *testing.T) {
			for size := 1; size <= len(tt.in)+1; size++ {
				var h Header
				rest := feed(t, &h, tt.in, size)
				h.End()
				if h.Problem() != tt.problem || h.Status() != tt.status || h.BodyStart() != tt.bodyStart || string(h.Reason()) != tt.reason {
					t.Fatalf("pieces of %d: %v, status %d %q, body at %d; want %v, %d %q, %d",
						size, h.Problem(), h.Status(), h.Reason(), h.BodyStart(), tt.problem, tt.status, tt.reason, tt.bodyStart)
				}
				if got := string(h.Bytes()[h.BodyStart():]) + rest; got != tt.in[tt.bodyStart:] {
					t.Fatalf("pieces of %d: body %q, want %q", size, got, tt.in[tt.bodyStart:])
				}
				if got := joinFields(&h); got != tt.fields {
					t.Fatalf("pieces of %d: fields %q, want %q", size, got, tt.fields)
				}
				if (h.Err() != nil) != (tt.problem != OK) {
					t.Fatalf("Err = %v", h.Err())
				}
			}
		})
	}
}

// feed gives h the input in pieces, in memory that is overwritten afterwards
// unless it was the only one, and returns what h did not take.
func feed(t *testing.T, h *Header, in string, size int) (rest string) {
	for at := 0; at < len(in); at += size {
		p := []byte(in[at:min(at+size, len(in))])
		n, done := h.Feed(p)
		if done != h.Done() || !done && n != len(p) {
			t.Fatalf("Feed(%q) = %d, %v; Done = %v", p, n, done, h.Done())
		}
		rest += string(p[n:])
		if at > 0 || !done {
			clear(p)
		}
	}
	return rest
}

func joinFields(h *Header) string {
	var parts []string
	for n, v := range h.Fields() {
		parts = append(parts, string(n)+"="+string(v))
	}
	return strings.Join(parts, "|")
}

func TestHeaderTooLong(t *testing.T) {
	for _, size := range []int{1000, MaxHeader - 1, MaxHeader, MaxHeader + 1, 3 * MaxHeader} {
		in := "Status: 404\nX: " + strings.Repeat("x", 2*MaxHeader)
		var h Header
		rest := feed(t, &h, in, size)
		if h.Problem() != TooLong || h.Status() != 404 || len(h.Bytes()) != MaxHeader || string(h.Bytes())+rest != in {
			t.Errorf("pieces of %d: %v, status %d, %d bytes", size, h.Problem(), h.Status(), len(h.Bytes()))
		}
	}
	// The limit is for the header: one of exactly that size is complete.
	var h Header
	in := "X: " + strings.Repeat("x", MaxHeader-7) + "\r\n\r\nbody"
	if rest := feed(t, &h, in, 4096); h.Problem() != OK || h.BodyStart() != MaxHeader || rest != "body" {
		t.Errorf("%v, body at %d, rest %q", h.Problem(), h.BodyStart(), rest)
	}
}

func TestHeaderReset(t *testing.T) {
	var h Header
	feed(t, &h, "Status: 500 Oh\nLocation: /\nbad\n\n", 3)
	h.Reset()
	feed(t, &h, "A: b\n\n", 2)
	if h.Status() != 200 || h.Problem() != OK || string(h.Bytes()) != "A: b\n\n" {
		t.Errorf("after Reset: %v, %d, %q", h.Problem(), h.Status(), h.Bytes())
	}
	if v, ok := h.Get("a"); !ok || string(v) != "b" {
		t.Errorf("Get = %q, %v", v, ok)
	}
	if _, ok := h.Get("status"); ok {
		t.Error("Get found a field of the response before")
	}
}

func TestHeaderAllocatesNothing(t *testing.T) {
	in := []byte("Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nbody")
	var h Header
	n := testing.AllocsPerRun(100, func() {
		h.Reset()
		h.Feed(in)
		h.Feed(in)
		h.End()
		for range h.Fields() {
		}
		h.Reset()
		h.Feed(in[:20])
		h.Feed(in[20:])
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzHeader: the result does not depend on how the output is cut, and every
// byte is in the header or in the body.
func FuzzHeader(f *testing.F) {
	for _, tt := range headerTests {
		f.Add([]byte(tt.in), uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint16) {
		var whole, cut Header
		n, _ := whole.Feed(in)
		whole.End()
		var rest []byte
		for p := range slices.Chunk(in, int(size)+1) {
			m, _ := cut.Feed(bytes.Clone(p))
			rest = append(rest, p[m:]...)
		}
		cut.End()
		if whole.Problem() != cut.Problem() || whole.Status() != cut.Status() || whole.BodyStart() != cut.BodyStart() || joinFields(&whole) != joinFields(&cut) {
			t.Fatalf("whole %v %d %d, cut %v %d %d", whole.Problem(), whole.Status(), whole.BodyStart(), cut.Problem(), cut.Status(), cut.BodyStart())
		}
		if all := append(bytes.Clone(whole.Bytes()), in[n:]...); !bytes.Equal(all, in) {
			t.Fatalf("whole: %q", all)
		}
		if all := append(bytes.Clone(cut.Bytes()), rest...); !bytes.Equal(all, in) {
			t.Fatalf("cut: %q", all)
		}
	})
}
