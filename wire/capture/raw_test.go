package capture

import (
	"bytes"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestRawFromTheMiddle: bytes that begin anywhere in a conversation give all
// records that begin in them, however they come.
func TestRawFromTheMiddle(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"post-small.c2s.bin", "post-small.s2c.bin", "stderr.combined.bin"} {
		raw := readFixture(t, "capture/text/"+name)
		var records []oracleRecord
		var starts []int
		for off := 0; off < len(raw); {
			rec, n := wire.Split(raw[off:])
			records = append(records, oracleRecord{Type: int(rec.Type), RequestID: int(rec.RequestID), ContentSHA256: sum(rec.Content)})
			starts = append(starts, off)
			off += n
		}
		for from := range raw {
			first, _ := slices.BinarySearch(starts, from)
			if g := walk(raw[min(starts[min(first, len(starts)-1)], len(raw)):]); first == len(starts) || !g.strong {
				break // what is left proves nothing
			}
			src, _, err := Open(iotest.HalfReader(bytes.NewReader(raw[from:])), Options{From: "raw"})
			if err != nil {
				t.Fatal(err)
			}
			g := decodeSource(t, src, DecodeOptions{})
			var got []oracleRecord
			bytes := 0
			for _, e := range g.events {
				switch e.Kind {
				case flow.KindRecord:
					got = append(got, oracleRecord{Type: int(e.Header.Type), RequestID: int(e.Header.RequestID), ContentSHA256: sum(e.Data)})
					bytes += e.Header.Len()
				case flow.KindDesync:
					bytes += len(e.Data)
				}
			}
			if diff := cmp.Diff(records[first:], got); diff != "" || bytes != len(raw)-from {
				t.Fatalf("%s from %d: %d of %d bytes (-want +got):\n%s", name, from, bytes, len(raw)-from, diff)
			}
		}
	}
}
