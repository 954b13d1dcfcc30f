package pretty

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// flood begins a request on each of n connections, with params, a
// body of size bytes and a response header that does not end, and calls check after each
// event. Then it ends them.
func flood(t *testing.T, s Sink, n, size int, check func()) {
	t.Helper()
	emit := func(e *flow.Event) {
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
		check()
	}
	large := bytes.Repeat([]byte("x"), size)
	conns := make([]flow.Conn, n)
	for i := range conns {
		c := &conns[i]
		c.Info = &flow.ConnInfo{N: i, Fd: -1}
		feed := func(dir wire.Direction, r wire.Record) { c.Feed(dir, at0, r.Append(nil), emit) }
		feed(wire.ToApp, wire.BeginRecord(1, wire.Responder, 0))
		feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, wire.NewPair("LARGE", string(large)).Append(nil)))
		feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, bytes.Repeat([]byte("\x01\x01ab"), size/6)))
		feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, nil))
		feed(wire.ToApp, wire.NewRecord(wire.TypeStdin, 1, large))
		feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, 1, append([]byte("X: "), large...)))
	}
	for i := range conns {
		conns[i].Close(at0, flow.CloseUnknown, nil, emit)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRequestsLimits(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := newRequests(&b, Options{MaxBody: 1 << 20}).(*requestsSink)
	most := 0
	flood(t, s, 200, 60000, func() { most = max(most, s.held) })
	if most > requestsHeld || most < requestsHeld*9/10 {
		t.Errorf("%d bytes held, the limit is %d", most, requestsHeld)
	}
	if s.held != 0 || len(s.open) != 0 {
		t.Errorf("%d bytes held of %d requests after the end", s.held, len(s.open))
	}
	for _, want := range []string{"not shown: ", " params or findings, there are too many", "STDIN (60000 bytes)\n    ... 60000 bytes more\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(b.String(), "\nrequest ") + 1; n != 200 {
		t.Errorf("%d blocks", n)
	}
}

func TestRawLimits(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := newRaw(&b, Options{}).(*rawSink)
	most := 0
	flood(t, s, 400, 60000, func() { most = max(most, s.kept) })
	if most > rawHeldAll || most < rawHeldAll*9/10 {
		t.Errorf("%d bytes held, the limit is %d", most, rawHeldAll)
	}
	if s.kept != 0 || len(s.held) != 0 {
		t.Errorf("%d bytes held of %d responses after the end", s.kept, len(s.held))
	}
	if b.Len() == 0 {
		t.Error("nothing was written")
	}
}

func TestDiagramLimits(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := newDiagram(&b, Options{}).(*diagramSink)
	most := 0
	flood(t, s, 6000, 60, func() { most = max(most, s.held) })
	if most > diagramHeld || most < diagramHeld*9/10 {
		t.Errorf("%d bytes held, the limit is %d", most, diagramHeld)
	}
	if s.held != 0 || len(s.charts) != 0 {
		t.Errorf("%d bytes held of %d connections after the end", s.held, len(s.charts))
	}
	if !strings.Contains(b.String(), " (continued)\n") {
		t.Error("no connection is continued")
	}
}

func TestTableLimits(t *testing.T) {
	t.Parallel()
	s := newTable(io.Discard, Options{}).(*tableSink)
	most := 0
	for range 3 * tableRows {
		if err := s.Event(record(&flow.ConnInfo{}, wire.ToApp, wire.AbortRecord(1))); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(s.rows))
	}
	if most != tableRows {
		t.Errorf("%d rows held, the limit is %d", most, tableRows)
	}
}

// TestOutputLimits: a sink writes when it holds much.
func TestOutputLimits(t *testing.T) {
	t.Parallel()
	s := newJSONL(io.Discard, Options{}).(*jsonlSink)
	e := record(&flow.ConnInfo{}, wire.ToApp, wire.AbortRecord(1))
	for range 10000 {
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
		if len(s.buf) >= bufferSize {
			t.Fatalf("%d bytes held", len(s.buf))
		}
	}
}
