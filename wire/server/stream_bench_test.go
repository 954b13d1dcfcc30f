package server

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

const benchStream = 256 << 20

// BenchmarkDownload: one large answer; MB/s.
func BenchmarkDownload(b *testing.B) {
	benchStreams(b, func(_ context.Context, x *Exchange) {
		fill := make([]byte, 64<<10)
		for range benchStream / len(fill) {
			x.Stdout.Write(fill)
		}
	}, nil)
}

// BenchmarkUpload: one large body; MB/s.
func BenchmarkUpload(b *testing.B) {
	record := wire.NewRecord(wire.TypeStdin, 1, make([]byte, chunk)).Append(nil)
	benchStreams(b, func(_ context.Context, x *Exchange) {
		buf := make([]byte, 64<<10)
		for {
			if _, err := x.Stdin.Read(buf); err != nil {
				return
			}
		}
	}, record)
}

// BenchmarkSocket is the limit: bytes through a socket, in blocks of 64 KiB.
func BenchmarkSocket(b *testing.B) {
	b.SetBytes(benchStream)
	for range b.N {
		ln := listen(b)
		go func() {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			defer nc.Close()
			fill := make([]byte, 64<<10)
			for range benchStream / len(fill) {
				nc.Write(fill)
			}
		}()
		nc, err := net.Dial("unix", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		for buf := make([]byte, 64<<10); ; {
			if _, err := nc.Read(buf); err != nil {
				break
			}
		}
		nc.Close()
		ln.Close()
	}
}

func benchStreams(b *testing.B, handler Handler, body []byte) {
	s := &Server{Handler: handler}
	ln := listen(b)
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	nc, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	begin := wire.BeginRecord(1, wire.Responder, wire.KeepConn).Append(nil)
	begin = wire.NewRecord(wire.TypeParams, 1, nil).Append(begin)
	end := wire.EndRecord(1, 0, 0).Append(nil)
	var tail []byte
	b.SetBytes(benchStream)
	b.ResetTimer()
	for range b.N {
		nc.Write(begin)
		if body != nil {
			for range benchStream / len(body) {
				nc.Write(body)
			}
		}
		nc.Write(wire.NewRecord(wire.TypeStdin, 1, nil).Append(nil))
		for buf := make([]byte, 64<<10); ; {
			n, err := nc.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			tail = append(tail, buf[max(0, n-len(end)):n]...)
			tail = tail[max(0, len(tail)-len(end)):]
			if bytes.Equal(tail, end) {
				break
			}
		}
	}
	b.StopTimer()
	nc.Close()
	s.Shutdown(context.Background())
	if err := <-done; err != nil && err != io.EOF {
		b.Error(err)
	}
}
