package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// writes keeps what every Write brings.
type writes struct{ parts [][]byte }

func (w *writes) Write(p []byte) (int, error) {
	w.parts = append(w.parts, bytes.Clone(p))
	return len(p), nil
}

func (w *writes) all() []byte { return bytes.Join(w.parts, nil) }

// split cuts b into records, which must be all of it.
func split(t testing.TB, b []byte) (recs []wire.Record) {
	t.Helper()
	for len(b) > 0 {
		rec, n := wire.Split(b)
		if n == 0 {
			t.Fatalf("%d bytes are left: %x", len(b), b[:min(len(b), 16)])
		}
		recs = append(recs, rec)
		b = b[n:]
	}
	return recs
}

// TestRequestIsOneWrite: a whole request goes out at once, and what is written
// twice with one Writer is the same.
func TestRequestIsOneWrite(t *testing.T) {
	var out writes
	w := wire.NewWriter(&out)
	for range 2 {
		must(t, w.WriteRecord(wire.BeginRecord(1, wire.Responder, 0)))
		params := w.Pairs(wire.TypeParams, 1)
		pairs, _ := wire.ParsePairs(nginxParams())
		for _, p := range pairs {
			must(t, params.WritePair(p))
		}
		must(t, params.Close())
		stdin := w.Stream(wire.TypeStdin, 1)
		if n, err := stdin.Write(bytes.Repeat([]byte("x"), 10000)); n != 10000 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		must(t, stdin.Close())
		must(t, w.Flush())
		must(t, w.Flush())
	}
	if len(out.parts) != 2 || !bytes.Equal(out.parts[0], out.parts[1]) {
		t.Fatalf("%d writes", len(out.parts))
	}
	recs := split(t, out.parts[0])
	if len(recs) != 5 || !bytes.Equal(recs[1].Content, nginxParams()) || len(recs[3].Content) != 10000 {
		t.Errorf("%d records", len(recs))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPadding: what is padded, and how.
func TestPadding(t *testing.T) {
	content := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	all := func(int) int { return 255 }
	for _, c := range []struct {
		name string
		pad  func(int) int
		rec  wire.Record
		want int
	}{
		{"to 8", nil, wire.NewRecord(wire.TypeStdin, 1, content(1)), 7},
		{"8 already", nil, wire.NewRecord(wire.TypeStdin, 1, content(16)), 0},
		{"pairs", nil, wire.NewRecord(wire.TypeParams, 1, content(13)), 3},
		{"pairs of management", nil, wire.NewRecord(wire.TypeGetValues, 0, content(15)), 1},
		{"nothing", nil, wire.NewRecord(wire.TypeStdin, 1, nil), 0},
		{"nothing, although all is padded", all, wire.NewRecord(wire.TypeStdin, 1, nil), 0},
		{"a fixed body", all, wire.BeginRecord(1, wire.Responder, 0), 0},
		{"another", all, wire.EndRecord(1, 0, 0), 0},
		{"none", all, wire.AbortRecord(1), 0},
		{"a type nobody knows", all, wire.NewRecord(99, 1, content(3)), 0},
		{"as it is asked for", all, wire.NewRecord(wire.TypeStdout, 1, content(3)), 255},
		{"none is asked for", wire.PadNone, wire.NewRecord(wire.TypeStdout, 1, content(3)), 0},
		{"too much", func(int) int { return 1000 }, wire.NewRecord(wire.TypeStdout, 1, content(3)), 255},
		{"too little", func(int) int { return -1 }, wire.NewRecord(wire.TypeStdout, 1, content(3)), 0},
		{"no more than 65535 together", nil, wire.NewRecord(wire.TypeStdout, 1, content(65529)), 6},
		{"none is left", nil, wire.NewRecord(wire.TypeStdout, 1, content(65535)), 0},
		{"its own", nil, padded(wire.NewRecord(wire.TypeStdout, 1, content(3)), 1, 2), 2},
		{"explicitly none", nil, wire.Record{Header: wire.Header{Version: 1, Type: wire.TypeStdout, RequestID: 1}, Content: content(3), Padding: []byte{}}, 0},
	} {
		var out writes
		w := wire.NewWriter(&out)
		w.Pad = c.pad
		must(t, w.WriteRecord(c.rec))
		must(t, w.Flush())
		recs := split(t, out.all())
		if len(recs) != 1 || len(recs[0].Padding) != c.want || !bytes.Equal(recs[0].Content, c.rec.Content) {
			t.Errorf("%s: %d bytes, want %d", c.name, len(recs[0].Padding), c.want)
		}
		if n := int(recs[0].ContentLength) + int(recs[0].PaddingLength); c.rec.Padding == nil && n > wire.MaxContent {
			t.Errorf("%s: %d bytes of content and padding", c.name, n)
		}
	}
	for n, want := range []int{0, 7, 6, 5, 4, 3, 2, 1, 0, 7} {
		if got := wire.PadTo8(n); got != want || wire.PadNone(n) != 0 {
			t.Errorf("PadTo8(%d) is %d, want %d", n, got, want)
		}
	}
}

// TestChunks: a stream is split as asked, never with more than 65535 bytes of
// content and padding, and nothing of it is lost.
func TestChunks(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 12500) // 200000 bytes
	for _, c := range []struct {
		name  string
		chunk int
		pad   func(int) int
		want  int // content of the first record
	}{
		{"default", 0, nil, 65528},
		{"no padding", 0, wire.PadNone, 65528},
		{"much padding", 0, func(int) int { return 255 }, 65280},
		{"1000", 1000, nil, 1000},
		{"all", 65535, nil, 65535},
		{"more than all", 1 << 20, nil, 65535},
	} {
		var out writes
		w := wire.NewWriter(&out)
		w.Chunk, w.Pad = c.chunk, c.pad
		s := w.Stream(wire.TypeStdout, 3)
		if n, err := s.Write(body); n != len(body) || err != nil {
			t.Fatalf("%s: %d, %v", c.name, n, err)
		}
		if n, err := s.Write(nil); n != 0 || err != nil {
			t.Fatalf("%s: %d, %v", c.name, n, err)
		}
		must(t, s.Close())
		must(t, w.Flush())
		var got []byte
		recs := split(t, out.all())
		for i, rec := range recs {
			got = append(got, rec.Content...)
			if rec.Type != wire.TypeStdout || rec.RequestID != 3 || len(rec.Content) == 0 != (i == len(recs)-1) || len(rec.Content)+len(rec.Padding) > 65535 {
				t.Errorf("%s: record %d: %+v", c.name, i, rec.Header)
			}
		}
		if !bytes.Equal(got, body) || len(recs[0].Content) != c.want {
			t.Errorf("%s: %d bytes, %d in the first record, want %d", c.name, len(got), len(recs[0].Content), c.want)
		}
	}
}

// TestPairsStayWhole: a pair goes into the next record when it does not fit,
// unless it may be split, or fits none.
func TestPairsStayWhole(t *testing.T) {
	pairs := []wire.Pair{
		wire.NewPair("A", strings.Repeat("a", 40)), wire.NewPair("B", strings.Repeat("b", 40)), // 43 bytes each
		wire.NewPair("C", strings.Repeat("c", 11)),                          // 14 bytes: 100 together
		wire.NewPair("D", strings.Repeat("d", 250)), wire.NewPair("E", "e"), // 256 and 4
		wire.NewPair("F", strings.Repeat("f", 40)),
	}
	for _, c := range []struct {
		name  string
		split bool
		want  []int // content of the records
	}{
		{"whole", false, []int{43 + 43 + 14, 100, 100, 56 + 4, 43, 0}},
		{"split", true, []int{100, 100, 100, 100, 3, 0}},
	} {
		var out writes
		w := wire.NewWriter(&out)
		w.Chunk, w.SplitPairs = 100, c.split
		p := w.Pairs(wire.TypeParams, 1)
		for _, pair := range pairs {
			must(t, p.WritePair(pair))
		}
		must(t, p.Close())
		must(t, w.Flush())
		var got []byte
		var lens []int
		for _, rec := range split(t, out.all()) {
			got = append(got, rec.Content...)
			lens = append(lens, len(rec.Content))
		}
		if !bytes.Equal(got, wire.AppendPairs(nil, pairs)) {
			t.Errorf("%s: other pairs", c.name)
		}
		if len(lens) != len(c.want) {
			t.Errorf("%s: records of %v bytes, want %v", c.name, lens, c.want)
			continue
		}
		for i := range lens {
			if lens[i] != c.want[i] {
				t.Errorf("%s: records of %v bytes, want %v", c.name, lens, c.want)
				break
			}
		}
	}
}

// TestWriteRaw: what lies goes out as it is.
func TestWriteRaw(t *testing.T) {
	var out writes
	w := wire.NewWriter(&out)
	h := wire.Header{Version: 9, Type: 77, RequestID: 5, ContentLength: 1000, PaddingLength: 3, Reserved: 1}
	must(t, w.WriteRaw(h, []byte("ab"), []byte("c")))
	must(t, w.Flush())
	if want := append(h.Append(nil), "abc"...); !bytes.Equal(out.all(), want) {
		t.Errorf("%x, want %x", out.all(), want)
	}
}

func TestWriterErrors(t *testing.T) {
	w := wire.NewWriter(io.Discard)
	long := wire.Record{Content: make([]byte, wire.MaxContent+1)}
	if err := w.WriteRecord(long); err == nil || err.Error() != "wire: record content or padding too long" {
		t.Errorf("%v", err)
	}
	if err := w.Flush(); err == nil {
		t.Error("the error was forgotten")
	}
	broken := errors.New("broken")
	w = wire.NewWriter(failing{broken})
	must(t, w.WriteRecord(wire.AbortRecord(1)))
	for range 2 {
		if err := w.Flush(); err != broken {
			t.Errorf("%v", err)
		}
		if err := w.WriteRecord(wire.AbortRecord(1)); err != broken {
			t.Errorf("%v", err)
		}
	}
	if n, err := w.Stream(wire.TypeStdin, 1).Write([]byte("x")); n != 0 || err != broken {
		t.Errorf("%d, %v", n, err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWriterAllocates(t *testing.T) {
	w := wire.NewWriter(io.Discard)
	rec := wire.NewRecord(wire.TypeStdout, 1, make([]byte, 8<<10))
	if n := testing.AllocsPerRun(1000, func() {
		must(t, w.WriteRecord(rec))
		must(t, w.Flush())
	}); n > 0.1 {
		t.Errorf("%v allocations for a record", n)
	}
}

// TestWriterKeepsItsBuffer: records that fit the large buffer one by one, but
// not together, are written one by one: it does not grow.
func TestWriterKeepsItsBuffer(t *testing.T) {
	t.Parallel()
	var out writes
	w := wire.NewWriter(&out)
	rec := wire.NewRecord(wire.TypeStdout, 1, make([]byte, 60_000))
	for range 4 {
		if err := w.WriteRecord(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for i, part := range out.parts {
		if len(part) > 96<<10 {
			t.Errorf("write %d has %d bytes", i, len(part))
		}
	}
}

// TestPairWriterAllocates: the parameters of a connection's requests are made
// in the same memory.
func TestPairWriterAllocates(t *testing.T) {
	w := wire.NewWriter(io.Discard)
	pairs, err := wire.ParsePairs(nginxParams())
	must(t, err)
	if n := testing.AllocsPerRun(1000, func() {
		params := w.Pairs(wire.TypeParams, 1)
		for _, p := range pairs {
			must(t, params.WritePair(p))
		}
		must(t, params.Close())
		must(t, w.Flush())
	}); n > 1.1 {
		t.Errorf("%v allocations for the parameters of a request", n)
	}
}

// TestPairWritersAtOnce: two of one Writer have each their own memory.
func TestPairWritersAtOnce(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := wire.NewWriter(&b)
	warm := w.Pairs(wire.TypeParams, 3)
	must(t, warm.WritePair(wire.NewPair("A", "warm")))
	must(t, warm.Close())
	must(t, w.Flush())
	b.Reset()
	one, two := w.Pairs(wire.TypeParams, 1), w.Pairs(wire.TypeParams, 2)
	must(t, one.WritePair(wire.NewPair("A", "one")))
	must(t, two.WritePair(wire.NewPair("A", "two")))
	must(t, one.Close())
	must(t, two.Close())
	must(t, w.Flush())
	for id, want := range []string{1: "one", 2: "two"} {
		if want != "" && !bytes.Contains(b.Bytes(), append([]byte{1, 4, 0, byte(id), 0, 6, 2, 0, 1, 3, 'A'}, want...)) {
			t.Errorf("request %d has no %s: %q", id, want, b.Bytes())
		}
	}
}
