package pretty

import (
	"bytes"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// mustWhere reads an expression, "" as none.
func mustWhere(t testing.TB, text string) *Condition {
	t.Helper()
	if text == "" {
		return nil
	}
	c, err := ParseWhere(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// chosenOf passes what decode emits through a choice, and returns the lines of
// JSON that come out.
func chosenOf(t testing.TB, c *Choice, decode func(emit func(*flow.Event))) (lines []string, s *Chooser) {
	t.Helper()
	var b bytes.Buffer
	s = Choose(*c, newJSONL(&b, Options{}))
	decode(func(e *flow.Event) {
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.held != 0 || s.known != 0 || len(s.open) != 0 || len(s.conns) != 0 {
		t.Errorf("%d and %d bytes of %d requests on %d connections are held after the end", s.held, s.known, len(s.open), len(s.conns))
	}
	return strings.Split(strings.TrimSpace(b.String()), "\n"), s
}

// An eventOf is an event and the line of JSON for it.
type eventOf struct {
	flow.Event
	line string
}

// eventsOf returns all events that have a line of JSON.
func eventsOf(t testing.TB, decode func(emit func(*flow.Event))) (all []eventOf) {
	t.Helper()
	decode(func(e *flow.Event) {
		var b bytes.Buffer
		s := newJSONL(&b, Options{})
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, eventOf{e.Clone(), strings.TrimSpace(b.String())})
	})
	return all
}

// TestChooseCaptures: what comes out of a choice is, in any order between
// requests, what a search through all events finds that knows how all ended.
func TestChooseCaptures(t *testing.T) {
	t.Parallel()
	request := func(is func(*flow.Request) bool) func(e *eventOf, r *flow.Request, last *flow.Event) bool {
		return func(e *eventOf, r *flow.Request, _ *flow.Event) bool { return r != nil && is(r) }
	}
	tests := []struct {
		name   string
		choice Choice
		// wanted is asked about an event, its request at its end, and the last
		// record of its connection.
		wanted func(e *eventOf, r *flow.Request, last *flow.Event) bool
	}{
		{"conn", Choice{Conns: []int{1, 2}}, func(e *eventOf, _ *flow.Request, _ *flow.Event) bool { return e.Conn.N == 1 || e.Conn.N == 2 }},
		{"status", Choice{Where: mustWhere(t, "status >= 400")}, request(func(r *flow.Request) bool { return r.Status >= 400 })},
		{"method", Choice{Where: mustWhere(t, `param.REQUEST_METHOD == "POST"`)}, request(func(r *flow.Request) bool { return string(r.Method) == "POST" })},
		{"role", Choice{Where: mustWhere(t, `role == "FILTER"`)}, request(func(r *flow.Request) bool { return r.Role == wire.Filter })},
		{"true", Choice{Where: mustWhere(t, `true`)}, request(func(*flow.Request) bool { return true })},
		{"failed", Choice{Failed: true}, func(e *eventOf, r *flow.Request, _ *flow.Event) bool {
			if r == nil {
				return e.Kind == flow.KindGap || e.Kind == flow.KindDesync || e.Kind == flow.KindTruncated || e.Kind == flow.KindFinding && !isNote(e.Finding)
			}
			return failed(r)
		}},
		{"type", Choice{Types: []wire.Type{wire.TypeStderr, wire.TypeEndRequest}}, func(e *eventOf, _ *flow.Request, last *flow.Event) bool {
			return recordsOnly(e, last, func(e *flow.Event) bool {
				return e.Header.Type == wire.TypeStderr || e.Header.Type == wire.TypeEndRequest
			})
		}},
		{"content", Choice{Where: mustWhere(t, `content_length > 100`)}, func(e *eventOf, _ *flow.Request, last *flow.Event) bool {
			return recordsOnly(e, last, func(e *flow.Event) bool { return e.Header.ContentLength > 100 })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var found atomic.Int64
			t.Cleanup(func() {
				if found.Load() == 0 {
					t.Error("no capture has anything of it")
				}
			})
			captures(t, func(t *testing.T, decode func(emit func(*flow.Event))) {
				want := search(eventsOf(t, decode), tt.wanted)
				found.Add(int64(len(want)))
				choice := tt.choice
				if choice.Where != nil { // it is not for concurrent use
					choice.Where = &Condition{}
					*choice.Where = *tt.choice.Where
					choice.Where.env = map[string]any{}
				}
				got, _ := chosenOf(t, &choice, decode)
				slices.Sort(want)
				slices.Sort(got)
				if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// recordsOnly is for choices of records.
func recordsOnly(e *eventOf, last *flow.Event, is func(*flow.Event) bool) bool {
	switch e.Kind {
	case flow.KindRecord, flow.KindTruncated:
		return is(&e.Event)
	case flow.KindPair, flow.KindFinding:
		return last != nil && is(last)
	}
	return false
}

// search returns the lines of the events that are wanted, and of the beginning
// and end of their connections.
func search(all []eventOf, wanted func(*eventOf, *flow.Request, *flow.Event) bool) (lines []string) {
	ends := map[requestKey]*flow.Request{}
	for i := range all {
		if e := &all[i]; e.Kind == flow.KindRequestEnded {
			ends[requestKey{e.Conn.N, e.Request.Seq}] = e.Request
		}
	}
	last, shown := map[int]*flow.Event{}, map[int]bool{}
	for i := range all {
		e := &all[i]
		var r *flow.Request
		switch e.Kind {
		case flow.KindConnection, flow.KindClosed:
			continue
		case flow.KindRecord, flow.KindTruncated:
			last[e.Conn.N] = &e.Event
		}
		if e.Request != nil && e.Kind != flow.KindGap && e.Kind != flow.KindDesync {
			r = ends[requestKey{e.Conn.N, e.Request.Seq}]
		}
		if wanted(e, r, last[e.Conn.N]) {
			shown[e.Conn.N] = true
			lines = append(lines, e.line)
		}
	}
	for i := range all {
		if e := &all[i]; (e.Kind == flow.KindConnection || e.Kind == flow.KindClosed) && shown[e.Conn.N] {
			lines = append(lines, e.line)
		}
	}
	return slices.DeleteFunc(append(lines, ""), func(s string) bool { return s == "" })
}

// TestChooseLimits: what is held is bounded, requests are judged rightly beyond
// the bounds, and what was left out is said.
func TestChooseLimits(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]int64{`stdin_bytes == 60000`: 300, `stdin_bytes == 1 || len(param.LARGE) == 1`: 0, `len(param.LARGE) > 1 && complete`: 0} {
		var out Totals
		s := Choose(Choice{Where: mustWhere(t, expr)}, &out)
		most := 0
		flood(t, s, 300, 60000, func() { most = max(most, s.held+s.known) })
		if most > MaxHeldAll+maxKnown || most < MaxHeldAll*9/10 {
			t.Errorf("%s: %d bytes held, the limit is %d", expr, most, MaxHeldAll)
		}
		if s.Chosen != want || out.Requests != want || s.Requests != 300 {
			t.Errorf("%s: %d requests chosen, %d shown of %d", expr, s.Chosen, out.Requests, s.Requests)
		}
		if (s.Cut > 0) != (want > 0) || (out.Lost > 0) != (want > 0) {
			t.Errorf("%s: %d requests cut, %d events lost", expr, s.Cut, out.Lost)
		}
		if s.held != 0 || s.known != 0 || len(s.open) != 0 {
			t.Errorf("%s: %d bytes held after the end", expr, s.held)
		}
	}
}

// TestChooseLarge: of a request that is too large its beginning and its end
// are shown, and how much is missing between them.
func TestChooseLarge(t *testing.T) {
	t.Parallel()
	const records = 100 // of 64 KiB
	lines, s := chosenOf(t, &Choice{Where: mustWhere(t, "complete")}, func(emit func(*flow.Event)) {
		c := newConn(true)
		feed := func(dir wire.Direction, r wire.Record) { c.Feed(dir, at0, r.Append(nil), emit) }
		feed(wire.ToApp, wire.BeginRecord(1, wire.Responder, 0))
		feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, wire.NewPair("A", "b").Append(nil)))
		feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, nil))
		feed(wire.ToApp, wire.NewRecord(wire.TypeStdin, 1, nil))
		for range records {
			feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, 1, append([]byte("\r\n"), make([]byte, 65000)...)))
		}
		feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, 1, nil))
		feed(wire.ToServer, wire.EndRecord(1, 0, wire.RequestComplete))
		c.Close(at0, flow.CloseUnknown, nil, emit)
	})
	shown := MaxHeld / (65000 + heldEvent)
	all := strings.Join(lines, "\n")
	if n := strings.Count(all, `"type_name":"STDOUT"`); n > shown || n < shown-1 || s.Cut != 1 {
		t.Errorf("%d records of STDOUT are shown, %d requests cut", n, s.Cut)
	}
	for _, want := range []string{`{"event":"lost","conn":3,"length":3`, `"type_name":"END_REQUEST"`, `"event":"request"`} {
		if strings.Count(all, want) < 1 {
			t.Errorf("no %s", want)
		}
	}
}

// TestChooseEarly: a request that is judged by its parameters is shown from
// their end on, and what is not wanted is not held.
func TestChooseEarly(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]int{`param.A == "b"`: 5, `param.A == "c"`: 0, `request_id == 1`: 5, `complete`: 0} {
		records := 0
		s := Choose(Choice{Where: mustWhere(t, expr)}, sinkFunc(func(e *flow.Event) error {
			if e.Kind == flow.KindRecord {
				records++
			}
			return nil
		}))
		c := newConn(true)
		emit := func(e *flow.Event) {
			if err := s.Event(e); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range []wire.Record{
			wire.BeginRecord(1, wire.Responder, 0), wire.NewRecord(wire.TypeParams, 1, wire.NewPair("A", "b").Append(nil)),
			wire.NewRecord(wire.TypeParams, 1, nil), wire.NewRecord(wire.TypeStdin, 1, []byte("x")), wire.NewRecord(wire.TypeStdin, 1, nil),
		} {
			c.Feed(wire.ToApp, at0, r.Append(nil), emit)
		}
		if records != want || expr != "complete" && s.held != 0 {
			t.Errorf("%s: %d records before the end, %d bytes held", expr, records, s.held)
		}
	}
}

// sinkFunc is a function as a sink.
type sinkFunc func(*flow.Event) error

func (f sinkFunc) Event(e *flow.Event) error { return f(e) }
func (f sinkFunc) Close() error              { return nil }
