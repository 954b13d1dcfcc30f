package pretty

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// withGaps returns what travels in a direction, with zeros for what is missing.
func withGaps(c *wiretest.Fixture, dir wire.Direction) (b []byte) {
	for i := range c.Lines {
		switch l := &c.Lines[i]; {
		case l.Dir != dir:
		case l.Kind == text.KindGap:
			b = append(b, make([]byte, l.Count)...)
		default:
			b = l.AppendWire(b)
		}
	}
	return b
}

// TestTextReadsBack: what text prints, read back, is the same bytes.
func TestTextReadsBack(t *testing.T) {
	t.Parallel()
	for name, c := range conversations(t) {
		for _, o := range []Options{{}, {Stable: true, Width: 20}} {
			out := show(t, format(t, "text"), o, &c)
			lines, err := text.Parse([]byte(out))
			if err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, out)
			}
			back := wiretest.Fixture{Lines: lines}
			for _, dir := range []wire.Direction{wire.ToApp, wire.ToServer} {
				if !bytes.Equal(withGaps(&back, dir), withGaps(&c, dir)) {
					t.Errorf("%s: %v: not the same bytes from\n%s", name, dir, out)
				}
			}
		}
	}
}

// TestTextCut: a text that was cut says so first, and what was left out.
func TestTextCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	info := &flow.ConnInfo{Fd: -1}
	var b strings.Builder
	s := format(t, "text").New(&b, Options{MaxBody: 4})
	for _, r := range []wire.Record{
		wire.NewRecord(wire.TypeParams, 1, wire.AppendPairs(nil, []wire.Pair{wire.NewPair("SHORT", "1"), wire.NewPair("LONG", long)})),
		wire.NewRecord(wire.TypeStdin, 1, []byte(long)),
		wire.NewRecord(wire.TypeStdin, 1, []byte("abcd")),
		wire.BeginRecord(1, wire.Responder, 0),
	} {
		if err := s.Event(record(info, wire.ToApp, r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := `@cut 4
@conn 0
> PARAMS id=1
    SHORT=1
    LONG=xxxx
    # not shown, of LONG: 996 bytes
> STDIN id=1 "xxxx"
    # not shown: 996 bytes
> STDIN id=1 "abcd"
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTextConnections: where connections take turns, the text says whose turn
// it is; and when, if that is known.
func TestTextConnections(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	s := format(t, "text").New(&b, Options{})
	a, z := &flow.ConnInfo{N: 0, Client: "127.0.0.1:4000", Server: "127.0.0.1:9000"}, &flow.ConnInfo{N: 1, Server: "/run/php.sock"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	send := func(e *flow.Event, after time.Duration) {
		e.At = at.Add(after)
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	abort := func(info *flow.ConnInfo) *flow.Event { return record(info, wire.ToApp, wire.AbortRecord(1)) }
	send(&flow.Event{Kind: flow.KindConnection, Conn: a}, 0)
	send(abort(a), time.Millisecond)
	send(&flow.Event{Kind: flow.KindConnection, Conn: z}, 0)
	send(abort(z), time.Millisecond)
	send(abort(z), 1500*time.Microsecond)
	send(&flow.Event{Kind: flow.KindFinding, Conn: z, Finding: &flow.Finding{Rule: wire.RuleIDInactive, Detail: "here"}}, 0)
	send(abort(a), 1500*time.Microsecond)
	send(&flow.Event{Kind: flow.KindFinding, Conn: a, Offset: 77, Finding: &flow.Finding{Rule: wire.RuleNoEnd, Detail: "elsewhere"}}, 0)
	send(&flow.Event{Kind: flow.KindClosed, Conn: z, Close: flow.CloseByApp, Open: []uint16{1, 9}}, 2*time.Millisecond)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := `@conn 0 127.0.0.1:4000 127.0.0.1:9000
@at 2026-01-02T03:04:05.001Z
> ABORT_REQUEST id=1
@conn 1 /run/php.sock
> ABORT_REQUEST id=1
@at +0.5ms
> ABORT_REQUEST id=1
    # must: id-inactive (section 3.3): here
@conn 0
> ABORT_REQUEST id=1
# must: no-end (section 5.5): elsewhere
@conn 1
@at +1ms
# not ended: request 1 9
< ! fin
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTails: wherever a stream of pairs is cut into records, it is known how
// much of each belongs to a pair that began before.
func TestTails(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	info := &flow.ConnInfo{}
	for range 2000 {
		var stream []byte
		var starts []int // where pairs begin
		for range rnd.IntN(6) {
			starts = append(starts, len(stream))
			p := wire.Pair{
				Name: make([]byte, rnd.IntN(4)*rnd.IntN(60)), Value: make([]byte, rnd.IntN(3)*rnd.IntN(200)),
				WideName: rnd.IntN(3) == 0, WideValue: rnd.IntN(3) == 0,
			}
			stream = p.Append(stream)
		}
		starts = append(starts, len(stream))
		known := tails{}
		for at := 0; at < len(stream); {
			n := min(1+rnd.IntN(40)*rnd.IntN(5), len(stream)-at)
			want := n // no pair begins in the record
			for _, s := range starts {
				if s >= at && s-at < want {
					want = s - at
				}
			}
			r := wire.NewRecord(wire.TypeParams, 1, stream[at:at+n])
			if got := known.next(record(info, wire.ToApp, r)); got != want {
				t.Fatalf("record of %d bytes at %d: tail of %d bytes, want %d; pairs at %d", n, at, got, want, starts)
			}
			at += n
		}
		if len(known) > 0 {
			t.Fatalf("%d pairs remembered after the last", len(known))
		}
	}
}

// TestTailsBound: what is remembered has a bound.
func TestTailsBound(t *testing.T) {
	t.Parallel()
	known := tails{}
	for id := range 3 * maxTails {
		r := wire.NewRecord(wire.TypeParams, uint16(id), []byte("\x10\x10abc"))
		known.next(record(&flow.ConnInfo{N: id / 65536}, wire.ToApp, r))
	}
	if len(known) > maxTails {
		t.Errorf("%d pairs are remembered", len(known))
	}
	known.forget(0)
	if len(known) != 0 {
		t.Errorf("%d pairs after their connection", len(known))
	}
}
