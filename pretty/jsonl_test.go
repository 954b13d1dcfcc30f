package pretty

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// line is a line of jsonl as encoding/json sees it.
type line struct {
	Event         string  `json:"event"`
	Conn          *int    `json:"conn"`
	Dir           string  `json:"dir"`
	At            string  `json:"at"`
	Offset        *int64  `json:"offset"`
	Index         int     `json:"index"`
	Version       uint8   `json:"version"`
	Type          uint8   `json:"type"`
	TypeName      string  `json:"type_name"`
	RequestID     uint16  `json:"request_id"`
	ContentLength uint16  `json:"content_length"`
	PaddingLength uint8   `json:"padding_length"`
	Reserved      uint8   `json:"reserved"`
	Content       *[]byte `json:"content"`
	Padding       []byte  `json:"padding"`
	Name          *string `json:"name"`
	NameBase64    *[]byte `json:"name_base64"`
	Value         *string `json:"value"`
	ValueBase64   *[]byte `json:"value_base64"`
	Length        *int64  `json:"length"`
	Want          int64   `json:"want"`
	Got           int64   `json:"got"`
	Rule          string  `json:"rule"`
	Detail        string  `json:"detail"`
	Level         string  `json:"level"`
	Hint          string  `json:"hint"`
	URI           string  `json:"uri"`
	URIBase64     []byte  `json:"uri_base64"`
	Status        int     `json:"status"`
	Complete      bool    `json:"complete"`
	Error         string  `json:"error"`
}

func (l *line) header() wire.Header {
	return wire.Header{
		Version: l.Version, Type: wire.Type(l.Type), RequestID: l.RequestID, ContentLength: l.ContentLength,
		PaddingLength: l.PaddingLength, Reserved: l.Reserved,
	}
}

func parseLines(t *testing.T, s string) (lines []line) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatal("not UTF-8")
	}
	for text := range strings.Lines(s) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		lines = append(lines, l)
	}
	return lines
}

// TestJSONLParsesBack: each event comes once, and what it says is what another
// parser reads.
func TestJSONLParsesBack(t *testing.T) {
	t.Parallel()
	for name, c := range conversations(t) {
		var want []flow.Event
		for _, e := range events(&c, true) {
			if slices.Contains(eventKinds, e.Kind) {
				want = append(want, e)
			}
		}
		got := parseLines(t, show(t, format(t, "jsonl"), Options{}, &c))
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("%s: %d lines for %d events", name, len(got), len(want))
		}
		for i := range got {
			checkLine(t, name, &got[i], &want[i])
		}
	}
}

func checkLine(t *testing.T, name string, l *line, e *flow.Event) {
	t.Helper()
	same := l.Event == e.Kind.String() && *l.Conn == e.Conn.N
	if !e.At.IsZero() {
		at, err := time.Parse(time.RFC3339Nano, l.At)
		same = same && err == nil && at.Equal(e.At)
	}
	if hasPlace(e) {
		same = same && l.Dir == e.Dir.String() && *l.Offset == e.Offset
	}
	switch e.Kind {
	case flow.KindRecord:
		same = same && l.header() == e.Header && l.Index == e.Index && bytes.Equal(*l.Content, e.Data) && l.TypeName == e.Header.Type.String() &&
			(bytes.Equal(l.Padding, e.Padding) || l.Padding == nil && zeros(e.Padding))
	case flow.KindPair:
		same = same && bytes.Equal(either(l.Name, l.NameBase64), e.Pair.Name) && bytes.Equal(either(l.Value, l.ValueBase64), e.Pair.Value)
	case flow.KindRequestEnded:
		uri := l.URIBase64
		if l.URI != "" {
			uri = []byte(l.URI)
		}
		same = same && bytes.Equal(uri, e.Request.URI) && l.Status == e.Request.Status && l.Complete == e.Request.Complete
	case flow.KindFinding:
		same = same && l.Rule == string(e.Finding.Rule) && l.Detail == e.Finding.Detail && l.Level == e.Finding.Rule.Rule().Level.String()
	case flow.KindGap:
		same = same && *l.Length == e.Length
	case flow.KindDesync:
		same = same && bytes.Equal(*l.Content, e.Data) && *l.Length == int64(len(e.Data)) && l.Hint == e.Hint
	case flow.KindTruncated:
		same = same && bytes.Equal(*l.Content, e.Data) && l.Want == e.Length && l.Got == e.Got
	}
	if !same {
		t.Errorf("%s: %+v is not %+v", name, *l, *e)
	}
}

func either(s *string, b *[]byte) []byte {
	if s != nil {
		return []byte(*s)
	}
	return *b
}

// TestJSONLCoversEveryByte: records, desync, truncated and gaps follow each
// other without a hole, and hold what was sent.
func TestJSONLCoversEveryByte(t *testing.T) {
	t.Parallel()
	for name, c := range conversations(t) {
		var got [2][]byte
		for _, l := range parseLines(t, show(t, format(t, "jsonl"), Options{}, &c)) {
			dir := wire.ToApp
			if l.Dir == "to-server" {
				dir = wire.ToServer
			}
			covers := l.Event == "record" || l.Event == "desync" || l.Event == "truncated" || l.Event == "gap"
			if !covers {
				continue
			}
			if *l.Offset != int64(len(got[dir])) {
				t.Fatalf("%s: %s at %d follows %d bytes", name, l.Event, *l.Offset, len(got[dir]))
			}
			switch l.Event {
			case "record":
				got[dir] = append(l.header().Append(got[dir]), *l.Content...)
				if l.Padding == nil {
					l.Padding = make([]byte, l.PaddingLength)
				}
				got[dir] = append(got[dir], l.Padding...)
			case "gap":
				got[dir] = append(got[dir], make([]byte, *l.Length)...)
			default:
				got[dir] = append(got[dir], *l.Content...)
			}
		}
		for dir := range got {
			if sent := withGaps(&c, wire.Direction(dir)); !bytes.Equal(got[dir], sent) {
				t.Errorf("%s: %v: %d bytes are not the %d that were sent", name, wire.Direction(dir), len(got[dir]), len(sent))
			}
		}
	}
}

// TestJSONLText: what is text comes as text, all else as base64, and both are
// UTF-8 that another parser takes for the same.
func TestJSONLText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in     string
		base64 bool
	}{
		{"", false}, {"plain", false}, {"tab\tand \"quotes\" and \\", false}, {"grüße 日本 🎉", false},
		{"\u202ebidi\u200b\u2028", false}, {"\ufffd", false}, {"\U000e0041", false},
		{"\n", true}, {"\x00", true}, {"\x7f", true}, {"\u0085", true}, {"\xff", true}, {"\xed\xa0\x80", true}, {"\xc3", true},
	} {
		var w object
		w.text("v", "v64", []byte(c.in))
		var got map[string]string
		if err := json.Unmarshal([]byte("{"+string(w.b[1:])+"}"), &got); err != nil {
			t.Fatalf("%q: %v", w.b, err)
		}
		want := map[string]string{"v": c.in}
		if c.base64 {
			want = map[string]string{"v64": base64.StdEncoding.EncodeToString([]byte(c.in))}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, diff)
		}
	}
}

// TestJSONLAllBytes: appendJSONString and encoding/json agree on runes.
func TestJSONLAllBytes(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if r > 0x3000 && r < utf8.MaxRune-16 {
			r += 30 // a sample of what is far from ASCII
		}
		s := string(r)
		var back string
		if err := json.Unmarshal(appendJSONString(nil, s), &back); err != nil || back != s {
			t.Fatalf("%U: %v, %q", r, err, back)
		}
	}
}

func TestJSONLEvents(t *testing.T) {
	t.Parallel()
	c := conversation(t, "damage")
	set, err := ParseEvents("pair, request")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, l := range parseLines(t, show(t, format(t, "jsonl"), Options{Events: set}, &c)) {
		kinds[l.Event]++
	}
	if len(kinds) != 2 || kinds["pair"] == 0 || kinds["request"] != 1 {
		t.Errorf("got %v", kinds)
	}
}

func TestJSONLClock(t *testing.T) {
	t.Parallel()
	var c clock
	for _, at := range []time.Time{
		time.Unix(0, 0), time.Unix(0, 1), time.Unix(1, 999999999), time.Unix(-1, 5), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)),
	} {
		want := at.UTC().Format("2006-01-02T15:04:05.000000000")
		if got := string(c.append(nil, at, 9)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestAllocations: the formats that are for large captures allocate nothing an
// event.
func TestAllocations(t *testing.T) {
	c := conversation(t, "multiplexed")
	list := events(&c, true)
	for _, f := range []string{"jsonl", "summary"} {
		s := format(t, f).New(io.Discard, Options{})
		all := func() {
			for i := range list {
				if err := s.Event(&list[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		all()
		if n := testing.AllocsPerRun(100, all); n != 0 {
			t.Errorf("%s: %v allocations for %d events", f, n, len(list))
		}
	}
}

func benchmarkFormat(b *testing.B, name string) {
	c := conversation(b, "multiplexed")
	list := events(&c, true)
	s := format(b, name).New(io.Discard, Options{})
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		if err := s.Event(&list[n%len(list)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSONL(b *testing.B)   { benchmarkFormat(b, "jsonl") }
func BenchmarkSummary(b *testing.B) { benchmarkFormat(b, "summary") }
func BenchmarkText(b *testing.B)    { benchmarkFormat(b, "text") }
func BenchmarkTable(b *testing.B)   { benchmarkFormat(b, "table") }

// BenchmarkSummaryRequest is about the one event that summary looks at.
func BenchmarkSummaryRequest(b *testing.B) {
	c := conversation(b, "multiplexed")
	list := slices.DeleteFunc(events(&c, true), func(e flow.Event) bool { return e.Kind != flow.KindRequestEnded })
	s := format(b, "summary").New(io.Discard, Options{})
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		s.Event(&list[n%len(list)])
	}
}
