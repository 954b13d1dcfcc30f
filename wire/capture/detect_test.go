package capture

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// runChunks is Decode of chunks.
func runChunks(o DecodeOptions, chunks []Chunk) (*got, *detector) {
	g := &got{}
	d := &detector{DecodeOptions: o, emit: g.event, conns: map[*flow.ConnInfo]*tracked{}}
	d.Whole = true
	d.stats.Hints = map[string]int{}
	for i := range chunks {
		d.chunk(&chunks[i])
	}
	d.endAll()
	g.stats = d.stats
	return g, d
}

// TestDetect: from which bytes it is known what a connection speaks, and who
// is the application.
func TestDetect(t *testing.T) {
	begin := wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	params := wire.NewRecord(wire.TypeParams, 1, nil).Append(nil)
	stdout := wire.NewRecord(wire.TypeStdout, 1, bytes.Repeat([]byte("x"), 5000)).Append(nil)
	end := wire.EndRecord(1, 0, 0).Append(nil)
	unknown := wire.NewRecord(42, 0, []byte("12345678")).Append(nil)
	junk := bytes.Repeat([]byte("\x01\x02\x03\x04"), 500)
	answer := slices.Concat(stdout, end)
	a, b := func(p []byte) Chunk { return Chunk{Side: A, Data: p} }, func(p []byte) Chunk { return Chunk{Side: B, Data: p} }
	gapA, gapB := Chunk{Side: A, Kind: ChunkGap, Lost: -1}, Chunk{Side: B, Kind: ChunkGap, Lost: -1}
	for _, test := range []struct {
		name    string
		chunks  []Chunk
		server  string // the application; "" if it is no FastCGI
		records int
		hint    string
	}{
		{"a request", []Chunk{a(begin), a(params), b(answer)}, "b", 4, ""},
		{"byte by byte", slices.Concat(each(A, slices.Concat(begin, params)), each(B, end)), "b", 3, ""},
		{"the answer first", []Chunk{b(answer), a(begin)}, "b", 3, ""},
		{"opened by the application", []Chunk{b(begin), a(answer)}, "a", 3, ""},
		{"from the middle of a record", []Chunk{gapB, b(stdout[3000:]), b(answer), gapA, a(begin)}, "b", 3, ""},
		{"from the middle of an answer, no more", []Chunk{gapA, a(stdout[3000:]), a(end)}, "a", 1, ""},
		{"a type that is not known", []Chunk{a(unknown)}, "b", 1, ""},
		{"one header", []Chunk{a(params)}, "b", 1, ""},
		{"HTTP", []Chunk{a([]byte("GET / HTTP/1.1\r\n")), b([]byte("HTTP/1.1 200 OK"))}, "", 0, "looks like an HTTP request"},
		{"junk", []Chunk{a(junk), b(junk)}, "", 0, ""},
		{"junk from the middle", []Chunk{gapA, a(junk), gapB, b(junk)}, "", 0, ""},
		{"much junk, then a request", []Chunk{gapA, a(bytes.Repeat(junk, 100)), a(begin), a(params)}, "b", 2, ""},
		{"text for an answer", []Chunk{a(begin), b([]byte("Status: 200 OK\r\n\r\n"))}, "b", 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			info := &flow.ConnInfo{Network: "tcp", Client: "a", Server: "b", Fd: -1}
			chunks := slices.Clone(test.chunks)
			for i := range chunks {
				chunks[i].Conn = info
			}
			g, d := runChunks(DecodeOptions{}, chunks)
			server := ""
			for _, e := range g.events {
				server = e.Conn.Server
			}
			records := 0
			for _, r := range g.Records {
				if !r.Truncated {
					records++
				}
			}
			if server != test.server || records != test.records || g.stats.Connections+g.stats.Others != 1 || test.hint != "" && g.stats.Hints[test.hint] != 1 {
				t.Errorf("application %q, %d records, stats %+v", server, records, g.stats)
			}
			if d.held != 0 || len(d.conns) != 0 {
				t.Errorf("%d bytes and %d connections are kept", d.held, len(d.conns))
			}
		})
	}
}

func each(side Side, b []byte) (chunks []Chunk) {
	for i := range b {
		chunks = append(chunks, Chunk{Side: side, Data: b[i : i+1]})
	}
	return chunks
}

// TestUndecided: connections that could be anything do not take more memory
// than they may, however many there are.
func TestUndecided(t *testing.T) {
	r := rand.NewChaCha8([32]byte{})
	d := &detector{emit: func(*flow.Event) {}, conns: map[*flow.ConnInfo]*tracked{}}
	d.stats.Hints = map[string]int{}
	piece := make([]byte, 1400)
	infos := make([]flow.ConnInfo, 500)
	for i := range infos {
		infos[i].Network = "tcp"
	}
	for range 100 {
		for i := range infos {
			r.Read(piece)
			if len(d.conns) < len(infos) {
				d.chunk(&Chunk{Conn: &infos[i], Kind: ChunkGap, Lost: -1})
			}
			d.chunk(&Chunk{Conn: &infos[i], Data: piece})
			if d.held > maxUndecidedAll+len(piece) {
				t.Fatalf("%d bytes are kept", d.held)
			}
		}
	}
	d.endAll()
	if d.stats.Others < 490 || d.held != 0 {
		t.Errorf("stats %+v, %d bytes are kept", d.stats, d.held)
	}
}
