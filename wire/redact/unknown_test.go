package redact

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestUnknown: what nobody can judge is masked.
func TestUnknown(t *testing.T) {
	t.Parallel()
	begin := wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	join := func(b ...[]byte) []byte { return bytes.Join(b, nil) }
	tests := []struct {
		name  string
		parts []sent
		want  string // the contents of all records, or what is no record
	}{
		{"no BEGIN_REQUEST", []sent{{dir: wire.ToApp, b: record(wire.TypeStdin, "ret")}}, "***"},
		{"one direction only", []sent{{dir: wire.ToServer, b: record(wire.TypeStdout, "Content-Type: a\r\nSet-Cookie: a=b\r\n\r\nc")}},
			"Content-Type: a\r\nSet-Cookie: a=*\r\n\r\nc"},
		{"one direction from the middle", []sent{{dir: wire.ToServer, b: record(wire.TypeStdout, "cret\"}\nSet-Cookie: a=b")}}, "c" + strings.Repeat("*", 21)},
		{"one direction, STDERR", []sent{{dir: wire.ToServer, b: record(wire.TypeStderr, "abc")}}, "***"},
		{"no record yet", []sent{{dir: wire.ToApp, b: []byte("abc")}}, "***"},
		{"no header yet", []sent{{dir: wire.ToApp, b: []byte("\x01\x04\x00")}}, "\x01\x04\x00"},
		{"wrong direction", []sent{{dir: wire.ToApp, b: join(begin, record(wire.TypeStdout, "abc"))}}, "***"},
		{"desync", []sent{{dir: wire.ToApp, b: []byte("GET / HTTP/1.1\r\nCookie: a=b\r\n")}}, strings.Repeat("*", 29)},
		{"behind a gap", []sent{
			{dir: wire.ToApp, b: join(begin, record(wire.TypeStdin, "a=b"))},
			{dir: wire.ToApp, gap: 20, b: join(record(wire.TypeStdin, "c=d"), record(wire.TypeStdin, ""))}}, "a=b***"},
		{"another request behind a gap", []sent{
			{dir: wire.ToApp, b: begin},
			{dir: wire.ToApp, gap: 20, b: join(wire.BeginRecord(2, wire.Responder, 0).Append(nil), wire.NewRecord(wire.TypeStdin, 2, []byte("a=b&token=c")).Append(nil))}}, "a=b&token=*"},
		{"padding", []sent{{dir: wire.ToApp, b: join(begin, wire.Record{Header: wire.Header{Version: 1, Type: wire.TypeStdin, RequestID: 1}, Content: []byte("a"), Padding: []byte("b\x00c")}.Append(nil))}}, "a*\x00*"},
		{"late", []sent{
			{dir: wire.ToApp, b: begin},
			{dir: wire.ToServer, b: join(wire.EndRecord(1, 0, 0).Append(nil), record(wire.TypeStderr, "a"))}}, "*"},
		{"unknown type", []sent{{dir: wire.ToApp, b: join(begin, record(42, "token=a"))}}, "token=*"},
		{"body too long", []sent{{dir: wire.ToApp, b: record(wire.TypeBeginRequest, "\x00\x01\x00\x00\x00\x00\x00\x00abc")}}, "***"},
		{"GET_VALUES", []sent{{dir: wire.ToApp, b: wire.NewRecord(wire.TypeGetValues, 0, []byte(pairsOf("FCGI_MAX_CONNS=1"))).Append(nil)}}, pairsOf("FCGI_MAX_CONNS=1")},
		{"truncated", []sent{{dir: wire.ToApp, b: join(begin, record(wire.TypeParams, pairsOf("PASS=abc"))[:16])}}, "\x04\x03PASS**"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{1 << 20, 1} {
				r := New()
				var got []byte
				c := flow.Conn{Info: &flow.ConnInfo{Fd: -1}, Whole: true}
				emit := func(e *flow.Event) {
					r.Event(e)
					data := e.Data
					switch e.Kind {
					default:
						return
					case flow.KindRecord:
						if spec := e.Header.Type.Spec(); spec != nil && spec.Shape == wire.Fixed {
							data = data[min(len(data), spec.BodyLen):]
						}
					case flow.KindTruncated:
						if len(data) >= wire.HeaderLen {
							data = data[wire.HeaderLen:]
						}
					case flow.KindDesync:
					}
					got = append(append(got, data...), e.Padding...)
				}
				for _, p := range tt.parts {
					c.Lost(p.dir, p.gap, time.Time{}, emit)
					for rest := bytes.Clone(p.b); len(rest) > 0; {
						cut := min(n, len(rest))
						c.Feed(p.dir, time.Time{}, rest[:cut], emit)
						rest = rest[cut:]
					}
				}
				c.Close(time.Time{}, flow.CloseUnknown, nil, emit)
				if string(got) != tt.want {
					t.Errorf("cut every %d: %q, want %q", n, got, tt.want)
				}
				if len(r.conns) > 0 {
					t.Errorf("%d connections are kept", len(r.conns))
				}
			}
		})
	}
}
