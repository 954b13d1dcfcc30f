package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestRoughClients: clients that stop reading, stop sending, and go at any time
// leave nothing behind; those that behave get whole answers.
func TestRoughClients(t *testing.T) {
	t.Parallel()
	pool := serveApp(t, func(ctx context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: application/octet-stream\r\nContent-Length: 1048576\r\n\r\n")
		if x.Param("QUERY_STRING") == "read" {
			io.Copy(io.Discard, x.Stdin)
		}
		piece := make([]byte, 1<<14)
		for range 64 {
			if _, err := x.Stdout.Write(piece); err != nil {
				return
			}
		}
	})
	pool.MaxOpen, pool.MaxIdle = 8, 4
	url, done := front(t, &App{Pool: pool})
	go func() {
		for range done {
		}
	}()
	address := strings.TrimPrefix(url, "http://")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 12 {
				switch (i + j) % 4 {
				case 0: // takes a little of the answer
					if c, err := net.Dial("tcp", address); err == nil {
						io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
						io.CopyN(io.Discard, c, 1000)
						c.Close()
					}
				case 1: // sends a little of the body
					if c, err := net.Dial("tcp", address); err == nil {
						io.WriteString(c, "POST /?read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nstart")
						c.Close()
					}
				case 2: // does not even wait for the answer
					if c, err := net.Dial("tcp", address); err == nil {
						io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
						c.Close()
					}
				default:
					resp, err := http.Get(url)
					if err != nil {
						t.Error(err)
						continue
					}
					n, err := io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != 200 || n != 1<<20 || err != nil {
						t.Errorf("%d, %d bytes, error %v", resp.StatusCode, n, err)
					}
				}
			}
		})
	}
	all.Wait()
	wiretest.Eventually(t, "nothing is at work", func() bool {
		s := pool.Stats()
		return s.Open == s.Idle && s.Waiting == 0
	})
	if s := pool.Stats(); s.Idle > 4 {
		t.Errorf("%+v", s)
	}
}

// TestDyingApplication: every answer that looks whole is.
func TestDyingApplication(t *testing.T) {
	t.Parallel()
	var conns sync.Map
	pool := serveApp(t, func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\n")
		for range 64 {
			if _, err := x.Stdout.Write(make([]byte, 1<<13)); err != nil {
				return
			}
		}
	})
	pool.MaxIdle = 8
	dial := pool.Dial
	pool.Dial = func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		if err == nil {
			conns.Store(c, true)
		}
		return c, err
	}
	url, done := front(t, &App{Pool: pool})
	go func() {
		for range done {
		}
	}()
	stop := make(chan struct{})
	var killer, all sync.WaitGroup
	killer.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			conns.Range(func(c, _ any) bool {
				conns.Delete(c)
				c.(*net.UnixConn).CloseRead()
				return false
			})
		}
	})
	var mu sync.Mutex
	whole := 0
	for range 4 {
		all.Go(func() {
			for range 50 {
				resp, err := http.Get(url)
				if err != nil {
					continue // it broke off before the header
				}
				n, err := io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode == 200 && err == nil {
					mu.Lock()
					whole++
					mu.Unlock()
					if n != 64<<13 {
						t.Errorf("%d bytes look like a whole answer", n)
					}
				}
			}
		})
	}
	all.Wait()
	close(stop)
	killer.Wait()
	if whole == 0 {
		t.Error("nobody got an answer")
	}
	wiretest.Eventually(t, "nothing is at work", func() bool { s := pool.Stats(); return s.Open == s.Idle })
}
