package capture

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The oracles were made by a decoder that shares nothing with this one; the
// README beside them says how, and what their fields mean.

type oracle struct {
	Streams []struct {
		Stream         int
		Client, Server string
		C2S, S2C       struct{ Bytes int64 }
	}
	Records  []oracleRecord
	Params   []oracleParams
	Contents []oracleContent `json:"stream_contents"`
}

type oracleRecord struct {
	Stream         int
	Dir            string
	Index          int
	Offset         int64
	Version, Type  int
	RequestID      int    `json:"request_id"`
	Occurrence     int    `json:"-"`
	ContentLength  int    `json:"content_length"`
	PaddingLength  int    `json:"padding_length"`
	ContentSHA256  string `json:"content_sha256"`
	Truncated      bool
	Have           int
	Role           *int
	Flags          *int
	AppStatus      *uint32 `json:"app_status"`
	ProtocolStatus *int    `json:"protocol_status"`
	UnknownType    *int    `json:"unknown_type"`
}

type oracleParams struct {
	Stream     int
	RequestID  int `json:"request_id"`
	Occurrence int
	Pairs      [][2]any
	Error      any
}

type oracleContent struct {
	Stream     int
	Dir        string
	RequestID  int `json:"request_id"`
	Occurrence int
	TypeName   string `json:"type_name"`
	Records    int
	Bytes      int
	SHA256     string
	Closed     bool `json:"closed_by_empty_record"`
}

type truth struct {
	Records []struct {
		BaseStream     int `json:"base_stream"`
		Dir            string
		TypeName       string `json:"type_name"`
		RequestID      int    `json:"request_id"`
		ContentSHA256  string `json:"content_sha256"`
		FullyCaptured  bool   `json:"fully_captured"`
		HeaderCaptured bool   `json:"header_captured"`
	}
}

// damaged are the captures of which the oracle decodes garbage or gives up
// early, as it does not look for the next header: their truth files tell what
// is there.
var damaged = map[string]string{
	"client-not-fastcgi":          "HTTP, which the oracle reads as records",
	"derived-midstream-in-record": "the oracle reads the rest of a record as records",
	"derived-lost-segment-s2c":    "the oracle stops at the gap",
	"nginx-php-snaplen300":        "the oracle counts cut records as whole",
}

// got is what Decode says, in the oracle's words.
type got struct {
	Streams  []string
	Records  []oracleRecord
	Params   []oracleParams
	Contents []oracleContent
	events   []flow.Event
	stats    Stats
	warnings []string
}

func decodeFile(t *testing.T, name string, o DecodeOptions) *got {
	t.Helper()
	f, err := fixtures.FS.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src, _, err := Open(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return decodeSource(t, src, o)
}

// decodeSource runs Decode and counts as the oracle does.
func decodeSource(t *testing.T, src Source, o DecodeOptions) *got {
	t.Helper()
	g := &got{}
	o.Whole = true
	o.Warn = func(err error) { g.warnings = append(g.warnings, err.Error()) }
	stats, err := Decode(context.Background(), src, o, g.event)
	if err != nil {
		t.Fatal(err)
	}
	g.stats = stats
	return g
}

func (g *got) event(e *flow.Event) {
	g.events = append(g.events, e.Clone())
	dir := map[wire.Direction]string{wire.ToApp: "c2s", wire.ToServer: "s2c"}[e.Dir]
	switch e.Kind {
	case flow.KindConnection:
		g.Streams = append(g.Streams, e.Conn.Client+" "+e.Conn.Server)
	case flow.KindRecord:
		g.record(e, dir)
	case flow.KindTruncated:
		if e.Got >= wire.HeaderLen {
			g.Records = append(g.Records, oracleRecord{
				Stream: e.Conn.N, Dir: dir, Index: e.Index, Offset: e.Offset, Version: int(e.Header.Version), Type: int(e.Header.Type),
				RequestID: int(e.Header.RequestID), ContentLength: int(e.Header.ContentLength), PaddingLength: int(e.Header.PaddingLength),
				Truncated: true, Have: int(e.Got),
			})
		}
	}
}

func (g *got) record(e *flow.Event, dir string) {
	r := oracleRecord{
		Stream: e.Conn.N, Dir: dir, Index: e.Index, Offset: e.Offset, Version: int(e.Header.Version), Type: int(e.Header.Type),
		RequestID: int(e.Header.RequestID), ContentLength: int(e.Header.ContentLength), PaddingLength: int(e.Header.PaddingLength),
		ContentSHA256: sum(e.Data),
	}
	switch e.Header.Type {
	case wire.TypeBeginRequest:
		if b, err := wire.ParseBeginRequest(e.Data); err == nil {
			r.Role, r.Flags = ptr(int(b.Role)), ptr(int(b.Flags))
		}
	case wire.TypeEndRequest:
		if b, err := wire.ParseEndRequest(e.Data); err == nil {
			r.AppStatus, r.ProtocolStatus = ptr(b.AppStatus), ptr(int(b.Status))
		}
	case wire.TypeUnknownType:
		if b, err := wire.ParseUnknownType(e.Data); err == nil {
			r.UnknownType = ptr(int(b.Type))
		}
	}
	g.Records = append(g.Records, r)
}

func ptr[T any](v T) *T { return &v }

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// side gives a half of a pair as the oracle writes it.
func side(b []byte) any {
	if utf8.Valid(b) {
		return string(b)
	}
	return map[string]any{"base64": base64.StdEncoding.EncodeToString(b)}
}

func loadJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := fs.ReadFile(fixtures.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// captures returns the names of the captures in the fixtures, without
// extension, with their files.
func captures(t *testing.T) map[string]string {
	t.Helper()
	files, err := fs.Glob(fixtures.FS, "capture/*.pcap*")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d captures (%v)", len(files), err)
	}
	m := make(map[string]string)
	for _, f := range files {
		name, _, _ := strings.Cut(path.Base(f), ".")
		m[name] = f
	}
	return m
}

func TestOracles(t *testing.T) {
	for name, file := range captures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if why, ok := damaged[name]; ok {
				t.Logf("compared with its truth only: %s", why)
				return
			}
			var want oracle
			loadJSON(t, "capture/"+name+".oracle.json", &want)
			compareOracle(t, &want, decodeFile(t, file, DecodeOptions{}))
		})
	}
}

// compareOracle holds what was decoded against the oracle. The numbers of
// streams may differ, as others than FastCGI have none here.
func compareOracle(t *testing.T, want *oracle, g *got) {
	t.Helper()
	var streams []string
	number := make(map[int]int)
	for _, s := range want.Streams {
		if !spoke(want, s.Stream) {
			continue
		}
		number[s.Stream] = len(streams)
		streams = append(streams, s.Client+" "+s.Server)
	}
	if d := cmp.Diff(streams, g.Streams); d != "" {
		t.Fatalf("connections (-want +got):\n%s", d)
	}
	byDirection := func(records []oracleRecord, number func(int) int) map[string][]oracleRecord {
		m := make(map[string][]oracleRecord)
		for _, r := range records {
			r.Stream = number(r.Stream)
			if r.Truncated {
				r.ContentSHA256, r.Role, r.Flags, r.AppStatus, r.ProtocolStatus, r.UnknownType, r.Have = "", nil, nil, nil, nil, nil, 0
			}
			key := fmt.Sprintf("%d %s", r.Stream, r.Dir)
			m[key] = append(m[key], r)
		}
		return m
	}
	same := func(n int) int { return n }
	if d := cmp.Diff(byDirection(want.Records, func(n int) int { return number[n] }), byDirection(g.Records, same)); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
	compareParams(t, want, g, number)
	compareContents(t, want, g, number)
}

// spoke reports whether a stream has records.
func spoke(o *oracle, stream int) bool {
	for _, r := range o.Records {
		if r.Stream == stream {
			return true
		}
	}
	return false
}

func compareParams(t *testing.T, want *oracle, g *got, number map[int]int) {
	t.Helper()
	key := func(stream, id, occurrence int) string { return fmt.Sprintf("%d %d %d", stream, id, occurrence) }
	pairs := make(map[string][][2]any)
	for _, e := range g.events {
		if e.Kind == flow.KindPair && e.Header.Type == wire.TypeParams && e.Request != nil {
			k := key(e.Conn.N, int(e.Header.RequestID), e.Request.Occurrence)
			pairs[k] = append(pairs[k], [2]any{side(e.Pair.Name), side(e.Pair.Value)})
		}
	}
	for _, p := range want.Params {
		k := key(number[p.Stream], p.RequestID, p.Occurrence)
		if d := cmp.Diff(append([][2]any{}, p.Pairs...), append([][2]any{}, pairs[k]...)); d != "" && p.Error == nil {
			t.Errorf("params of %s (-want +got):\n%s", k, d)
		}
	}
}

func compareContents(t *testing.T, want *oracle, g *got, number map[int]int) {
	t.Helper()
	type content struct {
		records int
		data    []byte
		closed  bool
	}
	contents := make(map[string]*content)
	begun := make(map[string]int)
	key := func(stream int, dir string, id, occurrence int, typ string) string {
		return fmt.Sprintf("%d %s %d %d %s", stream, dir, id, occurrence, typ)
	}
	for _, e := range g.events {
		if e.Kind != flow.KindRecord && (e.Kind != flow.KindTruncated || e.Got < wire.HeaderLen) {
			continue
		}
		dir := map[wire.Direction]string{wire.ToApp: "c2s", wire.ToServer: "s2c"}[e.Dir]
		who := fmt.Sprintf("%d %s %d", e.Conn.N, dir, e.Header.RequestID)
		occurrence := begun[who]
		switch e.Header.Type {
		case wire.TypeBeginRequest, wire.TypeEndRequest:
			begun[who]++
			continue
		}
		if e.Dir == wire.ToApp && occurrence > 0 {
			occurrence--
		}
		k := key(e.Conn.N, dir, int(e.Header.RequestID), occurrence, e.Header.Type.String())
		c := contents[k]
		if c == nil {
			c = &content{}
			contents[k] = c
		}
		data := e.Data
		if e.Kind == flow.KindTruncated {
			data = data[wire.HeaderLen:]
		}
		c.records++
		c.data = append(c.data, data...)
		c.closed = len(data) == 0
	}
	for _, w := range want.Contents {
		k := key(number[w.Stream], w.Dir, w.RequestID, w.Occurrence, w.TypeName)
		c := contents[k]
		if c == nil {
			c = &content{}
		}
		if c.records != w.Records || len(c.data) != w.Bytes || sum(c.data) != w.SHA256 || c.closed != w.Closed {
			t.Errorf("content %s: %d records, %d bytes, closed %v; want %d, %d, %v", k, c.records, len(c.data), c.closed, w.Records, w.Bytes, w.Closed)
		}
	}
}

// TestTruth: of captures with missing bytes, every record all of which is
// there must be found, in order.
func TestTruth(t *testing.T) {
	files, err := fs.Glob(fixtures.FS, "capture/*.truth.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d truth files (%v)", len(files), err)
	}
	all := captures(t)
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".truth.json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want truth
			loadJSON(t, file, &want)
			g := decodeFile(t, all[name], DecodeOptions{})
			found := make(map[string][]string)
			for _, r := range g.Records {
				if !r.Truncated {
					found[r.Dir] = append(found[r.Dir], fmt.Sprintf("%v id %d %s", wire.Type(r.Type), r.RequestID, r.ContentSHA256))
				}
			}
			n := 0
			for _, r := range want.Records {
				if !r.FullyCaptured {
					continue
				}
				n++
				w := fmt.Sprintf("%s id %d %s", r.TypeName, r.RequestID, r.ContentSHA256)
				f := found[r.Dir]
				for len(f) > 0 && f[0] != w {
					f = f[1:]
				}
				if len(f) == 0 {
					t.Fatalf("missing: stream %d %s %s", r.BaseStream, r.Dir, w)
				}
				found[r.Dir] = f[1:]
			}
			if n == 0 {
				t.Fatal("the truth file names no record")
			}
		})
	}
}
