package capture

import (
	"encoding/binary"
	"net/netip"
)

// maxSegment is how many bytes of data a packet has at most: as many as IPv4
// can say with the two headers. window is what each side can take before it has
// to acknowledge.
const (
	maxSegment = 65535 - ipv4Header - tcpHeaderLen
	window     = 65535
)

const (
	ipv4Header   = 20
	ipv6Header   = 40
	tcpHeaderLen = 20
	flagPSH      = 0x08
	hopLimit     = 64
)

// A tcpHeader is what a packet says before its data.
type tcpHeader struct {
	src, dst netip.AddrPort
	seq, ack uint32
	flags    byte
}

// append appends the IP packet with the segment. It is IPv4 if both addresses
// are.
func (s *tcpHeader) append(b, data []byte) []byte {
	from, to := s.src.Addr().Unmap(), s.dst.Addr().Unmap()
	n := tcpHeaderLen + len(data)
	start := len(b)
	var pseudo uint64 // the sum over addresses, protocol and length
	if from.Is4() && to.Is4() {
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+n))
		b = append(b, 0, 0, 0x40, 0, hopLimit, protoTCP, 0, 0) // not to be fragmented
		src, dst := from.As4(), to.As4()
		b = append(append(b, src[:]...), dst[:]...)
		binary.BigEndian.PutUint16(b[start+10:], fold(sum16(0, b[start:])))
		pseudo = sum16(0, b[start+12:])
	} else {
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		b = append(b, protoTCP, hopLimit)
		src, dst := from.As16(), to.As16()
		b = append(append(b, src[:]...), dst[:]...)
		pseudo = sum16(0, b[start+8:])
	}
	tcp := len(b)
	b = binary.BigEndian.AppendUint16(b, s.src.Port())
	b = binary.BigEndian.AppendUint16(b, s.dst.Port())
	b = binary.BigEndian.AppendUint32(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, s.ack)
	b = append(b, tcpHeaderLen/4<<4, s.flags, window>>8, window&0xff, 0, 0, 0, 0)
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[tcp+16:], fold(sum16(pseudo+protoTCP+uint64(n), b[tcp:])))
	return b
}

// sum16 adds the 16-bit words of b to sum, as the checksums of IP want it. It
// adds 32 bits at once, which comes to the same once the sum is folded.
func sum16(sum uint64, b []byte) uint64 {
	for ; len(b) >= 4; b = b[4:] {
		sum += uint64(binary.BigEndian.Uint32(b))
	}
	var rest [4]byte
	copy(rest[:], b)
	return sum + uint64(binary.BigEndian.Uint32(rest[:]))
}

// fold makes a checksum of a sum.
func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
