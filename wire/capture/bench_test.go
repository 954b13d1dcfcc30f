package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// largeCapture makes a capture of at least n bytes by repeating what nginx and
// php-fpm said to each other, from other ports each time.
func largeCapture(tb testing.TB, n int) []byte {
	tb.Helper()
	var capture []byte
	var stories [][]byte
	for _, name := range []string{"nginx-php-get", "nginx-php-keepconn", "nginx-php-stderr", "nginx-php-post-small", "mtu1500-nginx-php", "nginx-php-post-200k", "nginx-php-404", "nginx-php-get", "nginx-php-keepconn"} {
		b := readFixture(tb, "capture/"+name+".pcap")
		stories = append(stories, b[pcapFileHeader:])
		capture = b[:pcapFileHeader:pcapFileHeader]
	}
	for round := uint16(1); len(capture) < n; round++ {
		for i, s := range stories {
			start := len(capture)
			capture = append(capture, s...)
			renumber(capture[start:], round*16+uint16(i))
		}
	}
	return capture
}

// renumber gives the connections in packets another client port.
func renumber(b []byte, port uint16) {
	const tcp = pcapPacketHeader + 14 + 20
	for len(b) > 0 {
		n := pcapPacketHeader + int(binary.LittleEndian.Uint32(b[8:]))
		for _, at := range []int{tcp, tcp + 2} {
			if old := binary.BigEndian.Uint16(b[at:]); old > 20000 {
				binary.BigEndian.PutUint16(b[at:], 20000+(old+port)%40000)
			}
		}
		b = b[n:]
	}
}

func BenchmarkDecode(b *testing.B) {
	capture := largeCapture(b, 64<<20)
	for _, test := range []struct {
		name  string
		whole bool
	}{{"pieces", false}, {"whole", true}} {
		b.Run(test.name, func(b *testing.B) {
			b.SetBytes(int64(len(capture)))
			b.ReportAllocs()
			for b.Loop() {
				src, _, err := Open(bytes.NewReader(capture), Options{})
				if err != nil {
					b.Fatal(err)
				}
				records := 0
				stats, err := Decode(context.Background(), src, DecodeOptions{Whole: test.whole}, func(e *flow.Event) {
					if e.Kind == flow.KindRecord {
						records++
					}
				})
				if err != nil || records == 0 || stats.Others > 0 {
					b.Fatal(err, records, stats)
				}
				b.ReportMetric(float64(records), "records")
				b.ReportMetric(float64(stats.Connections), "conns")
			}
		})
	}
}

// BenchmarkChunks is the same without FastCGI: packets and TCP alone.
func BenchmarkChunks(b *testing.B) {
	capture := largeCapture(b, 64<<20)
	b.SetBytes(int64(len(capture)))
	b.ReportAllocs()
	for b.Loop() {
		src, _, err := Open(bytes.NewReader(capture), Options{})
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = src.Next()
		}
	}
}
