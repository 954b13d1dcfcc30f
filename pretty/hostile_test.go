package pretty

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// nasty is what a peer may send to do harm to who looks at it.
func nasty() []string {
	list := []string{
		"\x1b]0;title\x07", "\x1b[2J\x1b[41mred", "\x1bP+q\x1b\\", "\u009b41m", "\u0085next", "\x9b31m", // escape sequences, C1
		"\u202etxt.exe\u202c", "\u2066\u2069", "\u200e\u200f\u061c", // bidirectional
		"zero\u200bwidth\u200d\u2060\ufeff", "soft\u00adhyphen", "\ufe0f\U000e0041", // invisible
		"\x00", "a\r\nb", "\b\b\b", "\x7f", "\u2028\u2029", "\xff\xfe", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", // controls, no UTF-8
		"\" # comment", "\\", "|", "\t", "{}", "%s%n", "=", "wide:", "\n> ABORT_REQUEST id=1\n", "-- x --\n",
	}
	all := make([]byte, 256)
	for b := range all {
		all[b] = byte(b)
		list = append(list, "a"+string([]byte{byte(b)})+"b")
	}
	return append(list, string(all))
}

// TestHostileBytes: whatever a peer puts wherever it can, nothing but printable
// characters, line feeds and tabs comes out, and our own colours. The format
// raw is there to give the bytes as they are.
func TestHostileBytes(t *testing.T) {
	for _, f := range Formats() {
		for _, o := range []Options{{}, {Color: true, Width: 60, MaxBody: 3}} {
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				for _, s := range nasty() {
					if out := hostile(t, f, o, s); f.Name != "raw" {
						checkHarmless(t, o, s, out)
					}
				}
			})
		}
	}
}

// hostile shows a conversation in which s is everywhere.
func hostile(t *testing.T, f Format, o Options, s string) string {
	t.Helper()
	var b strings.Builder
	sink := f.New(&b, o)
	emit := func(e *flow.Event) {
		if err := sink.Event(e); err != nil {
			t.Fatalf("%v: %v", e.Kind, err)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	c := &flow.Conn{Whole: f.NeedsWhole, Info: &flow.ConnInfo{Network: s, Client: s, Server: s, Fd: -1}}
	feed := func(dir wire.Direction, r wire.Record) { c.Feed(dir, at, r.Append(nil), emit) }
	pair := func(name, value string) wire.Record {
		return wire.NewRecord(wire.TypeParams, 1, wire.NewPair(name, value).Append(nil))
	}
	feed(wire.ToApp, wire.BeginRecord(1, wire.Responder, 0))
	for _, name := range []string{"REQUEST_METHOD", "REQUEST_URI", "SCRIPT_FILENAME", "CONTENT_LENGTH"} {
		feed(wire.ToApp, pair(name, s))
	}
	feed(wire.ToApp, pair(s, s))
	split := wire.NewPair(s+s, s).Append(nil)
	feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, split[:3]))
	feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, split[3:]))
	feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, []byte(s)))
	feed(wire.ToApp, wire.NewRecord(wire.TypeGetValues, 0, wire.NewPair(s, s).Append(nil)))
	padded := wire.NewRecord(wire.TypeStdin, 1, []byte(s))
	padded.Padding, padded.Version, padded.Reserved = []byte(s)[:min(len(s), wire.MaxPadding)], s[0], s[0]
	feed(wire.ToApp, padded)
	feed(wire.ToServer, wire.NewRecord(wire.TypeStderr, 1, []byte(s)))
	feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, 1, []byte("Status: 200 "+s+"\nX: "+s+"\n\n"+s)))
	feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, 9, []byte(s)))
	feed(wire.ToServer, wire.NewRecord(wire.Type(s[0]), 9, []byte(s)))
	feed(wire.ToServer, wire.NewRecord(wire.TypeEndRequest, 1, []byte(s)))
	emit(&flow.Event{Kind: flow.KindFinding, Conn: c.Info, Finding: &flow.Finding{Rule: wire.RuleVersion, Detail: s}})
	emit(&flow.Event{Kind: flow.KindFinding, Conn: c.Info, Finding: &flow.Finding{Rule: wire.RuleID(s), Detail: s}})
	emit(&flow.Event{Kind: flow.KindDesync, Conn: c.Info, Data: []byte(s), Hint: s})
	emit(&flow.Event{Kind: flow.KindTruncated, Conn: c.Info, Data: []byte(s), Length: 99, Got: int64(len(s))})
	c.Feed(wire.ToServer, at, []byte("\x01\x06\x00\x01\x01\x00\x00\x00"+s), emit)
	c.Close(at, flow.ResetByApp, errors.New(s), emit)
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func checkHarmless(t *testing.T, o Options, sent, out string) {
	t.Helper()
	if o.Color {
		out = withoutColours(out)
	}
	for i, r := range out {
		if r == utf8.RuneError && !strings.HasPrefix(out[i:], "\ufffd") {
			t.Fatalf("sent %q: no UTF-8 in %q", sent, around(out, i))
		}
		if r != '\n' && r != '\t' && !harmless(r) {
			t.Fatalf("sent %q: %U in %q", sent, r, around(out, i))
		}
	}
}

func around(s string, i int) string { return s[max(0, i-80):min(len(s), i+80)] }

// harmless is deliberately not what the program itself asks.
func harmless(r rune) bool {
	if r >= ' ' && r <= '~' {
		return true
	}
	return r > 0x9f &&
		!unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Variation_Selector)
}

// withoutColours takes out exactly the escape sequences that the palette has.
func withoutColours(s string) string {
	p := newPalette(true)
	for _, st := range append([]style{p.toApp, p.toServer, p.typ, p.name, p.value, p.note, p.good}, p.levels[:]...) {
		s = strings.ReplaceAll(strings.ReplaceAll(s, st.on, ""), st.off, "")
	}
	return s
}

// TestColoursOnlyWhenAsked: without Color there is no escape sequence, with it
// there is one, and without colours the output is the same.
func TestColoursOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	c := conversation(t, "damage")
	for _, f := range Formats() {
		plain := show(t, f, Options{}, &c)
		coloured := show(t, f, Options{Color: true}, &c)
		switch f.Name {
		case "jsonl", "perl", "raw":
			if coloured != plain {
				t.Errorf("%s has colours", f.Name)
			}
			continue
		}
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s has escape sequences without colours", f.Name)
		}
		if !strings.Contains(coloured, "\x1b[") || withoutColours(coloured) != plain {
			t.Errorf("%s: not the same without its colours:\n%q\n%q", f.Name, withoutColours(coloured), plain)
		}
	}
}

// FuzzHostile feeds any bytes as both directions of a connection to all formats.
func FuzzHostile(f *testing.F) {
	f.Add([]byte("\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"), []byte("\x01\x06\x00\x01\x00\x02\x01\x00\x1b[\x9b"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte("\x01\x03\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, toApp, toServer []byte) {
		for _, format := range Formats() {
			for _, o := range []Options{{}, {MaxBody: 2, Width: 70}} {
				var b strings.Builder
				s := format.New(&b, o)
				emit := func(e *flow.Event) { s.Event(e) }
				c := &flow.Conn{Whole: format.NeedsWhole}
				for i := 0; i < max(len(toApp), len(toServer)); i += 100 {
					c.Feed(wire.ToApp, time.Time{}, toApp[min(i, len(toApp)):min(i+100, len(toApp))], emit)
					c.Feed(wire.ToServer, time.Time{}, toServer[min(i, len(toServer)):min(i+100, len(toServer))], emit)
				}
				c.Close(time.Time{}, flow.CloseUnknown, io.ErrUnexpectedEOF, emit)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if format.Name != "raw" {
					checkHarmless(t, o, "", b.String())
				}
			}
		}
	})
}
