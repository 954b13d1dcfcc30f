package capture

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// pieces keeps each write.
type pieces [][]byte

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, bytes.Clone(b))
	return len(b), nil
}

// TestWriterWritesWholeBlocks: a file that could not be written to its end is
// readable as far as it goes.
func TestWriterWritesWholeBlocks(t *testing.T) {
	t.Parallel()
	var out pieces
	w := NewWriter(&out)
	info := &flow.ConnInfo{Fd: -1}
	for i := range 200 {
		ch := Chunk{Conn: info, Side: Side(i % 2), At: time.Unix(int64(i), 0), Data: bytes.Repeat([]byte{byte(i)}, 37*i)}
		if err := w.Chunk(ch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(out) < 3 {
		t.Fatalf("only %d writes", len(out))
	}
	for i, piece := range out {
		for len(piece) > 0 {
			n := binary.LittleEndian.Uint32(piece[4:])
			if int(n) > len(piece) {
				t.Fatalf("write %d ends inside a block", i)
			}
			piece = piece[n:]
		}
	}
}

// TestWriterContinues: the second file begins with what a file begins with, and
// both together are one capture.
func TestWriterContinues(t *testing.T) {
	t.Parallel()
	info := &flow.ConnInfo{Fd: -1}
	say := func(w *Writer, what string) {
		if err := w.Chunk(Chunk{Conn: info, At: time.Unix(1, 0), Data: []byte(what)}); err != nil {
			t.Fatal(err)
		}
	}
	var first, second bytes.Buffer
	w := NewWriter(&first)
	say(w, "one ")
	if err := w.Continue(&second); err != nil {
		t.Fatal(err)
	}
	before := first.Len()
	say(w, "two")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if first.Len() != before || first.Len() == 0 {
		t.Errorf("the first file has %d bytes, then %d", before, first.Len())
	}
	if got := textOf(t, second.Bytes()); got != "two" {
		t.Errorf("the second file holds %q", got)
	}
	if got := textOf(t, append(first.Bytes(), second.Bytes()...)); got != "one two" {
		t.Errorf("both hold %q", got)
	}
}

// textOf returns the bytes of side A in a capture.
func textOf(t *testing.T, file []byte) string {
	t.Helper()
	src := openBytes(t, file)
	defer src.Close()
	var got []byte
	for {
		ch, err := src.Next()
		if err != nil {
			return string(got)
		}
		if ch.Kind == ChunkData {
			got = append(got, ch.Data...)
		}
	}
}

// TestWriterLost: where events are missing in what is written the file says so,
// to whoever looks at its packets and to whoever reads its bytes.
func TestWriterLost(t *testing.T) {
	t.Parallel()
	info := &flow.ConnInfo{Fd: -1, N: 3}
	begin := flow.Event{Kind: flow.KindRecord, Conn: info, Dir: wire.ToApp, At: time.Unix(1e9, 0), Header: wire.BeginRecord(1, wire.Responder, 0).Header, Data: make([]byte, 8)}
	end := flow.Event{Kind: flow.KindRecord, Conn: info, Dir: wire.ToServer, At: time.Unix(1e9, 0), Header: wire.Header{Version: 1, Type: wire.TypeEndRequest, RequestID: 1, ContentLength: 8}, Data: make([]byte, 8)}
	for _, test := range []struct {
		name string
		conn *flow.ConnInfo
		gaps int
	}{{"of a connection", info, 1}, {"of whatever it was", nil, 0}} {
		var file bytes.Buffer
		w := NewWriter(&file)
		for _, e := range []flow.Event{begin, {Kind: flow.KindLost, Conn: test.conn, Dir: wire.ToServer, At: begin.At, Length: 7, Hint: "too much"}, end, end} {
			if err := w.Event(&e); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(file.Bytes(), []byte("7 events are left out here: too much")); n != 1 {
			t.Errorf("%s: %d comments, want 1", test.name, n)
		}
		chunks, warnings := drain(t, openBytes(t, file.Bytes()))
		gaps, bytes := 0, 0
		for _, ch := range chunks {
			bytes += len(ch.Data)
			if ch.Kind == ChunkGap && ch.Side == B {
				gaps++
			}
		}
		if gaps != test.gaps || bytes != 48 || len(warnings) > 0 {
			t.Errorf("%s: %d gaps, %d bytes, %q; want %d, 48", test.name, gaps, bytes, warnings, test.gaps)
		}
	}
}
