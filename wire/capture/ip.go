package capture

import (
	"encoding/binary"
	"net/netip"
)

// An addr is an IP address; an IPv4 address is mapped into IPv6.
type addr struct{ hi, lo uint64 }

const mapped4 = 0xffff << 32

func addr4(b []byte) addr { return addr{0, mapped4 | uint64(binary.BigEndian.Uint32(b))} }

func addr6(b []byte) addr {
	return addr{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a addr) less(b addr) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// withPort returns the address as net.JoinHostPort writes it.
func (a addr) withPort(port uint16) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrPortFrom(netip.AddrFrom16(b).Unmap(), port).String()
}

const (
	protoHop      = 0 // IPv6 extension headers
	protoTCP      = 6
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoDest     = 60
)

// A datagram is the payload of an IP packet.
type datagram struct {
	src, dst addr
	proto    byte
	data     []byte
	cut      int // bytes at the end that were not captured
}

// An ipReader takes IP packets apart and puts fragments together.
type ipReader struct{ frags fragments }

// parse returns the datagram in an IP packet. It reports false for what is no
// IP, for a fragment that does not complete its datagram, and for headers that
// were not captured whole.
func (r *ipReader) parse(b []byte, d *datagram) bool {
	if len(b) < 20 {
		return false
	}
	switch b[0] >> 4 {
	case 4:
		return r.parse4(b, d)
	case 6:
		return r.parse6(b, d)
	}
	return false
}

func (r *ipReader) parse4(b []byte, d *datagram) bool {
	head := int(b[0]&15) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = len(b) // a segment that the network card was to cut up
	}
	if head < 20 || len(b) < head || total < head {
		return false
	}
	d.src, d.dst, d.proto = addr4(b[12:]), addr4(b[16:]), b[9]
	d.data, d.cut = body(b[head:], total-head)
	frag := binary.BigEndian.Uint16(b[6:])
	if frag&0x3fff == 0 {
		return true
	}
	key := fragKey{d.src, d.dst, uint32(binary.BigEndian.Uint16(b[4:])), d.proto}
	return r.frags.add(key, int(frag&0x1fff)*8, frag&0x2000 == 0, d)
}

func (r *ipReader) parse6(b []byte, d *datagram) bool {
	if len(b) < 40 {
		return false
	}
	d.src, d.dst, d.proto = addr6(b[8:]), addr6(b[24:]), b[6]
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n == 0 {
		n = len(b) - 40 // a jumbogram, or cut up later
	}
	d.data, d.cut = body(b[40:], n)
	for {
		x := d.data
		var n int
		switch d.proto {
		case protoHop, protoRouting, protoDest:
			if len(x) >= 8 {
				n = 8 + int(x[1])*8
			}
		case protoAH:
			if len(x) >= 8 {
				n = 8 + int(x[1])*4
			}
		case protoFragment:
			return r.fragment6(d)
		default:
			return true
		}
		if n == 0 || n > len(x) {
			return false
		}
		d.proto, d.data = x[0], x[n:]
	}
}

func (r *ipReader) fragment6(d *datagram) bool {
	x := d.data
	if len(x) < 8 {
		return false
	}
	place := binary.BigEndian.Uint16(x[2:])
	key := fragKey{d.src, d.dst, binary.BigEndian.Uint32(x[4:]), x[0]}
	d.proto, d.data = x[0], x[8:]
	if place&^6 == 0 { // a fragment that is the whole
		return true
	}
	return r.frags.add(key, int(place&^7), place&1 == 0, d)
}

// body returns the part of b that belongs to a packet of n bytes, without what
// the network padded it with, and the number of bytes that are missing.
func body(b []byte, n int) (data []byte, cut int) {
	if n <= len(b) {
		return b[:n:n], 0
	}
	return b, n - len(b)
}
