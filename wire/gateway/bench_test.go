package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// serveApp serves h on a Unix socket and returns a pool of connections to it.
func serveApp(t testing.TB, h server.Handler) *client.Pool {
	t.Helper()
	socket := filepath.Join(wiretest.SocketDir(t), "app")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&server.Server{Handler: h}).Serve(ctx, l) }()
	pool := &client.Pool{Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(func() {
		pool.Close()
		cancel()
		<-done
	})
	return pool
}

// nowhere takes an answer.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkHandlers is all of a request but net/http.
func BenchmarkHandlers(b *testing.B) {
	kib := strings.Repeat("x", 1024)
	pool := serveApp(b, func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\n")
		io.WriteString(x.Stdout, kib)
	})
	h := &Front{Next: &Endpoint{App: &App{Pool: pool}}}
	r, err := http.NewRequest("GET", "/big?n=1024", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.RequestURI, r.RemoteAddr, r.Host = "/big?n=1024", "127.0.0.1:4711", "localhost:8080"
	r.Header.Set("User-Agent", "wrk")
	r.Header.Set("Accept", "*/*")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(&nowhere{http.Header{}}, r)
	}
}
