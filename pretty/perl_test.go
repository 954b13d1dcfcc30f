package pretty

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// dumpRecord prints each record of standard input with the original.
const dumpRecord = `
use Net::FastCGI::Protocol qw(dump_record get_record_length);
binmode STDIN; local $/; my $b = <STDIN>;
while (length $b) { my $n = get_record_length($b); print dump_record(substr($b, 0, $n, "")), "\n"; }
`

// TestPerlLikeTheOriginal compares with Net::FastCGI itself, byte for byte.
func TestPerlLikeTheOriginal(t *testing.T) {
	t.Parallel()
	if err := exec.Command("perl", "-MNet::FastCGI", "-e", "1").Run(); err != nil {
		if os.Getenv("FCGISCOPE_PEERS") == "required" {
			t.Fatalf("missing peer: net-fastcgi: %v", err)
		}
		t.Skip("missing peer: net-fastcgi: perl with Net::FastCGI (libnet-fastcgi-perl)")
	}
	records := append(perlRecords(), randomRecords()...)
	var in []byte
	var got bytes.Buffer
	s := format(t, "perl").New(&got, Options{})
	for _, r := range records {
		in = r.Append(in)
		if err := s.Event(record(&flow.ConnInfo{}, wire.ToApp, r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("perl", "-e", dumpRecord)
	cmd.Stdin = bytes.NewReader(in)
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	wants, gots := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
	if len(wants) != len(records)+1 || len(gots) != len(wants) {
		t.Fatalf("%d lines, the original has %d, for %d records", len(gots), len(wants), len(records))
	}
	for i, r := range records {
		if wants[i] != gots[i] {
			t.Errorf("%x:\n got %s\nwant %s", r.Append(nil), gots[i], wants[i])
		}
	}
}

// perlRecords are records of every type, with content of every kind.
func perlRecords() (list []wire.Record) {
	contents := [][]byte{
		nil, []byte("a"), []byte("1234567"), []byte("12345678"), []byte("123456789"), bytes.Repeat([]byte("x"), 77), bytes.Repeat([]byte("x"), 78),
		bytes.Repeat([]byte("x"), 79), bytes.Repeat([]byte{0}, 100), bytes.Repeat([]byte("\"\\"), 50), []byte("\a\b\t\n\v\f\r\x1b\x00\x7f\xff plain text around it all"),
		{0, 1, 0, 0, 0, 0, 0, 0}, {0, 3, 1, 0, 0, 0, 0, 0}, {0, 2, 0x83, 0, 0, 0, 0, 0}, {0xff, 0xff, 0x80, 0, 0, 0, 0, 0},
		{0, 0, 0, 1, 3, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff, 4, 9, 9, 9}, {0, 0, 0, 0, 0, 0, 0, 0}, {11, 0, 0, 0, 0, 0, 0, 0},
		wire.AppendPairs(nil, []wire.Pair{wire.NewPair("A", ""), wire.NewPair("", ""), wire.NewPair("N\n", "\x01\"v\\")}),
		wire.AppendPairs(nil, []wire.Pair{wire.NewPair("LONG", strings.Repeat("v", 200)), wire.NewPair("NEXT", "v")}),
		wire.AppendPairs(nil, []wire.Pair{wire.NewPair(strings.Repeat("n", 128), "v")}), []byte("\x05\x05abc"),
	}
	for typ := range 14 {
		for i, c := range contents {
			list = append(list, wire.NewRecord(wire.Type(typ), uint16(i*4000), c))
		}
	}
	wrong := wire.NewRecord(wire.TypeStdin, 1, []byte("a"))
	wrong.Version = 2
	padded := wire.NewRecord(wire.TypeStdin, 1, []byte("a"))
	padded.Padding = []byte{1, 2, 3}
	return append(list, wrong, padded, wire.NewRecord(200, 0, []byte("?")))
}

func randomRecords() (list []wire.Record) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		b := make([]byte, rnd.IntN(120))
		for i := range b {
			b[i] = byte(rnd.IntN(256))
			if rnd.IntN(4) > 0 {
				b[i] = byte(' ' + rnd.IntN(95))
			}
		}
		typ := wire.Type(rnd.IntN(13))
		if s := typ.Spec(); s != nil && s.Shape == wire.Pairs && wire.CheckPairs(b) == nil && wide(b) {
			continue // which the original gets wrong
		}
		list = append(list, wire.NewRecord(typ, uint16(rnd.IntN(1<<16)), b))
	}
	return list
}

func wide(b []byte) bool {
	pairs, _ := wire.ParsePairs(b)
	for _, p := range pairs {
		if p.WideName || p.WideValue {
			return true
		}
	}
	return false
}

// TestPerlWide: lengths of 4 bytes where 1 would do, which the original gets
// wrong.
func TestPerlWide(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	s := format(t, "perl").New(&b, Options{MaxBody: 20})
	p := wire.Pair{Name: []byte("N"), Value: []byte("v"), WideValue: true}
	for _, r := range []wire.Record{wire.NewRecord(wire.TypeParams, 1, p.Append(nil)), wire.NewRecord(wire.TypeStdin, 1, []byte("this is a long sentence"))} {
		if err := s.Event(record(&flow.ConnInfo{}, wire.ToApp, r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{FCGI_PARAMS, 1, "\001\200\000\00 ... "}` + "\n" + `{FCGI_STDIN, 1, "this is a long  ... "}` + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
