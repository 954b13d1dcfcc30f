//go:build linux

package commands

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// serveEndless serves a handler that writes until nobody takes it any more, on a Unix
// socket. ended is told how much each of its answers came to.
func serveEndless(t *testing.T) (socket string, ended chan int) {
	t.Helper()
	socket, ended = filepath.Join(wiretest.SocketDir(t), "app"), make(chan int, 16)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	handler := func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: application/octet-stream\r\n\r\n")
		piece, n := make([]byte, 1<<14), 0
		for {
			if _, err := x.Stdout.Write(piece); err != nil {
				ended <- n
				return
			}
			n += len(piece)
		}
	}
	go func() { done <- (&server.Server{Handler: handler, Limits: server.Limits{WriteTime: -1}}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return socket, ended
}

// largeWindows are settings of HTTP/2 that let a server send without waiting: an
// initial window of 2 GiB for each stream.
var largeWindows = []byte{0, 4, 0x7f, 0xff, 0xff, 0xff}

// stalls are clients that ask for a path and take nothing of the answer.
var stalls = map[string]func(t *testing.T, url, path string) net.Conn{
	"HTTP/1.1": func(t *testing.T, url, path string) net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		return c
	},
	"HTTP/2 window": func(t *testing.T, url, path string) net.Conn {
		h := wiretest.DialH2(t, url)
		h.Request(1, wiretest.H2Get, path, "")
		go io.Copy(io.Discard, h) // all that there is room for
		return h
	},
	"HTTP/2 connection": func(t *testing.T, url, path string) net.Conn {
		h := wiretest.DialH2(t, url, largeWindows...)
		h.Frame(wiretest.H2WindowUpdate, 0, 0, []byte{0x7f, 0, 0, 0})
		h.Request(1, wiretest.H2Get, path, "")
		return h
	},
}

// TestGatewayStalledClients: a client that takes nothing does not hold the
// application, nor the gateway.
func TestGatewayStalledClients(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file, err := os.Create(filepath.Join(root, "large.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "endless.php"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, stall := range stalls {
		for _, path := range []string{"/endless.php", "/large.bin"} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				socket, ended := serveEndless(t)
				g := startGateway(t, socket, "--root", root, "--send-timeout", "0.4", "--format", "jsonl")
				stall(t, g.url, path)
				g.stdout.Wait(t, `"uri":"`+path+`"`, 1)
				if path == "/endless.php" {
					if n := <-ended; n == 0 || n > 64<<20 {
						t.Errorf("the application could write %d bytes", n)
					}
				}
				// On a loaded machine it may be the connection whose time is up first.
				got := g.stdout.String()
				if !strings.Contains(got, `"why":"the client did not take the answer in time"`) && (name != "HTTP/2 connection" || !strings.Contains(got, `"why":"the client closed`)) {
					t.Errorf("it says %s", got)
				}
			})
		}
	}
}
