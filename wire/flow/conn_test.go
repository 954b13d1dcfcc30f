package flow

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// log writes an event as one line of text.
func log(e *Event) string {
	s := fmt.Sprintf("%v %v off=%d idx=%d %v", e.Kind, e.Dir, e.Offset, e.Index, e.Header)
	switch e.Kind {
	case KindRecord, KindChunk, KindDesync, KindTruncated, KindResponse:
		s += fmt.Sprintf(" data=%x pad=%x len=%d got=%d hint=%q", e.Data, e.Padding, e.Length, e.Got, e.Hint)
	case KindPair:
		s += fmt.Sprintf(" %q=%q split=%v", e.Pair.Name, e.Pair.Value, e.Split)
	case KindFinding:
		s += fmt.Sprintf(" %s id=%d %q", e.Finding.Rule, e.Finding.RequestID, e.Finding.Detail)
	case KindGap:
		s += fmt.Sprintf(" len=%d", e.Length)
	case KindClosed:
		s += fmt.Sprintf(" %v open=%v", e.Close, e.Open)
	}
	if r := e.Request; r != nil {
		s += fmt.Sprintf(" req=%d/%d/%d %q %q %q %d %d %d %d st=%d end=%d/%v", r.Seq, r.ID, r.Occurrence, r.Method, r.URI, r.Script,
			r.Stdin, r.Data, r.Stdout, r.Stderr, r.Status, r.AppStatus, r.ProtocolStatus)
	}
	return s
}

// A step is something that happens to a connection.
type step struct {
	dir  wire.Direction
	data []byte
	lost int64
}

func toApp(b ...[]byte) step    { return step{dir: wire.ToApp, data: bytes.Join(b, nil)} }
func toServer(b ...[]byte) step { return step{dir: wire.ToServer, data: bytes.Join(b, nil)} }

func rec(t wire.Type, id uint16, content string, pad int) []byte {
	r := wire.NewRecord(t, id, []byte(content))
	r.Padding = make([]byte, pad)
	return r.Append(nil)
}

func pairs(nv ...string) string {
	var b []byte
	for i := 0; i < len(nv); i += 2 {
		b = wire.NewPair(nv[i], nv[i+1]).Append(b)
	}
	return string(b)
}

var (
	begin     = wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	beginKeep = wire.BeginRecord(1, wire.Responder, wire.KeepConn).Append(nil)
	end       = wire.EndRecord(1, 0, wire.RequestComplete).Append(nil)
)

// run passes the steps through a Conn, cut by cut, and returns the log.
func run(t testing.TB, whole bool, steps []step, cut func(n int) int) []string {
	var got []string
	c := &Conn{Whole: whole}
	fed := [2]int64{}
	covered := [2]int64{}
	emit := func(e *Event) {
		got = append(got, log(e))
		switch {
		case e.Kind == KindRecord:
			covered[e.Dir] += int64(e.Header.Len())
			if !e.Pieces && (len(e.Data) != int(e.Header.ContentLength) || len(e.Padding) != int(e.Header.PaddingLength)) {
				t.Fatalf("record with other lengths than its header: %s", log(e))
			}
		case e.Kind == KindDesync:
			covered[e.Dir] += int64(len(e.Data))
		case e.Kind == KindTruncated:
			covered[e.Dir] += e.Got
		}
	}
	at := time.Time{}
	for _, s := range steps {
		if s.data == nil {
			c.Lost(s.dir, s.lost, at, emit)
			continue
		}
		for p := s.data; len(p) > 0; {
			n := min(len(p), max(1, cut(len(p))))
			// The caller may use its buffer again: nothing may be kept of it.
			tmp := bytes.Clone(p[:n])
			c.Feed(s.dir, at, tmp, emit)
			clear(tmp)
			fed[s.dir] += int64(n)
			p = p[n:]
		}
	}
	c.Close(at, CloseUnknown, nil, emit)
	c.Close(at, CloseUnknown, nil, emit)
	if fed != covered {
		t.Fatalf("fed %v bytes, covered %v\n%s", fed, covered, strings.Join(got, "\n"))
	}
	return got
}

func all(n int) int { return n }

var conversation = []step{
	toApp(begin, rec(wire.TypeParams, 1, pairs("REQUEST_METHOD", "POST", "SCRIPT_NAME", "/a.php", "CONTENT_LENGTH", "3"), 3), rec(wire.TypeParams, 1, "", 0), rec(wire.TypeStdin, 1, "a=b", 5), rec(wire.TypeStdin, 1, "", 0)),
	toServer(rec(wire.TypeStderr, 1, "oops", 4), rec(wire.TypeStdout, 1, "Status: 404 Not", 1), rec(wire.TypeStdout, 1, " Found\r\n\r\nbody", 0), rec(wire.TypeStdout, 1, "", 0), end),
}

func TestRequestFollowed(t *testing.T) {
	got := run(t, true, conversation, all)
	want := []string{"connection", "record", "begun", "record", "pair", "pair", "pair", "record", "record", "record",
		"record", "record", "record", "response", "record", "record", "finding", "request", "closed"}
	var kinds []string
	for _, l := range got {
		kinds = append(kinds, strings.Fields(l)[0])
	}
	if strings.Join(kinds, " ") != strings.Join(want, " ") {
		t.Errorf("got  %v\nwant %v\n%s", kinds, want, strings.Join(got, "\n"))
	}
	if last := got[len(got)-2]; !strings.Contains(last, `"POST" "/a.php" "" 3 0 29 4 st=404 end=0/REQUEST_COMPLETE`) {
		t.Errorf("request: %s", last)
	}
}

// noise is what the search has to get through.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

var hostile = map[string][]step{
	"conversation": conversation,
	"http":         {toApp([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), toServer([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))},
	"http then fastcgi": {toApp([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), begin,
		rec(wire.TypeParams, 1, "", 0), rec(wire.TypeStdin, 1, "", 0))},
	"version 2":      {toApp([]byte{2, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, []byte{2, 4, 0, 1, 0, 0, 0, 0})},
	"mid-stream":     {{dir: wire.ToServer, lost: -1}, toServer(noise(5000, 1), rec(wire.TypeStdout, 1, string(noise(3000, 2)), 0), end)},
	"long noise":     {{dir: wire.ToServer, lost: -1}, toServer(noise(300_000, 3), rec(wire.TypeStdout, 1, "x", 7), end)},
	"gap in content": {toApp(begin), toServer(rec(wire.TypeStdout, 1, string(noise(100, 4)), 0)[:50]), {dir: wire.ToServer, lost: 20}, toServer(noise(38, 5), rec(wire.TypeStdout, 1, "", 0), end)},
	"gap to the end": {toServer(rec(wire.TypeStdout, 1, string(noise(100, 4)), 0)[:50]), {dir: wire.ToServer, lost: 58}, toServer(end)},
	"gap beyond":     {toServer(rec(wire.TypeStdout, 1, string(noise(100, 4)), 0)[:50]), {dir: wire.ToServer, lost: 70}, toServer(noise(30, 6), rec(wire.TypeStdout, 1, "tail", 4), end)},
	"alternating":    {toApp([]byte("HTTP/1.1"), begin, []byte("HTTP/1.1"), end, []byte("HTTP/1.1"), begin, begin)},
	"split pairs":    {toApp(begin, rec(wire.TypeParams, 1, "\x03\x05abc", 0), rec(wire.TypeParams, 1, "va", 0), rec(wire.TypeParams, 1, "lue\x01\x01nv\x09", 0), rec(wire.TypeParams, 1, "", 0))},
	"huge pair":      {toApp(begin, rec(wire.TypeParams, 1, "\xff\xff\xff\xff\xff\xff\xff\xffabc", 0), rec(wire.TypeParams, 1, "more", 0), rec(wire.TypeParams, 1, "", 0))},
	"snap length":    {{dir: wire.ToServer, lost: -1}, toServer(rec(wire.TypeStdout, 1, string(noise(100, 4)), 0)[:20]), {dir: wire.ToServer, lost: 88}, toServer(end)},
	"snap length in PARAMS": {toApp(begin, rec(wire.TypeParams, 1, pairs("A", "1", "REQUEST_METHOD", "GET"), 0)[:20]), {dir: wire.ToApp, lost: 11},
		toApp(rec(wire.TypeParams, 1, pairs("B", "2"), 0), rec(wire.TypeParams, 1, "", 0))},
	"cut header":       {toApp(begin, []byte{1, 4, 0})},
	"cut record":       {toApp(begin, rec(wire.TypeParams, 1, pairs("A", "B"), 3)[:10])},
	"management":       {toApp(rec(wire.TypeGetValues, 0, pairs(wire.MaxConns, "", "FOO", "x"), 0), rec(42, 0, "abc", 0)), toServer(rec(wire.TypeGetValuesResult, 0, pairs(wire.MaxConns, "a", "BAR", "1"), 0), wire.UnknownTypeRecord(42).Append(nil), wire.UnknownTypeRecord(43).Append(nil))},
	"only the answer":  {toServer(rec(wire.TypeStdout, 1, "Content-Type: a\r\n\r\n", 0), end)},
	"keep-conn twice":  {toApp(beginKeep, rec(wire.TypeParams, 1, "", 0), rec(wire.TypeStdin, 1, "", 0)), toServer(end), toApp(beginKeep, rec(wire.TypeParams, 1, "", 0), rec(wire.TypeStdin, 1, "", 0)), toServer(end)},
	"second begin":     {toApp(begin, begin)},
	"empty everything": {toApp(rec(wire.TypeBeginRequest, 1, "", 0), rec(wire.TypeGetValues, 0, "", 0), rec(0, 0, "", 0))},
}

// TestCutsDoNotMatter: the events are the same for every way of cutting the
// input, and every byte is covered once.
func TestCutsDoNotMatter(t *testing.T) {
	for name, steps := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := run(t, true, steps, all)
			r := rand.New(rand.NewPCG(1, 2))
			for _, cut := range []func(int) int{
				func(int) int { return 1 }, func(int) int { return 7 }, func(int) int { return 8 }, func(int) int { return 9 },
				func(n int) int { return 1 + r.IntN(n) }, func(int) int { return 4096 },
			} {
				got := run(t, true, steps, cut)
				if strings.Join(got, "\n") != strings.Join(want, "\n") {
					t.Fatalf("cut otherwise:\n%s\n\nat once:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				run(t, false, steps, cut)
			}
		})
	}
}

// TestPiecesJoin: the pieces of a content and the content are the same bytes.
func TestPiecesJoin(t *testing.T) {
	content := noise(40_000, 9)
	stream := append(rec(wire.TypeStdout, 1, string(content), 200), end...)
	var got []byte
	var records int
	c := &Conn{}
	emit := func(e *Event) {
		switch e.Kind {
		case KindChunk:
			got = append(got, e.Data...)
		case KindRecord:
			records++
			if e.Header.Type == wire.TypeStdout && (!e.Pieces || len(e.Padding) != 200) {
				t.Errorf("pieces=%v padding=%d", e.Pieces, len(e.Padding))
			}
		}
	}
	for p := stream; len(p) > 0; {
		n := min(len(p), 1448)
		c.Feed(wire.ToServer, time.Time{}, p[:n], emit)
		p = p[n:]
	}
	if !bytes.Equal(got, content) || records != 2 {
		t.Errorf("got %d bytes in %d records", len(got), records)
	}
	if cap(c.halves[wire.ToServer].buf) > maxIdleBuffer {
		t.Error("a buffer was kept")
	}
}

// TestResync: a record whose bytes are all there is found again after a gap.
func TestResync(t *testing.T) {
	for _, name := range []string{"mid-stream", "long noise", "gap in content", "gap to the end", "gap beyond", "http then fastcgi"} {
		got := strings.Join(run(t, true, hostile[name], all), "\n")
		last := "END_REQUEST"
		if name == "http then fastcgi" {
			last = "STDIN"
		}
		if !regexp.MustCompile(`(?m)^record .*` + last).MatchString(got) {
			t.Errorf("%s: no %s\n%s", name, last, got)
		}
	}
}

// TestSnapLength: what there is of a record that was cut is shown for what it
// is, and what follows the missing bytes is found without a search.
func TestSnapLength(t *testing.T) {
	for name, want := range map[string][]string{
		"snap length":           {"truncated", "gap", "record", "closed"},
		"snap length in PARAMS": {"pair to-app off=24", "gap", `"B"="2" split=false`, "closed"},
	} {
		got := run(t, true, hostile[name], all)
		at := 0
		for _, line := range got {
			if at < len(want) && strings.Contains(line, want[at]) {
				at++
			}
		}
		if at < len(want) || strings.Contains(strings.Join(got, "\n"), "desync") {
			t.Errorf("%s: no %q\n%s", name, want[min(at, len(want)-1)], strings.Join(got, "\n"))
		}
	}
}

func FuzzCuts(f *testing.F) {
	for _, steps := range hostile {
		for _, s := range steps {
			if len(s.data) > 0 && len(s.data) < 10_000 {
				f.Add(s.data, uint64(1), s.dir == wire.ToServer, int64(0))
				f.Add(s.data, uint64(1), s.dir == wire.ToServer, int64(-1))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, answer bool, lost int64) {
		dir := wire.ToApp
		if answer {
			dir = wire.ToServer
		}
		half := len(data) / 2
		steps := []step{{dir: dir, data: data[:half]}, {dir: dir, lost: max(lost, -1)}, {dir: dir, data: data[half:]}}
		if half == 0 {
			steps = steps[1:]
		}
		want := run(t, true, steps, all)
		r := rand.New(rand.NewPCG(seed, 2))
		got := run(t, true, steps, func(n int) int { return 1 + r.IntN(n) })
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("cut otherwise:\n%s\n\nat once:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		run(t, false, steps, func(n int) int { return 1 + r.IntN(n) })
	})
}

// TestUnanswered: of a management record without an answer it is said only
// where the application had its time, and all of it was seen.
func TestUnanswered(t *testing.T) {
	asked := append(rec(wire.TypeGetValues, 0, pairs(wire.MpxsConns, ""), 0), rec(99, 0, "", 0)...)
	for how, want := range map[CloseKind]int{CloseUnknown: 0, CloseByServer: 0, ResetByServer: 0, CloseByApp: 2, ResetByApp: 2} {
		for _, blind := range []bool{false, true} {
			got, c := 0, &Conn{}
			count := func(e *Event) {
				if e.Kind == KindFinding && e.Finding.Rule != wire.RuleUnknownType {
					got++
				}
			}
			c.Feed(wire.ToApp, time.Time{}, asked, count)
			if blind {
				c.Lost(wire.ToServer, -1, time.Time{}, count)
				want = 0
			}
			c.Close(time.Time{}, how, nil, count)
			if got != want {
				t.Errorf("%v, blind %v: %d findings, want %d", how, blind, got, want)
			}
		}
	}
}

// TestBounds: what a peer sends does not make a Conn grow without limit.
func TestBounds(t *testing.T) {
	c := &Conn{}
	var over int
	emit := func(e *Event) {
		if e.Kind == KindFinding && e.Finding.Rule == wire.RulePairTooLarge {
			over++
		}
	}
	big := rec(wire.TypeParams, 1, "\x01\x80\x0f\x00\x00n"+string(make([]byte, 60_000)), 0) // a pair of nearly 1 MiB begins
	for id := 1; id < 20_000; id++ {
		r := wire.BeginRecord(uint16(id), wire.Responder, 0).Append(nil)
		c.Feed(wire.ToApp, time.Time{}, r, emit)
		if id < 1000 {
			big[2], big[3] = byte(id>>8), byte(id)
			c.Feed(wire.ToApp, time.Time{}, big, emit)
		}
	}
	if len(c.active) != MaxActive || !c.over {
		t.Errorf("%d requests are followed", len(c.active))
	}
	if c.pairs > MaxPairs || over == 0 {
		t.Errorf("%d bytes of pairs are kept, %d dropped", c.pairs, over)
	}
	c.Close(time.Time{}, CloseUnknown, nil, emit)
}

func TestHandlersComplete(t *testing.T) {
	for i := range 256 {
		if known := wire.Type(i).Known(); known != (handlers[i] != nil) {
			t.Errorf("type %d: known %v, handler %v", i, known, handlers[i] != nil)
		}
	}
}

func TestClone(t *testing.T) {
	c := &Conn{Whole: true}
	var clones []Event
	var logs []string
	emit := func(e *Event) {
		clones = append(clones, e.Clone())
		logs = append(logs, log(e))
	}
	for _, s := range conversation {
		tmp := bytes.Clone(s.data)
		c.Feed(s.dir, time.Time{}, tmp, emit)
		clear(tmp)
	}
	for i := range clones {
		if got := log(&clones[i]); got != logs[i] {
			t.Errorf("clone: %s\nevent: %s", got, logs[i])
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	params := pairs("SCRIPT_FILENAME", "/srv/web/www/hello.php", "QUERY_STRING", "x=1&y=2", "REQUEST_METHOD", "GET", "CONTENT_TYPE", "", "CONTENT_LENGTH", "",
		"SCRIPT_NAME", "/hello.php", "REQUEST_URI", "/hello.php?x=1", "DOCUMENT_URI", "/hello.php", "DOCUMENT_ROOT", "/srv/web/www", "SERVER_PROTOCOL", "HTTP/1.1",
		"GATEWAY_INTERFACE", "CGI/1.1", "SERVER_SOFTWARE", "nginx/1.22.1", "REMOTE_ADDR", "127.0.0.1", "REMOTE_PORT", "47284", "HTTP_HOST", "127.0.0.1", "HTTP_USER_AGENT", "curl")
	in := bytes.Join([][]byte{begin, rec(wire.TypeParams, 1, params, 0), rec(wire.TypeParams, 1, "", 0), rec(wire.TypeStdin, 1, "", 0)}, nil)
	out := bytes.Join([][]byte{rec(wire.TypeStdout, 1, "Content-Type: text/html\r\n\r\n"+string(make([]byte, 8000)), 0), rec(wire.TypeStdout, 1, string(make([]byte, 8184)), 0), end}, nil)
	n := 0
	emit := func(e *Event) { n++ }
	b.SetBytes(int64(len(in) + len(out)))
	b.ReportAllocs()
	for b.Loop() {
		c := Conn{Info: info}
		c.Feed(wire.ToApp, time.Time{}, in, emit)
		c.Feed(wire.ToServer, time.Time{}, out, emit)
		c.Close(time.Time{}, CloseByApp, nil, emit)
	}
}

var info = &ConnInfo{}

// TestEndCut: a request of which END_REQUEST was sent has ended, even if the
// capture lacks what that says. If it was not sent whole the request has not.
func TestEndCut(t *testing.T) {
	t.Parallel()
	end := wire.NewRecord(wire.TypeEndRequest, 1, make([]byte, 8)).Append(nil)
	for _, test := range []struct {
		name string
		rest func(c *Conn, emit func(*Event))
		want string
	}{
		{"lost", func(c *Conn, emit func(*Event)) { c.Lost(wire.ToServer, 8, time.Time{}, emit) }, "complete true, cut true"},
		{"lost in part", func(c *Conn, emit func(*Event)) {
			c.Feed(wire.ToServer, time.Time{}, []byte{0, 0, 0}, emit)
			c.Lost(wire.ToServer, 5, time.Time{}, emit)
		}, "complete true, cut true"},
		{"whole", func(c *Conn, emit func(*Event)) { c.Feed(wire.ToServer, time.Time{}, end[8:], emit) }, "complete true, cut false"},
		{"not sent", func(c *Conn, emit func(*Event)) { c.Feed(wire.ToServer, time.Time{}, []byte{0, 0, 0}, emit) }, "complete false, cut false"},
	} {
		var c Conn
		var got []string
		emit := func(e *Event) {
			if e.Kind == KindRequestEnded {
				got = append(got, fmt.Sprintf("complete %v, cut %v", e.Request.Complete, e.Request.EndCut))
			}
		}
		c.Feed(wire.ToApp, time.Time{}, wire.BeginRecord(1, wire.Responder, 0).Append(nil), emit)
		c.Feed(wire.ToServer, time.Time{}, end[:8], emit)
		test.rest(&c, emit)
		c.Close(time.Time{}, CloseByApp, nil, emit)
		if strings.Join(got, "; ") != test.want {
			t.Errorf("%s: %q, want %s, once", test.name, got, test.want)
		}
	}
}

// TestFlagsUnseen: whether the application may close, or has to, is not known
// after a request whose flags were not seen; so nothing is said about it.
func TestFlagsUnseen(t *testing.T) {
	t.Parallel()
	end := func(id uint16) []byte { return wire.EndRecord(id, 0, wire.RequestComplete).Append(nil) }
	kept := func(id uint16) []byte { return wire.BeginRecord(id, wire.Responder, wire.KeepConn).Append(nil) }
	output := wire.NewRecord(wire.TypeStdout, 1, nil).Append(nil)
	for name, steps := range map[string][]step{
		"it goes on":                  {toServer(output, end(1)), toApp(kept(2)), toServer(end(2))},
		"it closes under another":     {toServer(output, end(1)), toApp(kept(2))},
		"the end was not seen either": {toServer(output), toApp(kept(1))},
	} {
		var c Conn
		emit := func(e *Event) {
			if e.Kind == KindFinding && (e.Finding.Rule == wire.RuleKeepConn || e.Finding.Rule == wire.RuleNoEnd || e.Finding.Rule == wire.RuleLostAtClose) {
				t.Errorf("%s: %s: %s", name, e.Finding.Rule, e.Finding.Detail)
			}
		}
		c.Lost(wire.ToApp, -1, time.Time{}, emit)
		for _, s := range steps {
			c.Feed(s.dir, time.Time{}, s.data, emit)
		}
		c.Close(time.Time{}, CloseByApp, nil, emit)
	}
}
