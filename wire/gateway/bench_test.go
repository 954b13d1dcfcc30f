package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
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

// perRequest is how a handler is usually written: a connection, which is not
// kept, and a map of parameters for each request.
func perRequest(dial func(context.Context) (net.Conn, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		nc, err := dial(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		c := client.NewConn(nc, client.Options{})
		defer c.Close()
		request := cgi.Request{Method: r.Method, URL: r.RequestURI, Protocol: r.Proto}
		for name, values := range r.Header {
			for _, value := range values {
				request.Header = append(request.Header, cgi.Field{Name: name, Value: value})
			}
		}
		params, err := request.Params()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		resp, err := c.Do(r.Context(), client.Request{Params: params})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		header, err := resp.Header()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		for name, value := range header.Fields() {
			w.Header().Add(string(name), string(value))
		}
		w.WriteHeader(header.Status())
		io.Copy(w, resp.Stdout)
	}
}

// over32 asks h over 32 kept HTTP connections.
func over32(b *testing.B, h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	defer s.Close()
	work := make(chan struct{}, 1024)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for range work {
				io.WriteString(c, "GET /big?n=1024 HTTP/1.1\r\nHost: localhost\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					b.Error(err)
					return
				}
				if n, err := io.Copy(io.Discard, resp.Body); n != 1024 || err != nil {
					b.Errorf("%d bytes, error %v", n, err)
					return
				}
			}
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
}

func kibApp(b *testing.B) *client.Pool {
	kib := strings.Repeat("x", 1024)
	return serveApp(b, func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\n")
		io.WriteString(x.Stdout, kib)
	})
}

// BenchmarkGateway32 and BenchmarkPerRequest32 are all there is between 32
// clients and an application, with a pool and with a connection per request.
func BenchmarkGateway32(b *testing.B) {
	pool := kibApp(b)
	pool.MaxIdle = 32
	over32(b, &Front{Next: &Endpoint{App: &App{Pool: pool}}})
}

func BenchmarkPerRequest32(b *testing.B) { over32(b, perRequest(kibApp(b).Dial)) }
