package capture

import (
	"bytes"
	"context"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// FuzzOpen: no input makes a parser panic, whether it was recognised or the
// format was named, and every byte of a direction is covered by one event.
func FuzzOpen(f *testing.F) {
	for _, file := range textFixtures(f, "*[a-z0-9]") {
		if b := readFixture(f, file); len(b) < 16<<10 {
			f.Add(b, uint8(0))
		}
	}
	for _, name := range []string{"nginx-php-get.pcap", "nginx-php-get-v6.pcapng", "derived-ipfragments.pcap", "derived-gzip.pcap.gz"} {
		f.Add(readFixture(f, "capture/"+name), uint8(0))
	}
	f.Add([]byte("> 2026/11/20 20:51:38.000661350  length=8 from=0 to=7\n 01 05 00 01 00 00 00 00\n"), uint8(0))
	f.Add([]byte("> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n< ! gap 12\n"), uint8(0))
	f.Add([]byte(`{"event":"record","conn":3,"dir":"to-app","version":1,"type":5,"request_id":1}`+"\n"), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		from := "" // to be found out
		if formats := Formats(); which > 0 {
			from = formats[int(which)%len(formats)].Name
		}
		src, _, err := Open(bytes.NewReader(b), Options{From: from})
		if err != nil {
			return
		}
		type direction struct {
			conn *flow.ConnInfo
			dir  int
		}
		next := map[direction]int64{}
		closed := map[*flow.ConnInfo]int{}
		_, err = Decode(context.Background(), src, DecodeOptions{Whole: true}, func(e *flow.Event) {
			n := int64(0)
			switch e.Kind {
			case flow.KindRecord:
				n = int64(e.Header.Len())
			case flow.KindDesync:
				n = e.Length
			case flow.KindGap:
				n = max(0, e.Length)
			case flow.KindTruncated:
				n = e.Got
			case flow.KindClosed:
				closed[e.Conn]++
				return
			default:
				return
			}
			d := direction{e.Conn, int(e.Dir)}
			if e.Offset != next[d] {
				t.Errorf("%v at %d, want %d", e.Kind, e.Offset, next[d])
			}
			next[d] += n
		})
		if err != nil {
			t.Error(err)
		}
		for d := range next {
			if closed[d.conn] != 1 {
				t.Errorf("closed %d times", closed[d.conn])
			}
		}
	})
}
