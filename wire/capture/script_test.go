package capture

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestScript: the text form says which connection, direction and time.
func TestScript(t *testing.T) {
	const script = `# a comment
@conn 0 unix:/run/a.sock
@at 2026-01-02T03:04:05Z
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
@conn 7 10.0.0.1:4 10.0.0.2:9000
> raw "GET / HTTP"
@conn 0 unix:/run/a.sock
@at +1ms
< STDIN id=1 "in the wrong direction"
< ! gap 12
< ! fin
this is no entry
`
	src, f, err := Open(strings.NewReader(script), Options{})
	if err != nil || f.Name != "text" {
		t.Fatalf("opened as %q: %v", f.Name, err)
	}
	g := decodeSource(t, src, DecodeOptions{})
	if len(g.Streams) != 2 || g.Streams[0] != " unix:/run/a.sock" || g.Streams[1] != "10.0.0.1:4 10.0.0.2:9000" {
		t.Errorf("connections %q", g.Streams)
	}
	if len(g.warnings) != 1 || !strings.Contains(g.warnings[0], "line 12") {
		t.Errorf("warnings %q", g.warnings)
	}
	var gap, at, how bool
	for _, e := range g.events {
		gap = gap || e.Kind == flow.KindGap && e.Length == 12
		at = at || e.Kind == flow.KindRecord && e.At.Nanosecond() == 1e6 && e.Dir == 1
		how = how || e.Kind == flow.KindClosed && e.Close == flow.CloseByApp
	}
	if !gap || !at || !how {
		t.Errorf("gap %v, time %v, close %v in %v", gap, at, how, g.events)
	}
}

// TestJSONL: the bytes of our own output come back.
func TestJSONL(t *testing.T) {
	const lines = `{"event":"connection","conn":3,"network":"tcp","client":"a:1","server":"b:9000"}
{"event":"record","conn":3,"dir":"to-app","at":"2026-01-02T03:04:05.000000001Z","offset":0,"index":0,"version":1,"type":1,"type_name":"BEGIN_REQUEST","request_id":1,"content_length":8,"padding_length":2,"reserved":0,"content":"AAEAAAAAAAA="}
{"event":"pair","conn":3,"name":"a","value":"b"}
{"event":"gap","conn":3,"dir":"to-server","length":5}
{"event":"desync","conn":3,"dir":"to-server","length":4,"content":"SFRUUA=="}
{"event":"record","conn":3,"dir":"to-server","version":1,"type":6,"request_id":1,"content_length":9,"padding_length":0,"content":"AA=="}
{"event":"closed","conn":3}
`
	src, f, err := Open(strings.NewReader(lines), Options{})
	if err != nil || f.Name != "jsonl" {
		t.Fatalf("opened as %q: %v", f.Name, err)
	}
	chunks, warnings := drain(t, src)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "line 6: the content") {
		t.Errorf("warnings %q", warnings)
	}
	if len(chunks) != 4 || string(chunks[0].Data) != "\x01\x01\x00\x01\x00\x08\x02\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00" ||
		chunks[0].Conn.Server != "b:9000" || chunks[0].At.Nanosecond() != 1 || chunks[1].Lost != 5 || chunks[1].Side != B ||
		string(chunks[2].Data) != "HTTP" || chunks[3].Kind != ChunkEnd {
		t.Errorf("chunks %+v", chunks)
	}
}

// TestScriptEnds: a connection that was closed is over where another one begins,
// but not before the other side has sent what it still sends.
func TestScriptEnds(t *testing.T) {
	const script = `@conn 0
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
> ! fin
< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE
< ! fin
# a comment
@conn 1
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
@at +5ms
# nothing came then
`
	src, _, err := Open(strings.NewReader(script), Options{From: "text"})
	if err != nil {
		t.Fatal(err)
	}
	chunks, _ := drain(t, src)
	var got []string
	for _, ch := range chunks {
		got = append(got, fmt.Sprintf("%v %d %d", ch.Side, ch.Kind, len(ch.Data)))
	}
	want := []string{"A 0 16", "A 2 0", "B 0 16", "B 2 0", "B 4 0", "A 0 16", "A 0 0"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if last := chunks[len(chunks)-1].At; last.Nanosecond() != 5e6 {
		t.Errorf("the last time is %v", last)
	}
}
