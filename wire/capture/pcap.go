package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxPacket bounds what one packet, or one block of a pcapng file, may take in
// memory, in bytes. A larger one means that the file is damaged.
const maxPacket = 16 << 20

// A packet is one captured packet. data is valid until the next call of the
// reader that returned it.
type packet struct {
	link  uint32 // LINKTYPE_ of its interface
	at    time.Time
	data  []byte // from the link layer on, as far as it was captured
	frame int    // from 1
}

// A packetReader yields packets, io.EOF after the last one. Its *InputErrors
// are as those of Source.
type packetReader interface {
	next(p *packet) error
}

// Magic numbers at the start of a pcap file, in the byte order of the file.
const (
	pcapMicro    = 0xa1b2c3d4
	pcapNano     = 0xa1b23c4d
	pcapModified = 0xa1b2cd34 // packet headers are 8 bytes longer
)

const (
	pcapFileHeader   = 24
	pcapPacketHeader = 16
)

// pcapOrder returns the byte order of a file that starts with b, nil if it is
// no pcap file.
func pcapOrder(b []byte) binary.ByteOrder {
	if len(b) < 4 {
		return nil
	}
	switch binary.LittleEndian.Uint32(b) {
	case pcapMicro, pcapNano, pcapModified:
		return binary.LittleEndian
	}
	switch binary.BigEndian.Uint32(b) {
	case pcapMicro, pcapNano, pcapModified:
		return binary.BigEndian
	}
	return nil
}

func matchPcap(head []byte) int {
	if pcapOrder(head) == nil {
		return 0
	}
	return scoreMagic
}

func openPcap(r *bufio.Reader, o Options) (Source, error) {
	return newPacketSource(&pcapReader{in: block{r: r}}), nil
}

// A pcapReader reads the format of libpcap. A file header where a packet is
// due starts the next file, so rotated files can be read as one.
type pcapReader struct {
	in     block
	order  binary.ByteOrder
	little bool
	nano   bool
	extra  int // bytes that a packet header is longer than usual
	link   uint32
	sec    uint32 // of the last packet
	frame  int
}

func (r *pcapReader) next(p *packet) error {
	for {
		// A file header is as long as its magic number: look at that first.
		head, err := r.in.peek(4)
		if err != nil {
			return r.ended(head, err)
		}
		if r.order == nil || pcapOrder(head) != nil {
			if err := r.fileHeader(); err != nil {
				return err
			}
			continue
		}
		if head, err = r.in.peek(pcapPacketHeader); err != nil {
			return r.ended(head, err)
		}
		return r.packet(p, head)
	}
}

func (r *pcapReader) fileHeader() error {
	head, err := r.in.peek(pcapFileHeader)
	if err != nil {
		return r.ended(head, err)
	}
	if r.order = pcapOrder(head); r.order == nil {
		return r.in.fail(fmt.Errorf("no pcap file: magic number %x", head[:4]))
	}
	magic := r.order.Uint32(head)
	r.little = r.order == binary.LittleEndian
	r.nano = magic == pcapNano
	r.extra = 0
	if magic == pcapModified {
		r.extra = 8
	}
	r.link = r.order.Uint32(head[20:]) & 0x0fffffff // the upper bits tell of a checksum
	r.in.discard(pcapFileHeader)
	return nil
}

func (r *pcapReader) packet(p *packet, head []byte) error {
	var sec, sub, caplen uint32
	if r.little {
		sec, sub, caplen = binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	} else {
		sec, sub, caplen = binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:])
	}
	if caplen > maxPacket {
		return r.resync(fmt.Errorf("packet %d claims %d bytes: the file is damaged", r.frame+1, caplen))
	}
	n := pcapPacketHeader + r.extra + int(caplen)
	b, err := r.in.peek(n)
	if err != nil {
		return r.ended(b, err)
	}
	if !r.nano {
		sub *= 1000
	}
	r.frame++
	r.sec = sec
	p.link, p.frame, p.at = r.link, r.frame, time.Unix(int64(sec), int64(sub)).UTC()
	p.data = b[pcapPacketHeader+r.extra : n : n]
	r.in.discard(n)
	return nil
}

// resyncLen is how many bytes behind damage are looked at for the next packet.
const resyncLen = 128 << 10

// resync looks for the next packet, or file, behind damage, and returns what
// is to be said about it.
func (r *pcapReader) resync(damage error) error {
	b, _ := r.in.peek(resyncLen)
	return r.in.skip(r.search(b), damage)
}

// search returns where the next packet, or file, begins in b, behind its first
// byte; 0 if none does.
func (r *pcapReader) search(b []byte) int {
	for i := 1; i+pcapPacketHeader <= len(b); i++ {
		if pcapOrder(b[i:]) != nil || r.plausible(b[i:], 2) {
			return i
		}
	}
	return 0
}

// plausible reports whether n packets, or as many as are left, begin in b.
func (r *pcapReader) plausible(b []byte, n int) bool {
	const day = 24 * 60 * 60
	for ; n > 0 && len(b) > 0; n-- {
		if len(b) < pcapPacketHeader {
			return false
		}
		sec, sub, caplen, size := r.order.Uint32(b), r.order.Uint32(b[4:]), r.order.Uint32(b[8:]), r.order.Uint32(b[12:])
		end := pcapPacketHeader + r.extra + int(min(caplen, resyncLen))
		if sec-r.sec+day > 2*day || sub >= 1e9 || !r.nano && sub >= 1e6 || caplen < 20 || caplen > size || end > len(b) {
			return false
		}
		b = b[end:]
	}
	return true
}

// ended tells a file that ends between two packets from a cut one, and from one
// in which a length is wrong.
func (r *pcapReader) ended(rest []byte, err error) error {
	if err != io.EOF || len(rest) == 0 {
		return err
	}
	if r.order != nil {
		if n := r.search(rest); n > 0 {
			return r.in.skip(n, fmt.Errorf("packet %d claims more bytes than there are: the file is damaged", r.frame+1))
		}
	}
	r.in.discard(len(rest))
	return &InputError{Where: fmt.Sprintf("packet %d", r.frame+1), Err: errors.New("the file is cut inside it")}
}

// A block reads pieces of up to maxPacket bytes out of r. As long as they fit
// the buffer of r nothing is copied.
type block struct {
	r    *bufio.Reader
	big  []byte // a piece that does not fit the buffer of r, and is read whole
	off  int64  // bytes discarded
	eof  bool   // big is all that is left of r
	dead bool   // nothing more can be understood
}

// peek returns the next n bytes without consuming them. With an error it
// returns what there is.
func (b *block) peek(n int) ([]byte, error) {
	switch {
	case b.dead:
		return nil, io.EOF
	case len(b.big) > 0:
		return b.more(n)
	case n <= b.r.Size():
		return b.r.Peek(n)
	}
	return b.more(n)
}

func (b *block) more(n int) ([]byte, error) {
	have := len(b.big)
	switch {
	case n <= have:
		return b.big[:n], nil
	case b.eof: // damage can claim any number of bytes, again and again
		return b.big, io.EOF
	}
	big := make([]byte, n)
	copy(big, b.big)
	got, err := io.ReadFull(b.r, big[have:])
	b.big = big[:have+got]
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	b.eof = err == io.EOF
	return b.big, err
}

// discard consumes n bytes that peek returned.
func (b *block) discard(n int) {
	b.off += int64(n)
	if len(b.big) > 0 {
		b.big = b.big[n:]
		return
	}
	b.r.Discard(n) // cannot fail: they are in the buffer
}

// skip says what is wrong where, and goes on behind n bytes that cannot be
// understood. With n = 0 nothing is read after it.
func (b *block) skip(n int, err error) error {
	if n == 0 {
		return b.fail(err)
	}
	err = b.fail(fmt.Errorf("%w; %d bytes are skipped", err, n))
	b.discard(n)
	b.dead = false
	return err
}

// fail says what is wrong where; nothing is read after it.
func (b *block) fail(err error) error {
	b.dead = true
	return &InputError{Where: fmt.Sprintf("offset %d", b.off), Err: err}
}
