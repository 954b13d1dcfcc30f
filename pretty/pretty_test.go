package pretty

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		got, err := Lookup(f.Name)
		if err != nil || got.Name != f.Name || f.Help == "" || f.New == nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	for name, want := range map[string]string{
		"jsnol":   `pretty: unknown format "jsnol": did you mean "jsonl"?`,
		"json":    `pretty: unknown format "json": did you mean "jsonl"?`,
		"TABLE":   `pretty: unknown format "TABLE": did you mean "table"?`,
		"request": `pretty: unknown format "request": did you mean "requests"?`,
		"pcap\x1b": `pretty: unknown format "pcap\x1b": it is one of ` +
			"text, table, jsonl, summary, hex, requests, diagram, perl, raw",
	} {
		if _, err := Lookup(name); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"record,pair": "", "request": "", "lost": "",
		"records": `pretty: unknown event "records": did you mean "record"?`,
		"header":  `pretty: unknown event "header": it is one of connection, record, pair, request, finding, gap, desync, truncated, closed, lost`,
	} {
		if _, err := ParseEvents(list); errorText(err) != want {
			t.Errorf("events %q: %v", list, err)
		}
	}
	for name, want := range map[string]string{
		"body": "", "header": "", "stdin": "", "data": "", "stderr": "", "stdout": "", "params": "",
		"std": `pretty: unknown part "std": did you mean "stdin"?`,
	} {
		if _, err := ParsePart(name); errorText(err) != want {
			t.Errorf("part %q: %v", name, err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"", 0, `""`}, {"abc", 0, `"abc"`}, {"abc", 3, `"abc"`}, {"abcd", 3, `"abc"...`}, {"grü", 3, `"gr"...`}, {"\x1b[31m", 0, `"\x1b[31m"`},
	} {
		if got := Quote([]byte(c.in), c.max); got != c.want {
			t.Errorf("%q: got %s, want %s", c.in, got, c.want)
		}
	}
	if got := Clean(`he said "no\yes"` + "\x1b\u202e"); got != `he said "no\yes"\x1b\xe2\x80\xae` {
		t.Errorf("got %s", got)
	}
}

// failing is a writer that is full after some bytes.
type failing struct{ room int }

var errFull = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestWriteErrors: every format returns the error of its writer, from Close at
// the latest, and writes in pieces that have a bound.
func TestWriteErrors(t *testing.T) {
	t.Parallel()
	info := &flow.ConnInfo{Fd: -1}
	for _, f := range Formats() {
		s := f.New(&failing{room: 10}, Options{})
		var first error
		emit := func(e *flow.Event) {
			if err := s.Event(e); first == nil {
				first = err
			} else if err == nil {
				t.Errorf("%s: the error is gone", f.Name)
			}
		}
		c := flow.Conn{Whole: f.NeedsWhole, Info: info}
		for id := range uint16(2000) {
			feed := func(dir wire.Direction, r wire.Record) { c.Feed(dir, at0, r.Append(nil), emit) }
			feed(wire.ToApp, wire.BeginRecord(id+1, wire.Responder, wire.KeepConn))
			feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, id+1, []byte("\n\n"+strings.Repeat("x", 100))))
			feed(wire.ToServer, wire.EndRecord(id+1, 0, 0))
		}
		c.Close(at0, flow.CloseUnknown, nil, emit)
		if err := s.Close(); !errors.Is(err, errFull) {
			t.Errorf("%s: Close returns %v", f.Name, err)
		}
		if !errors.Is(first, errFull) && f.Name != "diagram" {
			t.Errorf("%s: no event returned the error", f.Name)
		}
	}
}

// TestFlush: after Flush everything that came is there, so that a pipe shows a
// record when it comes.
func TestFlush(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		var b bytes.Buffer
		s := Tee(Where(func(*flow.Event) bool { return true }, f.New(&b, Options{Part: "stdin"})))
		c := flow.Conn{Whole: f.NeedsWhole}
		emit := func(e *flow.Event) {
			if err := s.Event(e); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range []wire.Record{
			wire.BeginRecord(1, wire.Responder, 0), wire.NewRecord(wire.TypeParams, 1, nil), wire.NewRecord(wire.TypeStdin, 1, []byte("needle")),
		} {
			c.Feed(wire.ToApp, at0, r.Append(nil), emit)
		}
		if err := Flush(s); err != nil {
			t.Fatal(err)
		}
		want := "needle"
		switch f.Name {
		case "jsonl":
			want = "bmVlZGxl" // base64
		case "summary", "requests":
			want = "" // nothing until the request has ended
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: %q after Flush", f.Name, b.String())
		}
		c.Close(at0, flow.CloseUnknown, nil, emit)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if f.Name != "raw" && strings.Count(b.String(), "\n") < 1 {
			t.Errorf("%s: %q after Close", f.Name, b.String())
		}
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	var all, some Count
	s := Tee(&all, Where(func(e *flow.Event) bool { return e.Kind == flow.KindPair }, &some))
	c := conversation(t, "multiplexed")
	c.Play(newConn(true), func(e *flow.Event) {
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
	})
	if err := errors.Join(Flush(s), s.Close()); err != nil {
		t.Fatal(err)
	}
	if all[flow.KindPair] != 6 || all[flow.KindRecord] != 18 || all[flow.KindClosed] != 1 {
		t.Errorf("got %v", all)
	}
	if want := (Count{flow.KindPair: 6}); some != want {
		t.Errorf("got %v", some)
	}
}

// TestPieces: formats that do not need whole records show the same either way;
// but for requests with a gap, of which flow makes what it can.
func TestPieces(t *testing.T) {
	t.Parallel()
	for name, c := range conversations(t) {
		for _, f := range Formats() {
			if f.NeedsWhole || name == "damage" {
				continue
			}
			whole := show(t, Format{Name: f.Name, NeedsWhole: true, New: f.New}, Options{Stable: true}, &c)
			if diff := cmp.Diff(whole, showBytewise(t, f, &c)); diff != "" {
				t.Errorf("%s: %s (-whole +pieces):\n%s", name, f.Name, diff)
			}
		}
	}
}

func TestTotals(t *testing.T) {
	t.Parallel()
	var totals Totals
	for _, name := range []string{"damage", "multiplexed"} {
		c := conversation(t, name)
		c.Play(newConn(true), func(e *flow.Event) {
			if err := totals.Event(e); err != nil {
				t.Fatal(err)
			}
		})
	}
	if totals.Connections != 2 || totals.Requests != 3 || totals.Statuses[200] != 2 || totals.Statuses[500] != 1 || !totals.Failed() {
		t.Errorf("got %+v", totals)
	}
	if n := len(totals.Slowest); n != 3 || totals.Slowest[0].Took < totals.Slowest[n-1].Took {
		t.Errorf("slowest: %+v", totals.Slowest)
	}
	var b strings.Builder
	if err := totals.Report(&b, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"connections  ", "status 500   ", "1         must   version ", "/slow?q=1\n", "GET     /quick\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if (&Totals{}).Failed() {
		t.Error("nothing failed")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := Table(&b, []string{"request_id", "value.name", ""}, [][]string{{" a", "日本", "x"}, {"", "b", ""}, {"1", "long cell", "tail  "}})
	want := "request_id  value.name\n a          日本        x\n            b\n1           long cell   tail\n"
	if err != nil || b.String() != want {
		t.Errorf("%v:\n%q\n%q", err, b.String(), want)
	}
	if err := Table(&b, nil, [][]string{{"a", "b"}, {"c"}}); errorText(err) != "pretty: table: row 1 has 1 cells, not 2" {
		t.Errorf("got %v", err)
	}
	if err := Table(&b, nil, [][]string{{"a", "b\n"}}); errorText(err) != `pretty: table: row 0: line feed in cell "b\n"` {
		t.Errorf("got %v", err)
	}
	b.Reset()
	if err := Table(&b, []string{"one"}, [][]string{{"a"}, {""}}); err != nil || b.String() != "one\na\n\n" {
		t.Errorf("%v: %q", err, b.String())
	}
	if err := Table(&failing{}, []string{"a"}, nil); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

// TestTableWidths: widths are kept when rows are written in several blocks.
func TestTableWidths(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	s := format(t, "table").New(&b, Options{})
	info := &flow.ConnInfo{}
	for i, typ := range []wire.Type{wire.TypeGetValuesResult, wire.TypeStdin, wire.TypeData} {
		e := record(info, wire.ToApp, wire.NewRecord(typ, uint16(i), nil))
		if err := errors.Join(s.Event(e), Flush(s)); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 5 || strings.Count(b.String(), "conn") != 1 {
		t.Fatalf("got\n%s", b.String())
	}
	column := strings.LastIndex(lines[0], "pad")
	for _, l := range lines[1:4] {
		if len(l) != column+1 || l[column] != '0' || l[column-1] != ' ' {
			t.Errorf("not in columns: %q", l)
		}
	}
}
