package gateway

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/server"
)

// TestClientHasAll: a client that closes the connection when it has all of the
// answer has not broken it off, although the application is not done yet. One
// that closes before has.
func TestClientHasAll(t *testing.T) {
	t.Parallel()
	for length, cut := range map[string]bool{"4": false, "5": true} {
		url, done := front(t, &App{Pool: serveApp(t, func(ctx context.Context, x *server.Exchange) {
			io.WriteString(x.Stdout, "Content-Length: "+length+"\r\n\r\ndone")
			x.Flush()
			<-ctx.Done()
		})})
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		var got []byte
		for piece := make([]byte, 512); !strings.HasSuffix(string(got), "done"); {
			n, err := c.Read(piece)
			if err != nil {
				t.Fatalf("%q, error %v", got, err)
			}
			got = append(got, piece[:n]...)
		}
		c.Close()
		if x := <-done; x.Status != 200 || x.Cut != cut || (x.Why != "") != cut || x.Bytes != 4 {
			t.Errorf("Content-Length %s: %d, %d bytes, cut %v, %q", length, x.Status, x.Bytes, x.Cut, x.Why)
		}
	}
}
