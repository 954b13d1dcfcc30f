package tap

import "net"

// fill reads once.
func (in *input) fill() (int, error) {
	in.buf = in.buffers.get(in.full)
	return in.conn.Read(in.buf)
}

func closedWholly(net.Conn) bool { return false }
