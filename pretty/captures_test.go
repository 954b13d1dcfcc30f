package pretty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// direction is one direction of a connection of a capture.
type direction struct {
	conn int
	dir  string
}

// captures calls f for each recorded capture in which there is FastCGI.
func captures(t *testing.T, f func(t *testing.T, decode func(emit func(*flow.Event)))) {
	t.Helper()
	names, err := fs.Glob(fixtures.FS, "capture/*.pcap*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, name := range names {
		b, err := fixtures.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, func(emit func(*flow.Event)) {
				src, _, err := capture.Open(bytes.NewReader(b), capture.Options{})
				if errors.Is(err, capture.ErrEmpty) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer src.Close()
				capture.Decode(context.Background(), src, capture.DecodeOptions{Whole: true}, emit)
			})
		})
	}
}

// TestCaptures: of every capture, the text reads back as the same bytes, the
// JSON Lines cover them, and every format is harmless.
func TestCaptures(t *testing.T) {
	t.Parallel()
	captures(t, func(t *testing.T, decode func(emit func(*flow.Event))) {
		want := map[direction][]byte{}
		outs := make([]bytes.Buffer, len(Formats()))
		var sinks []Sink
		for i, f := range Formats() {
			sinks = append(sinks, f.New(&outs[i], Options{}))
		}
		all := Tee(sinks...)
		decode(func(e *flow.Event) {
			if err := all.Event(e); err != nil {
				t.Fatal(err)
			}
			if e.Conn == nil {
				return
			}
			key := direction{e.Conn.N, e.Dir.String()}
			switch e.Kind {
			case flow.KindRecord:
				want[key] = append(append(e.Header.Append(want[key]), e.Data...), e.Padding...)
			case flow.KindDesync, flow.KindTruncated:
				want[key] = append(want[key], e.Data...)
			}
		})
		if err := all.Close(); err != nil {
			t.Fatal(err)
		}
		for i, f := range Formats() {
			switch f.Name {
			case "raw":
				continue
			case "text":
				sameBytes(t, f.Name, want, fromText(t, outs[i].Bytes()))
			case "jsonl":
				sameBytes(t, f.Name, want, fromJSONL(t, &outs[i]))
			}
			checkHarmless(t, Options{}, f.Name, outs[i].String())
		}
	})
}

func sameBytes(t *testing.T, name string, want, got map[direction][]byte) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%s: %d directions, want %d", name, len(got), len(want))
	}
	for key := range want {
		if !bytes.Equal(want[key], got[key]) {
			t.Errorf("%s: %v: %d bytes are not the %d that were sent", name, key, len(got[key]), len(want[key]))
		}
	}
}

func fromText(t *testing.T, out []byte) map[direction][]byte {
	t.Helper()
	lines, err := text.Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	got := map[direction][]byte{}
	conn := -1
	for i := range lines {
		switch l := &lines[i]; l.Kind {
		case text.KindConn:
			conn = l.Conn
		case text.KindRecord, text.KindRaw:
			key := direction{conn, l.Dir.String()}
			got[key] = l.AppendWire(got[key])
		}
	}
	return got
}

func fromJSONL(t *testing.T, r io.Reader) map[direction][]byte {
	t.Helper()
	got := map[direction][]byte{}
	for d := json.NewDecoder(r); ; {
		var l line
		err := d.Decode(&l)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(l.Event, "conn") || l.Event == "closed" {
			continue
		}
		key := direction{*l.Conn, l.Dir}
		switch l.Event {
		case "record":
			got[key] = append(l.header().Append(got[key]), *l.Content...)
			if l.Padding == nil {
				l.Padding = make([]byte, l.PaddingLength)
			}
			got[key] = append(got[key], l.Padding...)
		case "desync", "truncated":
			got[key] = append(got[key], *l.Content...)
		}
	}
}
