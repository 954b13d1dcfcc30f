package transport

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
)

// Dial connects to a. ctx limits the connecting only. The error is a
// *DialError.
func Dial(ctx context.Context, a Addr) (net.Conn, error) {
	c, err := dial(ctx, a)
	if err != nil {
		return nil, newDialError(ctx, a, err)
	}
	return c, nil
}

func dial(ctx context.Context, a Addr) (net.Conn, error) {
	if a.Network == "fd" {
		return inherited(a, net.FileConn)
	}
	var d net.Dialer
	return d.DialContext(ctx, a.Network, a.Address)
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
