package pretty

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestKnownWords: the last byte that is shown as it is, and the first that is
// not.
func TestKnownWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "-", "/~": "/~", "!": "!", "/\x7f": `"/\x7f"`, "a b": `"a b"`, `\`: `"\\"`} {
		if got := string(appendKnown(nil, []byte(in), 0)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// TestDiagramKeepsRequestsApart: records of one type, one behind the other, are
// one arrow where they are of one request only.
func TestDiagramKeepsRequestsApart(t *testing.T) {
	t.Parallel()
	for second, want := range map[uint16]int{1: 1, 2: 2} {
		var b bytes.Buffer
		s := newDiagram(&b, Options{Stable: true})
		var c flow.Conn
		emit := func(e *flow.Event) {
			if err := s.Event(e); err != nil {
				t.Error(err)
			}
		}
		at := newConn(true).Info.Opened
		for _, id := range []uint16{1, 2} {
			b := wire.BeginRecord(id, wire.Responder, 0).Append(nil)
			b = wire.NewRecord(wire.TypeParams, id, nil).Append(b)
			c.Feed(wire.ToApp, at, wire.NewRecord(wire.TypeStdin, id, nil).Append(b), emit)
		}
		for _, id := range []uint16{1, second} {
			c.Feed(wire.ToServer, at, wire.NewRecord(wire.TypeStdout, id, []byte("X: y\r\n\r\n")).Append(nil), emit)
		}
		c.Close(at, flow.CloseByApp, nil, emit)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "<- STDOUT "); n != want {
			t.Errorf("STDOUT of requests 1 and %d: %d arrows, want %d\n%s", second, n, want, b.String())
		}
	}
}
