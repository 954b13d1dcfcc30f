package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestHeld: what echo holds of long bodies is bounded over all requests, and
// given back when they end, in this way or that.
func TestHeld(t *testing.T) {
	t.Parallel()
	const size = 17 * wire.MaxContent
	s := &Server{Handler: echo, Limits: Limits{Held: 4*size - 1}, ErrorLog: new(errorLog).add}
	// hold sends a body, but not its end.
	hold := func() *peer {
		p := connect(t, s)
		p.begin(1, wire.Responder, wire.KeepConn)
		p.Stream(wire.TypeStdin, 1).Write(make([]byte, size))
		p.flush()
		return p
	}
	bodies := func(n int64) {
		t.Helper()
		wiretest.Eventually(t, fmt.Sprintf("%d bodies are held", n), func() bool { return s.held.Load() == n*size })
	}
	held := []*peer{hold(), hold(), hold()}
	bodies(3)
	if a := hold().answer(1); a.end.Status != wire.Overloaded || a.stdout != "" {
		t.Errorf("one more: %+v", a)
	}
	bodies(3)
	held[0].send(wire.NewRecord(wire.TypeStdin, 1, nil))
	if a := held[0].answer(1); a.end.Status != wire.RequestComplete || !strings.HasSuffix(a.stdout, strings.Repeat("\x00", size)) {
		t.Errorf("%+v, %d bytes", a.end, len(a.stdout))
	}
	bodies(2)
	held[1].send(wire.AbortRecord(1))
	bodies(1)
	held[2].Close()
	bodies(0)
}

// TestBufferedGivenBack: of what is kept for requests nothing is counted when
// they are over: read, aborted, or refused because it was too much.
func TestBufferedGivenBack(t *testing.T) {
	t.Parallel()
	s := &Server{Handler: upload, Limits: Limits{Buffered: 5000}, ErrorLog: new(errorLog).add}
	p := connect(t, s)
	nothing := func(after string) {
		t.Helper()
		wiretest.Eventually(t, "nothing is counted after "+after, func() bool { return s.buffered.Load() == 0 })
	}
	p.request(1, wire.KeepConn, strings.Repeat("x", 4000), "A=b")
	p.answer(1)
	nothing("a request that was read")
	p.send(wire.BeginRecord(1, wire.Responder, wire.KeepConn), wire.NewRecord(wire.TypeParams, 1, make([]byte, 3000)), wire.AbortRecord(1))
	p.answer(1)
	nothing("one that was aborted")
	p.send(wire.BeginRecord(1, wire.Responder, wire.KeepConn), wire.NewRecord(wire.TypeParams, 1, make([]byte, 3000)), wire.NewRecord(wire.TypeParams, 1, make([]byte, 3000)))
	if a := p.answer(1); a.end.Status != wire.Overloaded {
		t.Errorf("%+v", a)
	}
	nothing("one that was refused")
}
