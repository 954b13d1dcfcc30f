package capture

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// TestChecksums: against a plain implementation of RFC 1071.
func TestChecksums(t *testing.T) {
	t.Parallel()
	plain := func(parts ...[]byte) uint16 {
		var sum uint32
		for _, b := range parts {
			for i, c := range b {
				sum += uint32(c) << (8 - 8*(i%2))
			}
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		return uint16(sum)
	}
	for n := range 70 {
		for _, host := range []string{"10.1.2.3", "2001:db8::ff:1"} {
			end := netip.AddrPortFrom(netip.MustParseAddr(host), 50000)
			data := bytes.Repeat([]byte{0xff, byte(n), 3}, n)
			b := (&tcpHeader{src: end, dst: end, seq: 0xfffffff0 + uint32(n), ack: 7, flags: flagACK}).append(nil, data)
			head, addrs := b[:20], b[12:20]
			if len(host) > 8 {
				head, addrs = b[:40], b[8:40]
			} else if plain(head) != 0xffff {
				t.Errorf("%d: IPv4 header % x", n, head)
			}
			tcp := b[len(head):]
			pseudo := binary.BigEndian.AppendUint16([]byte{0, protoTCP}, uint16(len(tcp)))
			if plain(addrs, pseudo, tcp) != 0xffff {
				t.Errorf("%d: %s: TCP checksum is wrong", n, host)
			}
		}
	}
}
