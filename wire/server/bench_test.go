package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// benchRequest is one request as nginx sends it, with a kept connection.
func benchRequest() []byte {
	var params []byte
	for _, nv := range [][2]string{
		{"SCRIPT_FILENAME", "/srv/www/index.php"}, {"QUERY_STRING", "id=12&page=3"}, {"REQUEST_METHOD", "GET"},
		{"CONTENT_TYPE", ""}, {"CONTENT_LENGTH", ""}, {"SCRIPT_NAME", "/index.php"}, {"REQUEST_URI", "/index.php?id=12&page=3"},
		{"DOCUMENT_URI", "/index.php"}, {"DOCUMENT_ROOT", "/srv/www"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_SCHEME", "http"},
		{"GATEWAY_INTERFACE", "CGI/1.1"}, {"SERVER_SOFTWARE", "nginx/1.22.1"}, {"REMOTE_ADDR", "127.0.0.1"}, {"REMOTE_PORT", "51234"},
		{"SERVER_ADDR", "127.0.0.1"}, {"SERVER_PORT", "80"}, {"SERVER_NAME", "localhost"}, {"HTTP_HOST", "localhost"},
		{"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
	} {
		params = wire.NewPair(nv[0], nv[1]).Append(params)
	}
	b := wire.BeginRecord(1, wire.Responder, wire.KeepConn).Append(nil)
	b = wire.NewRecord(wire.TypeParams, 1, params).Append(b)
	b = wire.NewRecord(wire.TypeParams, 1, nil).Append(b)
	return wire.NewRecord(wire.TypeStdin, 1, nil).Append(b)
}

var benchBody = make([]byte, 1024)

// benchClients has clients send requests, one after the other on a connection
// each, to whatever listens at ln.
func benchClients(b *testing.B, ln net.Listener, clients int) {
	request := benchRequest()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range clients {
		nc, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			defer nc.Close()
			r := wire.NewReader(nc)
			<-start
			for left.Add(-1) >= 0 {
				if _, err := nc.Write(request); err != nil {
					b.Error(err)
					return
				}
				body := 0
				for {
					rec, err := r.ReadRecord()
					if err != nil {
						b.Error(err)
						return
					}
					if rec.Type == wire.TypeEndRequest {
						break
					}
					body += len(rec.Content)
				}
				if body < len(benchBody) {
					b.Errorf("an answer of %d bytes", body)
					return
				}
			}
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	wg.Wait()
	b.StopTimer()
}

func BenchmarkServer1(b *testing.B)  { benchServer(b, 1) }
func BenchmarkServer64(b *testing.B) { benchServer(b, 64) }

func benchServer(b *testing.B, clients int) {
	s := &Server{Handler: func(_ context.Context, x *Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\n")
		x.Stdout.Write(benchBody)
	}}
	ln := listen(b)
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	benchClients(b, ln, clients)
	s.Shutdown(context.Background())
	if err := <-done; err != nil {
		b.Error(err)
	}
}

// BenchmarkNetHTTP64 is net/http/fcgi under the same load.
func BenchmarkNetHTTP64(b *testing.B) {
	ln := listen(b)
	go fcgi.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(benchBody)
	}))
	benchClients(b, ln, 64)
	ln.Close()
}

// BenchmarkHTTPHandler64 is a net/http.Handler on our server.
func BenchmarkHTTPHandler64(b *testing.B) {
	s := &Server{Handler: HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(benchBody)
	}))}
	ln := listen(b)
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	benchClients(b, ln, 64)
	s.Shutdown(context.Background())
	<-done
}

// BenchmarkPingPong64 is the limit: the same bytes, not looked at.
func BenchmarkPingPong64(b *testing.B) {
	ln := listen(b)
	defer ln.Close()
	answer := wire.NewRecord(wire.TypeStdout, 1, append([]byte("Content-Type: text/plain\r\n\r\n"), benchBody...)).Append(nil)
	answer = wire.NewRecord(wire.TypeStdout, 1, nil).Append(answer)
	answer = wire.EndRecord(1, 0, 0).Append(answer)
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				for buf := make([]byte, 4096); ; {
					if _, err := nc.Read(buf); err != nil {
						return
					}
					nc.Write(answer)
				}
			}()
		}
	}()
	benchClients(b, ln, 64)
}
