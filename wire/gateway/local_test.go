package gateway

import (
	"context"
	"net"
	"net/http"
	"testing"
)

// TestLocal is what SERVER_ADDR and SERVER_PORT are made of: where the
// connection of the client came in.
func TestLocal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at         net.Addr
		addr, port string
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, "127.0.0.1", "8080"},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1).To4(), Port: 80}, "127.0.0.1", "80"},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 443}, "::1", "443"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "lo"}, "fe80::1%lo", "1"},
		{&net.UnixAddr{Name: "/run/gateway.sock", Net: "unix"}, "", ""},
		{nil, "", ""},
	} {
		r, err := http.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, c.at), "GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if addr, port := local(r); addr != c.addr || port != c.port {
			t.Errorf("%v: got %q and %q, want %q and %q", c.at, addr, port, c.addr, c.port)
		}
	}
}
