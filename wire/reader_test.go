package wire_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/fcgiscope/fcgiscope/wire"
)

// stream is every sample, and records that need the large buffer: the largest
// there is, one beyond the small buffer, and small ones behind them.
func stream(t testing.TB) (b []byte, ends []int) {
	t.Helper()
	add := func(rec []byte) {
		b = append(b, rec...)
		ends = append(ends, len(b))
	}
	for _, s := range samples {
		add(unhex(t, s.bytes))
	}
	add(padded(wire.NewRecord(wire.TypeStdout, 1, bytes.Repeat([]byte("large "), 10923)[:wire.MaxContent]), bytes.Repeat([]byte{0}, wire.MaxPadding)...).Append(nil))
	add(wire.NewRecord(wire.TypeStdout, 1, bytes.Repeat([]byte("m"), 4089)).Append(nil))
	add(wire.EndRecord(1, 0, 0).Append(nil))
	return b, ends
}

// readAll reads until an error, and returns the bytes of the records.
func readAll(t testing.TB, r *wire.Reader) (b []byte, err error) {
	t.Helper()
	for {
		if int64(len(b)) != r.Offset() {
			t.Fatalf("offset %d after %d bytes", r.Offset(), len(b))
		}
		rec, err := r.ReadRecord()
		if err != nil {
			return b, err
		}
		b = rec.Append(b)
	}
}

// TestReader: the same records come out however the bytes come in.
func TestReader(t *testing.T) {
	in, _ := stream(t)
	for _, c := range []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"at once", func(r io.Reader) io.Reader { return r }},
		{"one byte a read", iotest.OneByteReader},
		{"half of what is asked", iotest.HalfReader},
		{"error with the last bytes", iotest.DataErrReader},
		{"nothing now and then", func(r io.Reader) io.Reader { return &stutter{r: r} }},
	} {
		got, err := readAll(t, wire.NewReader(c.wrap(bytes.NewReader(in))))
		if err != io.EOF || !bytes.Equal(got, in) {
			t.Errorf("%s: %d of %d bytes, %v", c.name, len(got), len(in), err)
		}
	}
}

// stutter returns no bytes and no error every other time.
type stutter struct {
	r     io.Reader
	quiet bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.quiet = !s.quiet; s.quiet {
		return 0, nil
	}
	return s.r.Read(p)
}

// TestReaderCut: a stream that ends anywhere is told apart from one that ends
// between two records, and what there is of the record is not lost.
func TestReaderCut(t *testing.T) {
	in, ends := stream(t)
	start, next := 0, 0
	for cut := range len(in) + 1 {
		if next < len(ends) && cut == ends[next] {
			start = cut
			next++
		}
		if cut-start > 300 && ends[next]-cut > 300 && cut%61 != 0 {
			continue // far inside a large record
		}
		got, err := readAll(t, wire.NewReader(bytes.NewReader(in[:cut])))
		if !bytes.Equal(got, in[:start]) {
			t.Fatalf("cut at %d: %d bytes of records, want %d", cut, len(got), start)
		}
		if cut == start {
			if err != io.EOF {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			continue
		}
		want := wire.HeaderLen
		if cut-start >= want {
			want = ends[next] - start
		}
		var bad *wire.TruncatedError
		if !errors.As(err, &bad) || bad.Offset != int64(start) || bad.Want != want || !bytes.Equal(bad.Got, in[start:cut]) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v, want offset %d, %d of %d bytes", cut, err, start, cut-start, want)
		}
	}
}

// TestReaderGoesOn: after an error that passes, such as a time limit, the
// record goes on where it was.
func TestReaderGoesOn(t *testing.T) {
	in, _ := stream(t)
	r := wire.NewReader(&impatient{r: iotest.HalfReader(bytes.NewReader(in))})
	var got []byte
	limits := 0
	for {
		rec, err := r.ReadRecord()
		if err == errLimit {
			limits++
			if have := r.Buffered(); !bytes.HasPrefix(in[r.Offset():], have) {
				t.Fatalf("%d bytes at %d are not those of the stream", len(have), r.Offset())
			}
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = rec.Append(got)
	}
	if !bytes.Equal(got, in) || limits < 3 {
		t.Errorf("%d of %d bytes, after %d limits", len(got), len(in), limits)
	}
}

var errLimit = errors.New("too late")

// impatient fails every other time, every fourth time with bytes.
type impatient struct {
	r io.Reader
	n int
}

func (i *impatient) Read(p []byte) (n int, err error) {
	i.n++
	if i.n%2 == 0 {
		return 0, errLimit
	}
	n, err = i.r.Read(p)
	if err == nil && i.n%4 == 1 {
		err = errLimit
	}
	return n, err
}

func TestReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	r := wire.NewReader(io.MultiReader(bytes.NewReader([]byte{1, 2, 3}), iotest.ErrReader(broken)))
	if _, err := r.ReadRecord(); err != broken || !bytes.Equal(r.Buffered(), []byte{1, 2, 3}) {
		t.Errorf("%v, %x", err, r.Buffered())
	}
	if _, err := wire.NewReader(silent{}).ReadRecord(); err != io.ErrNoProgress {
		t.Errorf("a reader that returns nothing for ever: %v", err)
	}
	r = wire.NewReader(bytes.NewReader(nil))
	for range 3 {
		if _, err := r.ReadRecord(); err != io.EOF {
			t.Errorf("an empty stream: %v", err)
		}
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

func TestReaderAllocates(t *testing.T) {
	for _, size := range []int{8, 64, 4096, 8192, wire.MaxRecord - wire.MaxPadding} {
		r := wire.NewReader(&endless{block: records(10, size)})
		read := func() {
			if _, err := r.ReadRecord(); err != nil {
				t.Fatal(err)
			}
		}
		read()
		if n := testing.AllocsPerRun(1000, read); n != 0 {
			t.Errorf("records of %d bytes: %v allocations each", size, n)
		}
	}
}

// TestIdleReaders: a thousand readers that wait for the next record after a
// large one hold their small buffers only.
func TestIdleReaders(t *testing.T) {
	const readers = 1000
	large := wire.NewRecord(wire.TypeStdout, 1, make([]byte, wire.MaxContent)).Append(nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	idle := make([]*wire.Reader, readers)
	for i := range idle {
		r := wire.NewReader(&pause{b: large})
		if _, err := r.ReadRecord(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ReadRecord(); err != errLimit {
			t.Fatal(err)
		}
		idle[i] = r
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / readers
	if each > 6<<10 {
		t.Errorf("an idle reader holds %d bytes", each)
	}
	runtime.KeepAlive(idle)
}

// pause gives its bytes, then a time limit is reached for ever.
type pause struct{ b []byte }

func (p *pause) Read(b []byte) (n int, err error) {
	if len(p.b) == 0 {
		return 0, errLimit
	}
	n = copy(b, p.b)
	p.b = p.b[n:]
	return n, nil
}

// TestRelease: after the last record the large buffer can be given back, and
// the reader can go on.
func TestRelease(t *testing.T) {
	in, _ := stream(t)
	r := wire.NewReader(bytes.NewReader(in))
	var got []byte
	for {
		rec, err := r.ReadRecord()
		if err != nil {
			break
		}
		got = rec.Append(got)
		r.Release() // of a buffer that holds something it is no more than a question
	}
	if !bytes.Equal(got, in) {
		t.Errorf("%d of %d bytes", len(got), len(in))
	}
}
