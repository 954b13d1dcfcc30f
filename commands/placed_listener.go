package commands

import (
	"net"
	"sync"
)

// A placedListener has so many connections at a time as places has room for.
// Those of TCP stay what they are for net/http, which lets the system send
// files.
type placedListener struct {
	net.Listener
	places chan struct{}
}

// Accept implements net.Listener.
func (l *placedListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	free := sync.OnceFunc(func() { <-l.places })
	c, err := l.Listener.Accept()
	if err != nil {
		free()
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		return &placedTCP{tcp, free}, nil
	}
	return &placedConn{c, free}, nil
}

type placedConn struct {
	net.Conn
	free func()
}

func (c *placedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

type placedTCP struct {
	*net.TCPConn
	free func()
}

func (c *placedTCP) Close() error {
	defer c.free()
	return c.TCPConn.Close()
}
