package client

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"path/filepath"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// kib is the body of the answers.
var kib = bytes.Repeat([]byte("x"), 1024)

// BenchmarkRequest is this client against the server of this module: to be
// compared with BenchmarkPingPong.
func BenchmarkRequest(b *testing.B) {
	s := &server.Server{Handler: func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-type: text/html\r\n\r\n")
		x.Stdout.Write(kib)
	}}
	benchRequests(b, func(l net.Listener) { s.Serve(b.Context(), l) })
	s.Shutdown(context.Background())
}

// BenchmarkRequestNetHTTP is this client against net/http/fcgi.
func BenchmarkRequestNetHTTP(b *testing.B) {
	benchRequests(b, func(l net.Listener) {
		fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(kib) }))
	})
}

// benchRequests sends one request after the other on a kept connection.
func benchRequests(b *testing.B, serve func(net.Listener)) {
	l, err := net.Listen("unix", filepath.Join(wiretest.SocketDir(b), "s"))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go serve(l)
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	c := NewConn(nc, Options{})
	defer c.Close()
	// net/http/fcgi wants to know what kind of request it is.
	params := append(twenty()[:18], wire.NewPair("REQUEST_METHOD", "GET"), wire.NewPair("SERVER_PROTOCOL", "HTTP/1.1"))
	req := Request{Keep: true, Params: params}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		r, err := c.Do(ctx, req)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r.Stdout); err != nil || n < int64(len(kib)) {
			b.Fatal(n, err)
		}
	}
}
