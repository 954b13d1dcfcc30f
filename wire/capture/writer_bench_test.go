package capture

import (
	"io"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// BenchmarkWriter writes chunks of 32 KiB.
func BenchmarkWriter(b *testing.B) {
	w := NewWriter(io.Discard)
	ch := Chunk{Conn: &flow.ConnInfo{}, At: time.Unix(1, 0), Data: make([]byte, 32<<10)}
	b.SetBytes(int64(len(ch.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Chunk(ch); err != nil {
			b.Fatal(err)
		}
	}
}
