package wiretest

import (
	"bytes"
	"net"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// Peer returns a connection to an app that plays its part of a conversation in
// the text form: it expects the records that go to the app (>), byte for byte
// but for their padding, and sends those that go back (<), what stands together
// in one write. "! fin" closes the connection; it stays open at the end of the
// script otherwise. What differs fails the test.
func Peer(t testing.TB, script string) net.Conn {
	t.Helper()
	lines, err := text.Parse([]byte(script))
	if err != nil {
		t.Fatal(err)
	}
	client, app := Pipe(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(t, app, lines)
	}()
	t.Cleanup(func() {
		app.Close()
		<-done
	})
	return client
}

func play(t testing.TB, app net.Conn, lines []text.Line) {
	r := wire.NewReader(app)
	var out []byte
	for i, line := range lines {
		back := line.Dir == wire.ToServer && (line.Kind == text.KindRecord || line.Kind == text.KindRaw)
		if back {
			out = line.AppendWire(out)
		}
		if len(out) > 0 && (!back || i == len(lines)-1) {
			if _, err := app.Write(out); err != nil {
				t.Errorf("peer: line %d: %v", line.Number, err)
				return
			}
			out = out[:0]
		}
		switch {
		case back:
		case line.Kind == text.KindRecord:
			if !expect(t, r, line) {
				app.Close()
				return
			}
		case line.Kind == text.KindFin:
			app.Close()
			return
		}
	}
}

// expect reads a record and reports whether it is that of the line.
func expect(t testing.TB, r *wire.Reader, line text.Line) bool {
	got, err := r.ReadRecord()
	if err != nil {
		t.Errorf("peer: line %d: %v", line.Number, err)
		return false
	}
	want := line.Record
	if got.Version == want.Version && got.Type == want.Type && got.RequestID == want.RequestID && bytes.Equal(got.Content, want.Content) {
		return true
	}
	got.Padding = nil
	t.Errorf("peer: line %d: got\n%s\nwant\n%s", line.Number, text.Append(nil, wire.ToApp, got), text.Append(nil, wire.ToApp, want))
	return false
}
