package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Dial connects to a. ctx limits the connecting only. The error is a
// *DialError. A descriptor is taken over: it must not be dialled again, as by
// then its number may be that of something else.
func Dial(ctx context.Context, a Addr) (net.Conn, error) {
	c, err := dial(ctx, a)
	if err != nil {
		return nil, newDialError(ctx, a, err)
	}
	return c, nil
}

func dial(ctx context.Context, a Addr) (net.Conn, error) {
	if a.Network == "fd" {
		return inherited(a, connected)
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, a.Network, a.Address)
	// localhost is this machine (RFC 6761, section 6.3), also where nothing
	// resolves it, as in a container that has the program and no /etc/hosts.
	var unresolved *net.DNSError
	if host, port, _ := net.SplitHostPort(a.Address); strings.EqualFold(host, "localhost") && errors.As(err, &unresolved) {
		return d.DialContext(ctx, a.Network, net.JoinHostPort("127.0.0.1", port))
	}
	return c, err
}

// connected makes a connection of f, which a listening socket is not.
func connected(f *os.File) (net.Conn, error) {
	c, err := net.FileConn(f)
	if err == nil && c.RemoteAddr() == nil {
		c.Close()
		return nil, syscall.ENOTCONN
	}
	return c, err
}

// inherited makes a descriptor a connection or a listener, which owns it.
func inherited[T any](a Addr, open func(*os.File) (T, error)) (T, error) {
	n, err := strconv.ParseUint(a.Address, 10, 31)
	if err != nil {
		var none T
		return none, fmt.Errorf("%q is no descriptor", a.Address)
	}
	f := os.NewFile(uintptr(n), a.String())
	// open works on a copy.
	defer f.Close()
	return open(f)
}
