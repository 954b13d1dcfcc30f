package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A segment is a TCP segment.
type segment struct {
	key      connKey
	dir      uint8 // 0: sent by the end that key names first
	flags    byte
	seq, ack uint32
	data     []byte
	cut      int // bytes behind data that were not captured
	at       time.Time
	frame    int
}

// A connKey identifies a connection, whichever of its ends is meant to be
// first: the end with the lower address and port.
type connKey struct {
	addr  [2]addr
	ports uint64 // of the first end <<16, of the second
}

func (k *connKey) port(end uint8) uint16 { return uint16(k.ports >> (16 - 16*end)) }

// TCP flags.
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// parseTCP reads the segment in d.
func parseTCP(d *datagram, s *segment) bool {
	b := d.data
	if d.proto != protoTCP || len(b) < 20 {
		return false
	}
	head := int(b[12]>>4) * 4
	if head < 20 {
		return false
	}
	s.cut = d.cut
	if head > len(b) { // its options are cut: all of its data is missing
		s.data, s.cut = nil, max(0, len(b)+d.cut-head)
	} else {
		s.data = b[head:]
	}
	src, dst := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if d.src.less(d.dst) || d.src == d.dst && src <= dst {
		s.dir = 0
		s.key = connKey{[2]addr{d.src, d.dst}, uint64(src)<<16 | uint64(dst)}
	} else {
		s.dir = 1
		s.key = connKey{[2]addr{d.dst, d.src}, uint64(dst)<<16 | uint64(src)}
	}
	s.seq, s.ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	s.flags = b[13]
	return true
}

// A packetSource makes chunks of packets.
type packetSource struct {
	in      packetReader
	ip      ipReader
	tcp     assembler
	out     []Chunk // what the last packet brought, from pos on
	pos     int
	unknown map[uint32]bool // link types that were complained of
	done    bool

	more        func() Source // nil: nothing follows, see Chain
	ahead       bool          // p is the first packet, and was read before its time
	aheadErr    error         // the error of that
	first, last time.Time     // of the packets so far, the latest
	timeless    bool          // there was one without a time

	// What is being looked at, here so that no packet costs an allocation.
	p   packet
	d   datagram
	seg segment
}

func newPacketSource(in packetReader) *packetSource { return &packetSource{in: in} }

// Next implements Source.
func (s *packetSource) Next() (Chunk, error) {
	for s.pos == len(s.out) {
		if s.done {
			return Chunk{}, io.EOF
		}
		s.out, s.pos = s.out[:0], 0
		if err := s.packet(); err != nil {
			if err != io.EOF {
				return Chunk{}, err
			}
			if s.sequel() {
				continue
			}
			s.done = true
			s.tcp.finishAll(&s.out)
		}
	}
	s.pos++
	return s.out[s.pos-1], nil
}

func (s *packetSource) packet() error {
	p := &s.p
	s.peek()
	s.ahead = false
	if s.aheadErr != nil {
		return s.aheadErr
	}
	s.clock(p.at)
	if !knownLink(p.link) {
		return s.complain(p)
	}
	ip := network(p.link, p.data)
	if ip == nil || !s.ip.parse(ip, &s.d) {
		return nil
	}
	s.seg.at, s.seg.frame = p.at, p.frame
	if parseTCP(&s.d, &s.seg) {
		s.tcp.add(&s.seg, &s.out)
	}
	return nil
}

// complain says once for each link type that it is not understood.
func (s *packetSource) complain(p *packet) error {
	if s.unknown[p.link] {
		return nil
	}
	if s.unknown == nil {
		s.unknown = make(map[uint32]bool)
	}
	s.unknown[p.link] = true
	return &InputError{Where: fmt.Sprintf("packet %d", p.frame),
		Err: fmt.Errorf("%w %d: packets like it are skipped", errLink, p.link)}
}

var errLink = errors.New("unknown link type")

// Close implements Source.
func (s *packetSource) Close() error { return nil }
