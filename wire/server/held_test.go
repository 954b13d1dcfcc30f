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
