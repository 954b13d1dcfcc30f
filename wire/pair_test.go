package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
)

var long = strings.Repeat("x", 128)

// pairSamples are pairs with their bytes; x"…" stands for 128 times x.
var pairSamples = []struct {
	name  string
	pair  wire.Pair
	bytes string
}{
	{"short", wire.NewPair("A", "bc"), "\x01\x02Abc"},
	{"empty value", wire.NewPair("A", ""), "\x01\x00A"},
	{"empty name", wire.NewPair("", "b"), "\x00\x01b"},
	{"nothing", wire.NewPair("", ""), "\x00\x00"},
	{"value of 127", wire.NewPair("A", long[:127]), "\x01\x7fA" + long[:127]},
	{"value of 128", wire.NewPair("A", long), "\x01\x80\x00\x00\x80A" + long},
	{"name of 127", wire.NewPair(long[:127], "b"), "\x7f\x01" + long[:127] + "b"},
	{"name of 128", wire.NewPair(long, "b"), "\x80\x00\x00\x80\x01" + long + "b"},
	{"both of 128", wire.NewPair(long, long), "\x80\x00\x00\x80\x80\x00\x00\x80" + long + long},
	{"not ASCII: lengths are of bytes", wire.NewPair("\u00e4", "\u65e5\u672c\xff"), "\x02\x07\xc3\xa4\xe6\x97\xa5\xe6\x9c\xac\xff"},
	{"wide name", wire.Pair{Name: []byte("A"), Value: []byte("b"), WideName: true}, "\x80\x00\x00\x01\x01Ab"},
	{"wide value", wire.Pair{Name: []byte("A"), Value: []byte("b"), WideValue: true}, "\x01\x80\x00\x00\x01Ab"},
	{"wide value of 127", wire.Pair{Name: []byte("A"), Value: []byte(long[:127]), WideValue: true}, "\x01\x80\x00\x00\x7fA" + long[:127]},
	{"wide name of 127", wire.Pair{Name: []byte(long[:127]), Value: []byte("b"), WideName: true}, "\x80\x00\x00\x7f\x01" + long[:127] + "b"},
	{"wide and empty", wire.Pair{Name: []byte{}, Value: []byte{}, WideName: true, WideValue: true}, "\x80\x00\x00\x00\x80\x00\x00\x00"},
}

// TestPairs: exact bytes out, the same pair back, and of a pair that is cut
// anywhere nothing.
func TestPairs(t *testing.T) {
	for _, s := range pairSamples {
		want := []byte(s.bytes)
		if got := s.pair.Append([]byte("before")); string(got) != "before"+s.bytes {
			t.Errorf("%s: written as\n%x, want\n%x", s.name, got, want)
		}
		if s.pair.Len() != len(want) {
			t.Errorf("%s: %d bytes long, want %d", s.name, s.pair.Len(), len(want))
		}
		back, n := wire.ParsePair([]byte(s.bytes + "behind"))
		if n != len(want) {
			t.Errorf("%s: %d bytes taken, want %d", s.name, n, len(want))
		}
		if diff := cmp.Diff(s.pair, back); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", s.name, diff)
		}
		for cut := range want {
			if p, n := wire.ParsePair(want[:cut]); n != 0 || p.Name != nil || p.Value != nil || p.WideName || p.WideValue {
				t.Errorf("%s: the first %d bytes give %+v, %d", s.name, cut, p, n)
			}
			checkCut(t, s.name, want, cut)
		}
		if got := wire.PairLen(want); got != uint64(len(want)) {
			t.Errorf("%s: PairLen says %d of %d", s.name, got, len(want))
		}
	}
}

// checkCut: after the first bytes of a pair it is known that more are needed,
// not more than there are; and which.
func checkCut(t *testing.T, name string, want []byte, cut int) {
	t.Helper()
	if n := wire.PairLen(want[:cut]); n <= uint64(cut) || n > uint64(len(want)) {
		t.Errorf("%s: PairLen of the first %d of %d bytes is %d", name, cut, len(want), n)
	}
	if cut == 0 {
		return
	}
	before := wire.NewPair("B", "efore").Append(nil)
	pairs, err := wire.ParsePairs(append(before, want[:cut]...))
	var bad *wire.PairError
	if len(pairs) != 1 || !errors.As(err, &bad) || bad.Offset != len(before) || bad.Got != cut || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%s: %d pairs, %v", name, len(pairs), err)
	}
	if got := wire.CheckPairs(append(before, want[:cut]...)); got == nil || got.Error() != err.Error() {
		t.Errorf("%s: CheckPairs says %v, ParsePairs %v", name, got, err)
	}
}

// TestHugePair: lengths whose sum does not fit 32 bits.
func TestHugePair(t *testing.T) {
	b := unhex(t, "ffffffff ffffffff 41")
	if p, n := wire.ParsePair(b); n != 0 {
		t.Errorf("%+v", p)
	}
	if got := wire.PairLen(b); got != 8+2*wire.MaxPairLen {
		t.Errorf("%d", got)
	}
	if err := wire.CheckPairs(b); err == nil || err.Error() != "wire: name-value pair at offset 0 is cut: 9 of at least 4294967302 bytes" {
		t.Errorf("%v", err)
	}
}

func TestParsePairs(t *testing.T) {
	want := []wire.Pair{wire.NewPair("A", "1"), wire.NewPair("B", ""), wire.NewPair("A", "2"), wire.NewPair("A", "3")}
	b := wire.AppendPairs(nil, want)
	got, err := wire.ParsePairs(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order and duplicates: (-want +got)\n%s", diff)
	}
	if v, ok := wire.Lookup(got, "A"); !ok || string(v) != "3" {
		t.Errorf("A is %q, %v", v, ok)
	}
	if v, ok := wire.Lookup(got, "B"); !ok || len(v) != 0 {
		t.Errorf("B is %q, %v", v, ok)
	}
	if v, ok := wire.Lookup(got, "a"); ok {
		t.Errorf("a is %q", v)
	}
	_ = append(got[0].Name, 'x')
	if _ = append(got[0].Value, 'x'); !bytes.Equal(b, wire.AppendPairs(nil, want)) {
		t.Error("appending to a name or value reaches what is behind it")
	}
}

// FuzzPair: a pair that is parsed and appended gives back its bytes, and what
// is not whole says how much it lacks.
func FuzzPair(f *testing.F) {
	for _, s := range pairSamples {
		f.Add([]byte(s.bytes))
		f.Add([]byte(s.bytes[:len(s.bytes)-1]))
	}
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, n := wire.ParsePair(b)
		want := wire.PairLen(b)
		if n == 0 {
			if want <= uint64(len(b)) {
				t.Errorf("%x is no pair, PairLen says %d", b, want)
			}
			return
		}
		if want != uint64(n) || p.Len() != n {
			t.Errorf("%d bytes taken, PairLen %d, Len %d", n, want, p.Len())
		}
		if back := p.Append(nil); !bytes.Equal(back, b[:n]) {
			t.Errorf("became\n%x, from\n%x", back, b[:n])
		}
	})
}

// FuzzPairsBlock: the pairs of a block and the rest that its error tells of
// give back the block, wherever it is cut.
func FuzzPairsBlock(f *testing.F) {
	f.Add(nginxParams())
	f.Add([]byte("\x01\x01AB\x05\x05C"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pairs, err := wire.ParsePairs(b)
		back := wire.AppendPairs(nil, pairs)
		rest := 0
		var bad *wire.PairError
		if errors.As(err, &bad) {
			rest = bad.Got
			if bad.Offset != len(back) || bad.Want <= uint64(bad.Got) {
				t.Errorf("%+v behind %d bytes of pairs", bad, len(back))
			}
		}
		if !bytes.Equal(append(back, b[len(b)-rest:]...), b) {
			t.Errorf("became\n%x, from\n%x", back, b)
		}
		check := wire.CheckPairs(b)
		if (check == nil) != (err == nil) || err != nil && check.Error() != err.Error() {
			t.Errorf("ParsePairs says %v, CheckPairs %v", err, check)
		}
	})
}
