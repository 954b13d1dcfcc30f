package commands

import (
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestPlacedListener: a connection has a place until it is closed, however
// often; TCP keeps what the system sends files with.
func TestPlacedListener(t *testing.T) {
	t.Parallel()
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(wiretest.SocketDir(t), "s")} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			l := &placedListener{ln, make(chan struct{}, 2)}
			var accepted []net.Conn
			for range cap(l.places) {
				c, err := net.Dial(network, ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c, err = l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, ok := c.(io.ReaderFrom); ok != (network == "tcp") {
					t.Errorf("%T is an io.ReaderFrom: %t", c, ok)
				}
				accepted = append(accepted, c)
			}
			if n := len(l.places); n != 2 {
				t.Errorf("%d places are taken by 2 connections", n)
			}
			accepted[0].Close()
			accepted[0].Close()
			if n := len(l.places); n != 1 {
				t.Fatalf("%d places are taken, and one connection is left", n)
			}
			ln.Close()
			if c, err := l.Accept(); err == nil {
				c.Close()
				t.Error("it takes connections after it was closed")
			}
			if n := len(l.places); n != 1 {
				t.Errorf("%d places are taken after an error", n)
			}
		})
	}
}
