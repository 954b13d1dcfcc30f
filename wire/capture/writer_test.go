package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// openBytes opens an input that is in memory.
func openBytes(t testing.TB, b []byte) Source {
	t.Helper()
	src, _, err := Open(bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// A said is what one side of a connection says: bytes, gaps and its end, however
// it is cut into chunks.
type said struct {
	Client, Server, Network string
	What                    []string
}

// saidBy joins the chunks of each connection and side.
func saidBy(chunks []Chunk) []said {
	type key struct {
		conn *flow.ConnInfo
		side Side
	}
	var order []key
	parts := make(map[key][]string)
	data := make(map[key][]byte)
	put := func(k key, s string) {
		if b := data[k]; len(b) > 0 {
			parts[k] = append(parts[k], fmt.Sprintf("%d bytes %s", len(b), sum(b)))
			data[k] = nil
		}
		if s != "" {
			parts[k] = append(parts[k], s)
		}
	}
	for _, ch := range chunks {
		k := key{ch.Conn, ch.Side}
		if ch.Kind == ChunkEnd {
			continue
		}
		if !slices.Contains(order, k) {
			order = append(order, k)
		}
		switch ch.Kind {
		case ChunkData:
			data[k] = append(data[k], ch.Data...)
		case ChunkGap:
			if ch.Lost < 0 && len(parts[k])+len(data[k]) > 0 {
				ch.Lost = unknownGap
			}
			put(k, fmt.Sprintf("gap %d", ch.Lost))
		case ChunkFin:
			put(k, "fin")
		case ChunkRst:
			put(k, "rst")
		}
	}
	var all []said
	for _, k := range order {
		put(k, "")
		all = append(all, said{k.conn.Client, k.conn.Server, k.conn.Network, append([]string{k.side.String()}, parts[k]...)})
	}
	slices.SortStableFunc(all, func(x, y said) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
	return all
}

// rewrite writes chunks and returns the file.
func rewrite(t testing.TB, chunks []Chunk) []byte {
	t.Helper()
	var file bytes.Buffer
	w := NewWriter(&file)
	for _, ch := range chunks {
		if err := w.Chunk(ch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(w.conns) > 0 && len(chunks) > 0 && chunks[len(chunks)-1].Kind == ChunkEnd {
		t.Errorf("%d connections are kept", len(w.conns))
	}
	return file.Bytes()
}

// TestWriterFixtures: what is written of every capture is read back as the
// same.
func TestWriterFixtures(t *testing.T) {
	for name, file := range captures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chunks, _ := drain(t, openBytes(t, readFixture(t, file)))
			again, warnings := drain(t, openBytes(t, rewrite(t, chunks)))
			want, got := saidBy(chunks), saidBy(again)
			if name == "derived-client-side-only" {
				want = want[:1] // the other side is nothing but a gap, which is not told of a side that shook hands
			}
			if d := cmp.Diff(want, got); d != "" || len(warnings) > 0 {
				t.Errorf("(-captured +written) %q\n%s", warnings, d)
			}
			times := func(chunks []Chunk) map[time.Time]bool {
				m := make(map[time.Time]bool)
				for _, ch := range chunks {
					if ch.Kind == ChunkData {
						m[ch.At] = true
					}
				}
				return m
			}
			if d := cmp.Diff(times(chunks), times(again)); d != "" {
				t.Errorf("times of data (-captured +written):\n%s", d)
			}
		})
	}
}

// TestWriterEvents: the events of what is written of events are the same, with
// records in one piece and in several.
func TestWriterEvents(t *testing.T) {
	for name, file := range captures(t) {
		switch name {
		case "nginx-php-client-disconnect":
			continue // the place between its FIN and its RST is told as a gap, and events have it before the FIN
		case "nginx-php-snaplen300":
			continue // its beginning is missing, but looks as if it were there: events do not say so
		}
		for _, whole := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", name, whole), func(t *testing.T) {
				t.Parallel()
				var written bytes.Buffer
				w := NewWriter(&written)
				events := func(b []byte, also func(*flow.Event) error) (list []string) {
					_, err := Decode(context.Background(), openBytes(t, b), DecodeOptions{Whole: whole}, func(e *flow.Event) {
						if err := also(e); err != nil {
							t.Error(err)
						}
						if e.Kind == flow.KindRecord || e.Kind == flow.KindTruncated || e.Kind == flow.KindClosed || e.Kind == flow.KindDesync {
							list = append(list, fmt.Sprint(e.Kind, e.Conn.Client, e.Conn.Server, e.Dir, e.Offset, e.Header, sum(e.Data)[:8], e.Padding, e.Got, e.Close))
						}
					})
					if err != nil {
						t.Fatal(err)
					}
					slices.Sort(list)
					return list
				}
				want := events(readFixture(t, file), w.Event)
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if len(want) == 0 {
					return // not FastCGI
				}
				got := events(written.Bytes(), func(*flow.Event) error { return nil })
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("(-captured +written):\n%s", d)
				}
			})
		}
	}
}

// scenario makes the chunks of connections that no capture holds.
func scenario(infos ...*flow.ConnInfo) (chunks []Chunk) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	request := wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	for i, info := range infos {
		chunks = append(chunks,
			Chunk{Conn: info, Side: A, At: at.Add(time.Duration(i)), Data: append(request, byte(i))},
			Chunk{Conn: info, Side: B, At: at.Add(time.Duration(i)), Data: bytes.Repeat([]byte{byte(i)}, 3*maxSegment+i)})
	}
	for i, info := range infos {
		chunks = append(chunks,
			Chunk{Conn: info, Side: B, At: at, Kind: ChunkGap, Lost: int64(1000 + i)},
			Chunk{Conn: info, Side: B, At: at, Data: []byte("behind the gap")},
			Chunk{Conn: info, Side: B, At: at, Kind: ChunkFin},
			Chunk{Conn: info, Side: A, At: at, Kind: ChunkFin},
			Chunk{Conn: info, Kind: ChunkEnd})
	}
	return chunks
}

// TestWriterAddresses: what is known stays, what is not is made up, and
// connections at once do not mix.
func TestWriterAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct{ client, server, wantClient, wantServer string }{
		{"10.0.0.1:1234", "10.0.0.2:9001", "10.0.0.1:1234", "10.0.0.2:9001"},
		{"[2001:db8::1]:1234", "[2001:db8::2]:9001", "[2001:db8::1]:1234", "[2001:db8::2]:9001"},
		{"[fe80::1%eth0]:1234", "[fe80::2%eth0]:9001", "[fe80::1]:1234", "[fe80::2]:9001"},
		{"[2001:db8::1]:1234", "10.0.0.2:9001", "[2001:db8::1]:1234", "10.0.0.2:9001"},
		{"", "", "127.0.0.1:32768", "127.0.0.1:9000"},
		{"", "unix:/run/php/php-fpm.sock", "127.0.0.1:32769", "127.0.0.1:9000"},
		{"", "[2001:db8::2]:9001", "[::1]:32770", "[2001:db8::2]:9001"},
		{"10.0.0.1:1235", "", "10.0.0.1:1235", "127.0.0.1:9000"},
		{"", "app:9000", "127.0.0.1:32771", "127.0.0.1:9000"},
	}
	var infos []*flow.ConnInfo
	var want []string
	for _, tt := range tests {
		infos = append(infos, &flow.ConnInfo{Client: tt.client, Server: tt.server})
		want = append(want, tt.wantClient+" "+tt.wantServer)
	}
	chunks := scenario(infos...)
	file := rewrite(t, chunks)
	again, warnings := drain(t, openBytes(t, file))
	var got []string
	for _, ch := range again {
		if ends := ch.Conn.Client + " " + ch.Conn.Server; !slices.Contains(got, ends) {
			got = append(got, ends)
		}
	}
	if d := cmp.Diff(want, got); d != "" || len(warnings) > 0 {
		t.Errorf("%q (-want +got)\n%s", warnings, d)
	}
	for i := range tests {
		infos[i].Client, infos[i].Server, _ = strings.Cut(want[i], " ")
		infos[i].Network = "tcp"
	}
	if d := cmp.Diff(saidBy(chunks), saidBy(again)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !bytes.Contains(file, []byte("this is unix:/run/php/php-fpm.sock")) {
		t.Error("the socket is not named in a comment")
	}
}

// TestWriterTime: bytes without a time are written without one.
func TestWriterTime(t *testing.T) {
	t.Parallel()
	info := &flow.ConnInfo{}
	for _, at := range []time.Time{{}, time.Unix(0, 1).UTC(), time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC)} {
		chunks := []Chunk{{Conn: info, At: at, Data: []byte("x")}, {Conn: info, Kind: ChunkEnd}}
		again, _ := drain(t, openBytes(t, rewrite(t, chunks)))
		if len(again) == 0 || again[0].At != at {
			t.Errorf("wrote %v, read %+v", at, again)
		}
	}
	for _, at := range []time.Time{time.Unix(-1, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if again, _ := drain(t, openBytes(t, rewrite(t, []Chunk{{Conn: info, At: at, Data: []byte("x")}}))); len(again) == 0 {
			t.Errorf("%v: nothing", at)
		}
	}
}

// TestWriterRandom: whatever comes in whatever pieces is read back, also when
// ports are used again.
func TestWriterRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		var chunks []Chunk
		at := time.Unix(1_700_000_000, 0).UTC()
		for range 1 + r.IntN(6) {
			info := &flow.ConnInfo{Client: fmt.Sprintf("10.0.0.1:%d", 1000+len(chunks)), Server: "10.0.0.2:9000", Network: "tcp"}
			for range 1 + r.IntN(20) {
				at = at.Add(time.Duration(r.IntN(1e6)))
				ch := Chunk{Conn: info, Side: Side(r.IntN(2)), At: at}
				if len(chunks) > 0 && r.IntN(8) == 0 {
					ch.Kind, ch.Lost = ChunkGap, 2+int64(r.IntN(1e6))
				} else {
					ch.Data = bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(1<<r.IntN(18)))
				}
				chunks = append(chunks, ch)
			}
			// Neighbouring gaps come back as one.
			for side := range Side(2) {
				chunks = append(chunks, Chunk{Conn: info, Side: side, At: at, Data: []byte("end")})
			}
			for side := range Side(2) {
				chunks = append(chunks, Chunk{Conn: info, Side: side, At: at, Kind: ChunkFin})
			}
			chunks = append(chunks, Chunk{Conn: info, Kind: ChunkEnd, At: at})
		}
		again, warnings := drain(t, openBytes(t, rewrite(t, chunks)))
		if d := cmp.Diff(mergeGaps(saidBy(chunks)), mergeGaps(saidBy(again))); d != "" || len(warnings) > 0 {
			t.Fatalf("seed %d: %q (-want +got):\n%s", seed, warnings, d)
		}
	}
}

// mergeGaps adds up gaps with nothing between them.
func mergeGaps(all []said) []said {
	for i := range all {
		var out []string
		for _, what := range all[i].What {
			var n, before int64
			if _, err := fmt.Sscanf(what, "gap %d", &n); err == nil && len(out) > 0 {
				if _, err := fmt.Sscanf(out[len(out)-1], "gap %d", &before); err == nil {
					out[len(out)-1] = fmt.Sprintf("gap %d", before+n)
					continue
				}
			}
			out = append(out, what)
		}
		all[i].What = out
	}
	return all
}

// TestWriterBounds: connections that never end do not pile up.
func TestWriterBounds(t *testing.T) {
	t.Parallel()
	w := NewWriter(io.Discard)
	for range maxConnections + 100 {
		if err := w.Chunk(Chunk{Conn: &flow.ConnInfo{}, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.conns); n > maxConnections {
		t.Errorf("%d connections are kept", n)
	}
}

// A fullDisk takes n bytes.
type fullDisk struct{ n int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.n -= len(p); d.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestWriterErrors: the first error is told, again and again.
func TestWriterErrors(t *testing.T) {
	t.Parallel()
	w := NewWriter(&fullDisk{100_000})
	info := &flow.ConnInfo{}
	var err error
	for i := 0; i < 10 && err == nil; i++ {
		err = w.Chunk(Chunk{Conn: info, Data: make([]byte, 50_000)})
	}
	if !errors.Is(err, errFull) {
		t.Fatalf("%v", err)
	}
	for _, err := range []error{w.Chunk(Chunk{Conn: info}), w.Event(&flow.Event{}), w.Flush(), w.Close()} {
		if !errors.Is(err, errFull) {
			t.Errorf("later: %v", err)
		}
	}
}

// TestWriterEmpty: a file without connections is one, all the same.
func TestWriterEmpty(t *testing.T) {
	t.Parallel()
	if chunks, warnings := drain(t, openBytes(t, rewrite(t, nil))); len(chunks)+len(warnings) > 0 {
		t.Errorf("%v %q", chunks, warnings)
	}
}
