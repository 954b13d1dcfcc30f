package wiretest

import (
	"io"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestPeer(t *testing.T) {
	c := Peer(t, `
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
> PARAMS id=1
    A=b
< STDOUT id=1 "x"
< raw 00
! fin
`)
	w := wire.NewWriter(c)
	w.WriteRecord(wire.BeginRecord(1, wire.Responder, 0))
	params := wire.NewRecord(wire.TypeParams, 1, wire.NewPair("A", "b").Append(nil))
	params.Padding = make([]byte, 3)
	w.WriteRecord(params)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if want := "\x01\x06\x00\x01\x00\x01\x00\x00x\x00"; err != nil || string(b) != want {
		t.Errorf("%q, %v; want %q", b, err, want)
	}
}

// A quiet TB notes failure without failing.
type quiet struct {
	testing.TB
	failed bool
}

func (q *quiet) Errorf(string, ...any) { q.failed = true }

func TestPeerNoticesADifference(t *testing.T) {
	q := &quiet{TB: t}
	c := Peer(q, "> PARAMS id=1\n< STDOUT id=1\n")
	if _, err := c.Write(wire.NewRecord(wire.TypeParams, 2, nil).Append(nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	if !q.failed {
		t.Error("a wrong id passed")
	}
}

func TestKeyValues(t *testing.T) {
	got := keyValues([]byte("pid=12\ntcp=127.0.0.1:9000\nnote\nroot=/a=b\n"))
	if len(got) != 3 || got["tcp"] != "127.0.0.1:9000" || got["root"] != "/a=b" {
		t.Errorf("%v", got)
	}
}
