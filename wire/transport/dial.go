package transport

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
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
	return d.DialContext(ctx, a.Network, a.Address)
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
