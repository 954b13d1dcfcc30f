package client

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// twenty are the parameters of a usual request.
func twenty() []wire.Pair {
	var params []wire.Pair
	for i := range 20 {
		params = append(params, wire.NewPair(fmt.Sprintf("PARAMETER_NAME_%d", i), strings.Repeat("v", 10+i)))
	}
	return params
}

// exchange is what a request with 20 parameters and an answer of 1 KiB are on
// the wire.
func exchange() (request, response []byte) {
	var b strings.Builder
	w := wire.NewWriter(&b)
	w.WriteRecord(wire.BeginRecord(1, wire.Responder, wire.KeepConn))
	p := w.Pairs(wire.TypeParams, 1)
	for _, pair := range twenty() {
		p.WritePair(pair)
	}
	p.Close()
	w.Stream(wire.TypeStdin, 1).Close()
	w.Flush()
	response = out(1, "Content-type: text/html\r\n\r\n"+strings.Repeat("x", 1024)).Append(nil)
	return []byte(b.String()), end(1).Append(response)
}

// fixedApp answers every request of that many bytes with the same bytes.
func fixedApp(b *testing.B, request int, response []byte) net.Conn {
	l, err := net.Listen("unix", filepath.Join(wiretest.SocketDir(b), "s"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, request)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if _, err := c.Write(response); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// BenchmarkPingPong is the limit: the same bytes on the same kind of socket.
func BenchmarkPingPong(b *testing.B) {
	request, response := exchange()
	c := fixedApp(b, len(request), response)
	buf := make([]byte, len(response))
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	request, response := exchange()
	c := NewConn(fixedApp(b, len(request), response), Options{})
	req := Request{Keep: true, Params: twenty()}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		r, err := c.Do(ctx, req)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r.Stdout); err != nil || n != 1024+27 {
			b.Fatal(n, err)
		}
	}
}
