package replay_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/replay"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// benchApp serves a small page on a Unix socket and returns how to get there.
func benchApp(b *testing.B) func(context.Context) (net.Conn, error) {
	b.Helper()
	var d net.Dialer
	if path := os.Getenv("BENCH_SOCKET"); path != "" { // an application in another process, for scripts/bench
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }
	}
	path := filepath.Join(wiretest.SocketDir(b), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	s := &server.Server{Handler: answers("Content-Type: text/plain\r\n\r\n"+strings.Repeat("hello ", 200), "", 0)}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ctx, l)
	}()
	b.Cleanup(func() {
		stop()
		<-done
	})
	return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }
}

// benchParams are about as many as a web server sends.
func benchParams(b *testing.B) []wire.Pair {
	b.Helper()
	q := cgi.Request{Method: "GET", Script: "/srv/www/index.php"}
	params, err := q.Params()
	if err != nil {
		b.Fatal(err)
	}
	return params
}

// BenchmarkClient is a request on a kept connection, by package client alone.
func BenchmarkClient(b *testing.B) {
	dial, params := benchApp(b), benchParams(b)
	nc, err := dial(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	c := client.NewConn(nc, client.Options{})
	defer c.Close()
	for b.Loop() {
		r, err := c.Do(b.Context(), client.Request{Keep: true, Params: params})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r.Stdout); err != nil {
			b.Fatal(err)
		}
		if _, err := r.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReplay is the same request, planned, and its answer compared.
func BenchmarkReplay(b *testing.B) {
	dial, params := benchApp(b), benchParams(b)
	// The conversation is observed as it goes.
	p := &replay.Plan{}
	defer p.Close()
	nc, err := dial(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	seen := flow.Conn{Whole: true}
	var failed error
	emit := func(e *flow.Event) {
		if err := p.Event(e); err != nil {
			failed = err
		}
	}
	c := client.NewConn(nc, client.Options{Observe: func(dir wire.Direction, at time.Time, bytes []byte) { seen.Feed(dir, at, bytes, emit) }})
	for range 100 {
		r, err := c.Do(b.Context(), client.Request{Keep: true, Params: params})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	seen.Close(time.Now(), flow.CloseByServer, nil, emit)
	if err := p.Finish(); err != nil || failed != nil {
		b.Fatal(err, failed)
	}
	n := 0
	pl := &replay.Player{Dial: dial, Times: -1, Limit: b.N, Idle: time.Minute, Result: func(r *replay.Result) {
		if n++; !r.Same() {
			b.Error(line(r))
		}
	}}
	b.ReportAllocs()
	b.ResetTimer()
	if err := pl.Play(b.Context(), p); err != nil || n != b.N {
		b.Fatal(n, err)
	}
}
