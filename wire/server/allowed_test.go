package server

import (
	"net"
	"testing"
)

// A conn from somewhere.
type connFrom struct {
	net.Conn
	addr net.Addr
}

func (c connFrom) RemoteAddr() net.Addr { return c.addr }

// TestAllowsAddress: an address is the same in all its forms.
func TestAllowsAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list, peer string
		want       bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true}, // on a socket for both protocols
		{"::ffff:192.0.2.1", "192.0.2.1", true},
		{"192.0.2.0/24", "::ffff:192.0.2.9", true},
		{"192.0.2.0/24", "192.0.3.1", false},
		{"::/0", "192.0.2.1", false},
		{"fe80::1", "fe80::1%eth0", true},
		{"fe80::/10", "fe80::1%eth0", true},
		{"2001:db8::1", "2001:db8::1:0:1", false}, // php-fpm compares 12 bytes of the 16
		{"192.0.2.1,2001:db8::1", "2001:db8::1", true},
		{"", "192.0.2.1", true},
	} {
		allowed, err := ParseAllowed(tt.list)
		if err != nil {
			t.Fatal(err)
		}
		ip, err := net.ResolveIPAddr("ip", tt.peer)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{Allowed: allowed}
		if got := s.allows(connFrom{nil, &net.TCPAddr{IP: ip.IP, Zone: ip.Zone, Port: 1}}); got != tt.want {
			t.Errorf("%q lets %s in: %t, want %t", tt.list, tt.peer, got, tt.want)
		}
		if got := s.allows(connFrom{nil, &net.UnixAddr{}}); got != (tt.list == "") {
			t.Errorf("%q lets a Unix socket in: %t", tt.list, got)
		}
	}
}
