package wire_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
)

// unhex reads hexadecimal digits in groups.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samples has a record of every type, and some that break rules.
var samples = []struct {
	name  string
	rec   wire.Record
	bytes string
}{
	{"BEGIN_REQUEST", wire.BeginRecord(1, wire.Responder, wire.KeepConn), "01 01 0001 0008 00 00 0001 01 0000000000"},
	{"ABORT_REQUEST", wire.AbortRecord(0x1234), "01 02 1234 0000 00 00"},
	{"END_REQUEST", wire.EndRecord(1, 0xdeadbeef, wire.Overloaded), "01 03 0001 0008 00 00 deadbeef 02 000000"},
	{"PARAMS", wire.NewRecord(wire.TypeParams, 1, wire.NewPair("A", "bc").Append(nil)), "01 04 0001 0005 00 00 01 02 41 6263"},
	{"PARAMS, the end", wire.NewRecord(wire.TypeParams, 65535, nil), "01 04 ffff 0000 00 00"},
	{"STDIN, padded", padded(wire.NewRecord(wire.TypeStdin, 1, []byte("a=b")), 0, 0, 0, 0, 0), "01 05 0001 0003 05 00 613d62 0000000000"},
	{"STDOUT", wire.NewRecord(wire.TypeStdout, 1, []byte("\r\n")), "01 06 0001 0002 00 00 0d0a"},
	{"STDERR, dirty padding", padded(wire.NewRecord(wire.TypeStderr, 1, []byte("!")), 0xff), "01 07 0001 0001 01 00 21 ff"},
	{"DATA", wire.NewRecord(wire.TypeData, 1, []byte{0}), "01 08 0001 0001 00 00 00"},
	{"GET_VALUES", wire.NewRecord(wire.TypeGetValues, 0, wire.NewPair(wire.MaxReqs, "").Append(nil)), "01 09 0000 000f 00 00 0d 00 464347495f4d41585f52455153"},
	{"GET_VALUES_RESULT", wire.NewRecord(wire.TypeGetValuesResult, 0, wire.NewPair(wire.MaxReqs, "1").Append(nil)), "01 0a 0000 0010 00 00 0d 01 464347495f4d41585f52455153 31"},
	{"UNKNOWN_TYPE", wire.UnknownTypeRecord(42), "01 0b 0000 0008 00 00 2a 00000000000000"},
	{"a type nobody knows", wire.NewRecord(200, 7, []byte("?")), "01 c8 0007 0001 00 00 3f"},
	{"version and reserved", wire.Record{Header: wire.Header{Version: 7, Type: wire.TypeStdin, RequestID: 1, Reserved: 9}}, "07 05 0001 0000 00 09"},
}

func padded(r wire.Record, padding ...byte) wire.Record {
	r.Padding, r.PaddingLength = padding, uint8(len(padding))
	return r
}

// TestRecords: exact bytes out, the same record back, and of a record that is
// cut anywhere not more than its header.
func TestRecords(t *testing.T) {
	seen := map[wire.Type]bool{}
	for _, s := range samples {
		seen[s.rec.Type] = true
		want := unhex(t, s.bytes)
		got := s.rec.Append([]byte("before"))
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("%s: written as\n%x, want\n%x", s.name, got, want)
		}
		back, n := wire.Split(append(bytes.Clone(want), "behind"...))
		if n != len(want) || n != back.Len() {
			t.Errorf("%s: %d bytes taken, want %d", s.name, n, len(want))
		}
		if diff := cmp.Diff(s.rec, normal(back, s.rec)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", s.name, diff)
		}
		for cut := range want {
			rec, n := wire.Split(want[:cut])
			header := wire.Header{}
			if cut >= wire.HeaderLen {
				header = s.rec.Header
			}
			if n != 0 || rec.Header != header || rec.Content != nil || rec.Padding != nil {
				t.Errorf("%s: the first %d bytes give %d, %+v", s.name, cut, n, rec)
			}
		}
	}
	for _, s := range wire.Specs() {
		if !seen[s.Type] {
			t.Errorf("no sample of %v", s.Type)
		}
	}
}

// normal makes nothing of empty slices where like has nothing.
func normal(r, like wire.Record) wire.Record {
	if len(r.Content) == 0 && like.Content == nil {
		r.Content = nil
	}
	if len(r.Padding) == 0 && like.Padding == nil {
		r.Padding = nil
	}
	return r
}

func TestAppendTakesLengthsFromSlices(t *testing.T) {
	r := wire.NewRecord(wire.TypeStdin, 1, []byte("abc"))
	r.ContentLength, r.PaddingLength = 99, 99
	if got, want := r.Append(nil), unhex(t, "01 05 0001 0003 00 00 616263"); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestAppendTooLong(t *testing.T) {
	for _, r := range []wire.Record{
		{Content: make([]byte, wire.MaxContent+1)}, {Padding: make([]byte, wire.MaxPadding+1)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d bytes of content and %d of padding were written", len(r.Content), len(r.Padding))
				}
			}()
			r.Append(nil)
		}()
	}
}

func TestClone(t *testing.T) {
	b := unhex(t, "01 05 0001 0003 02 00 616263 0102")
	rec, _ := wire.Split(b)
	c := rec.Clone()
	clear(b)
	if string(c.Content) != "abc" || string(c.Padding) != "\x01\x02" {
		t.Errorf("%q, %q", c.Content, c.Padding)
	}
	if got := append(c.Content, 'x'); c.Padding[0] != 1 || len(got) != 4 {
		t.Error("the padding stands where content is appended")
	}
}

// TestSplitSlices: appending to a slice of a record does not reach the next.
func TestSplitSlices(t *testing.T) {
	b := unhex(t, "01 05 0001 0001 01 00 61 00 01 05 0001 0000 00 00")
	rec, _ := wire.Split(b)
	_ = append(rec.Content, 0xee)
	_ = append(rec.Padding, 0xee)
	if b[9] != 0 || b[10] != 1 {
		t.Errorf("%x", b)
	}
}

func TestHeader(t *testing.T) {
	b := [wire.HeaderLen]byte{1, 6, 0x12, 0x34, 0xff, 0xff, 255, 7}
	h := wire.ParseHeader(&b)
	want := wire.Header{Version: 1, Type: wire.TypeStdout, RequestID: 0x1234, ContentLength: 65535, PaddingLength: 255, Reserved: 7}
	if h != want || h.Len() != wire.MaxRecord || !bytes.Equal(h.Append(nil), b[:]) {
		t.Errorf("%+v, %d bytes, %x", h, h.Len(), h.Append(nil))
	}
}

func TestPlausible(t *testing.T) {
	for _, c := range []struct {
		header string
		want   bool
	}{
		{"01 01 0001 0008 00 00", true},
		{"01 01 0001 0008 ff 00", true},
		{"02 01 0001 0008 00 00", false}, // version
		{"01 0c 0001 0008 00 00", false}, // type
		{"01 00 0001 0008 00 00", false}, // type
		{"01 01 0000 0008 00 00", false}, // an id of management
		{"01 01 0001 0007 00 00", false}, // length of the body
		{"01 01 0001 0008 00 01", false}, // reserved
		{"01 02 0001 0000 00 00", true},
		{"01 02 0001 0001 00 00", false},
		{"01 06 ffff ffff ff 00", true},
		{"01 09 0000 0011 00 00", true},
		{"01 09 0001 0011 00 00", false},
	} {
		b := unhex(t, c.header)
		if got := wire.ParseHeader((*[wire.HeaderLen]byte)(b)).Plausible(); got != c.want {
			t.Errorf("%s: %v", c.header, got)
		}
	}
}

// FuzzSplit: splitting a stream and appending what it was split into gives back
// the stream.
func FuzzSplit(f *testing.F) {
	var all []byte
	for _, s := range samples {
		f.Add(unhex(f, s.bytes))
		all = append(all, unhex(f, s.bytes)...)
	}
	f.Add(all)
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var back []byte
		rest := b
		for {
			rec, n := wire.Split(rest)
			if n == 0 {
				if len(rest) >= wire.HeaderLen && rec.Len() <= len(rest) {
					t.Errorf("%d bytes are not enough for a record of %d", len(rest), rec.Len())
				}
				break
			}
			if n != rec.Len() || len(rec.Content) != int(rec.ContentLength) || len(rec.Padding) != int(rec.PaddingLength) {
				t.Errorf("%d bytes for %+v", n, rec.Header)
			}
			back = rec.Append(back)
			rest = rest[n:]
		}
		if back = append(back, rest...); !bytes.Equal(back, b) {
			t.Errorf("became\n%x, from\n%x", back, b)
		}
	})
}
