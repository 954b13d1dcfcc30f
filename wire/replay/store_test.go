package replay

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

// TestStore: what was kept is read again, in memory and beyond, and no file is
// left.
func TestStore(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var s store
	defer s.close()
	r := rand.New(rand.NewPCG(1, 2))
	var want []byte
	var places spans
	for size := int64(0); size < storeMemory+1<<20; size += int64(len(want)) {
		piece := make([]byte, r.IntN(300<<10))
		for i := range piece {
			piece[i] = byte(r.Uint32())
		}
		where, err := s.add(piece)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.bytes(spans{where}, 1<<20)
		if err != nil || !bytes.Equal(got, piece) {
			t.Fatalf("at %d: %d bytes, want %d: %v", where.at, len(got), len(piece), err)
		}
		want = piece
		if size+int64(len(want)) > storeMemory-1<<20 { // what goes over the border
			places.add(where)
		}
	}
	all, err := io.ReadAll(s.reader(places))
	if err != nil || int64(len(all)) != places.size() || len(places) != 1 {
		t.Errorf("%d bytes of %d in %d pieces: %v", len(all), places.size(), len(places), err)
	}
	if back, err := s.bytes(places.from(1000), 10); err != nil || !bytes.Equal(back, all[1000:1010]) {
		t.Errorf("from 1000 on: %x, want %x: %v", back, all[1000:1010], err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// FuzzRenamer: how a stream is cut makes no difference.
func FuzzRenamer(f *testing.F) {
	f.Add([]byte("in /new, /new/er, /newer and \\/new\\/x; /other/new"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		paths := []Path{{"/old", "/new"}, {"/a/long/one", "/new/er"}, {"/", "/other"}}
		want := string(newRenamer(paths).feed(b, true))
		r := newRenamer(paths)
		var got []byte
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			got = append(got, r.feed(rest[:n], false)...)
			rest = rest[n:]
		}
		got = append(got, r.feed(nil, true)...)
		if string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
