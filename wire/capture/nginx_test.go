package capture

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// known is what an input tells of a direction: bytes, and which are there.
type known struct{ data, there []byte }

func (k *known) add(ch Chunk) {
	k.data = append(append(k.data, ch.Data...), make([]byte, max(0, ch.Lost))...)
	k.there = append(append(k.there, bytes.Repeat([]byte{1}, len(ch.Data))...), make([]byte, max(0, ch.Lost))...)
}

func knownOf(t *testing.T, file string) (k [2]known, warnings []string) {
	t.Helper()
	src, f, err := Open(bytes.NewReader(readFixture(t, file)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.HasSuffix(file, ".txt"); want != (f.Name == "nginx") {
		t.Fatalf("%s is read as %s", file, f.Name)
	}
	chunks, warnings := drain(t, src)
	for _, ch := range chunks {
		k[ch.Side].add(ch)
	}
	return k, warnings
}

// TestNginx: what is read out of the debug log are the bytes that went over the
// wire, and all others are told to be missing.
func TestNginx(t *testing.T) {
	log, warnings := knownOf(t, "capture/text/rec-nginx-debug-log.txt")
	wireBytes, _ := knownOf(t, "capture/rec-nginx-debug-log.pcap")
	if len(warnings) != 1 || !strings.Contains(warnings[0], "nginx cut this parameter") {
		t.Errorf("warnings %q", warnings)
	}
	var differ []string
	for side, k := range log {
		want := wireBytes[side].data
		if len(k.data) != len(want) {
			t.Fatalf("%v: %d bytes, want %d", Side(side), len(k.data), len(want))
		}
		for off := 0; off < len(want); {
			rec, n := wire.Split(want[off:])
			if n == 0 {
				t.Fatalf("%v: no record at %d", Side(side), off)
			}
			for i := range n {
				if k.there[off+i] == 1 && k.data[off+i] != want[off+i] {
					differ = append(differ, fmt.Sprintf("%v %d", rec.Type, i))
				}
				if k.there[off+i] == 0 && i < wire.HeaderLen && rec.Type != wire.TypeStdin {
					t.Errorf("%v: the header at %d is missing", Side(side), off)
				}
			}
			off += n
		}
	}
	// The flags of six requests are not in the log, and neither is how much of
	// the parameter that nginx cut is padding: the last byte of a length, and one more.
	got := strings.Join(differ, ", ")
	want := strings.Repeat("BEGIN_REQUEST 10, ", 4) + "BEGIN_REQUEST 10, PARAMS 5, PARAMS 6, BEGIN_REQUEST 10"
	if got != want {
		t.Errorf("not as it was sent: %s\nwant %s", got, want)
	}
	for part, b := range map[string][]byte{"a field": []byte("Status: 404 Not Found\r\n"), "stderr": []byte("PHP message: "), "a query": []byte("x=1&y=two%20words")} {
		if !bytes.Contains(log[A].data, b) && !bytes.Contains(log[B].data, b) {
			t.Errorf("%s is missing", part)
		}
	}
}

// TestNginxHTTP2: of requests that are under way at once for one client nothing
// is told that may belong to another one; what comes after them is told again.
func TestNginxHTTP2(t *testing.T) {
	t.Parallel()
	const debug = "2026/11/21 13:45:49 [debug] 7#7: *3 "
	begins := func(name string, fd int) string {
		return strings.ReplaceAll(fmt.Sprintf("http init upstream\nfastcgi param: \"A: %s\"\nconnect to unix:/a, fd:%d #1\nchain writer buf fl:1 s:40\nchain writer in: 0\n", name, fd), "\n", "\n"+debug)
	}
	answers := func(uri string, status int) string {
		s := "http upstream request: \"" + uri + "\"\n"
		for _, c := range []byte{1, 6, 0, 1, 0, 15, 1, 0} {
			s += fmt.Sprintf("http fastcgi record byte: %02X\n", c)
		}
		s += fmt.Sprintf("http fastcgi header: \"Status: %d\"\nhttp fastcgi header done\n", status)
		return strings.ReplaceAll(s, "\n", "\n"+debug)
	}
	closes := func(fd int) string { return fmt.Sprintf("close http upstream connection: %d\n%s", fd, debug) }
	body := "chain writer buf fl:1 s:100\n" + debug + "chain writer in: 0\n" + debug
	log := debug + begins("a", 8) + begins("b", 9) + begins("c", 10) + answers("/a", 201) + body + closes(8) + answers("/c", 202) + closes(10) +
		answers("/b", 203) + closes(9) + begins("d", 8) + answers("/d", 204) + closes(8) + "end\n"
	src, f, err := Open(strings.NewReader(log), Options{})
	if err != nil || f.Name != "nginx" {
		t.Fatalf("opened as %q: %v", f.Name, err)
	}
	g := decodeSource(t, src, DecodeOptions{})
	var got []string
	for _, e := range g.events {
		switch e.Kind {
		case flow.KindPair:
			got = append(got, fmt.Sprintf("%d %s", e.Conn.N, e.Pair.Value))
		case flow.KindRequestEnded:
			got = append(got, fmt.Sprintf("%d %d", e.Conn.N, e.Request.Status))
		case flow.KindGap, flow.KindTruncated:
			got = append(got, fmt.Sprintf("%d %v", e.Conn.N, e.Kind))
		}
	}
	if s, want := strings.Join(got, ", "), "0 a, 0 0, 1 b, 1 0, 2 c, 2 0, 3 d, 3 truncated, 3 gap, 3 204"; s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	if len(g.warnings) != 1 || !strings.Contains(g.warnings[0], "several requests at once") {
		t.Errorf("warnings %q", g.warnings)
	}
}

// TestNginxLines: what nginx logs in special cases.
func TestNginxLines(t *testing.T) {
	const (
		debug  = "2026/11/21 13:45:49 [debug] 7#7: *3 "
		header = debug + "http fastcgi record byte: "
	)
	record := func(b ...byte) string {
		var s strings.Builder
		for _, c := range b {
			fmt.Fprintf(&s, "%s%02X\n", header, c)
		}
		return s.String()
	}
	stderr := "2026/11/21 13:45:49 [error] 7#7: *3 FastCGI sent in stderr: \""
	for _, test := range []struct {
		name, log string
		want      string // bytes of the application; a gap is <N>
		warning   string
	}{
		{"a message of two lines", record(1, 7, 0, 1, 0, 4, 4, 0) + stderr + "a\nb\" while reading upstream, client: x\n",
			"\x01\x07\x00\x01\x00\x04\x04\x00a\nb<5>", ""},
		{"a message in two pieces", record(1, 7, 0, 1, 0, 9, 0, 0) + stderr + "ab\" while reading upstream, client: x\n" + stderr + "cd\" while reading upstream\n",
			"\x01\x07\x00\x01\x00\x09\x00\x00ab<7>", ""},
		{"a message that is cut", record(1, 7, 0, 1, 0, 9, 0, 0) + stderr + "ab\n" + debug + "x\n",
			"\x01\x07\x00\x01\x00\x09\x00\x00ab<7>", ""},
		{"a header that is longer than its record", record(1, 6, 0, 1, 0, 3, 0, 0) + debug + "http fastcgi header: \"A: b\"\n" + debug + "http fastcgi header done\n",
			"\x01\x06\x00\x01\x00\x03\x00\x00A: ", ""},
		{"the end of the log", record(1, 6, 0, 1, 0, 3, 0, 0), "\x01\x06\x00\x01\x00\x03\x00\x00<3>", ""},
		{"parameters of a request that was not sent", debug + "http init upstream, client timer: 0\n" + debug + "fastcgi param: \"A: b\"\n", "", ""},
		{"parameters that do not make up what was sent", debug + "http init upstream\n" + debug + "fastcgi param: \"A: b\"\n" + debug + "chain writer buf fl:0 s:100\n" + debug + "chain writer in: 0\n",
			"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00<84>", "do not make up the 100 bytes"},
		{"no debug log", strings.ReplaceAll(stderr+"a\" while reading upstream\n", "debug", "info"), "", "nothing of level debug"},
		{"a byte that is none", header + "zz\n", "", "no byte in hexadecimal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			src, f, err := Open(strings.NewReader(test.log), Options{})
			if err != nil || f.Name != "nginx" {
				t.Fatalf("opened as %q: %v", f.Name, err)
			}
			chunks, warnings := drain(t, src)
			var got strings.Builder
			for _, ch := range chunks {
				got.Write(ch.Data)
				if ch.Kind == ChunkGap {
					fmt.Fprintf(&got, "<%d>", ch.Lost)
				}
			}
			if got.String() != test.want {
				t.Errorf("got %q, want %q", got.String(), test.want)
			}
			if warned := strings.Join(warnings, "\n"); !strings.Contains(warned, test.warning) || (warned == "") != (test.warning == "") {
				t.Errorf("warnings %q, want %q", warned, test.warning)
			}
		})
	}
}
