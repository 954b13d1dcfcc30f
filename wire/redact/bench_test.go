package redact

import (
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// BenchmarkBody masks a page of text and one of bytes without any structure.
func BenchmarkBody(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"page", strings.Repeat(`<a href="/x?a=b&token=abcdef">some text in a page</a>`+"\n", 1000)},
		{"letters", strings.Repeat("a", 50000)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := New()
			info := &flow.ConnInfo{}
			r.Event(&flow.Event{Kind: flow.KindRecord, Conn: info, Header: wire.Header{Type: wire.TypeBeginRequest, RequestID: 1}})
			e := &flow.Event{Kind: flow.KindChunk, Conn: info, Dir: wire.ToServer, Header: wire.Header{Type: wire.TypeStdout, RequestID: 1}}
			e.Data = []byte("A: b\r\n\r\n")
			r.Event(e)
			p := []byte(bb.text)
			e.Data = p
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				r.Event(e)
			}
		})
	}
}
