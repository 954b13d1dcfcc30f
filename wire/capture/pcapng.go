package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// Block types of pcapng that are read; all others are skipped.
const (
	ngSection   = 0x0a0d0d0a
	ngInterface = 1
	ngOldPacket = 2
	ngSimple    = 3
	ngEnhanced  = 6
)

const (
	ngMagic        = 0x1a2b3c4d
	ngBlockHeader  = 8  // type and length
	ngMinBlock     = 12 // those and the length again
	ngOptResol     = 9
	ngOptOffset    = 14
	maxInterfaces  = 4096 // of one section
	ngPacketHeader = 20   // of an enhanced or old packet block, without the block header
)

func matchPcapng(head []byte) int {
	if len(head) >= 12 && binary.BigEndian.Uint32(head) == ngSection && ngOrder(head[8:]) != nil {
		return scoreMagic
	}
	return 0
}

// ngOrder returns the byte order that the magic of a section header tells.
func ngOrder(b []byte) binary.ByteOrder {
	switch {
	case binary.LittleEndian.Uint32(b) == ngMagic:
		return binary.LittleEndian
	case binary.BigEndian.Uint32(b) == ngMagic:
		return binary.BigEndian
	}
	return nil
}

func openPcapng(r *bufio.Reader, o Options) (Source, error) {
	return newPacketSource(&pcapngReader{in: block{r: r}}), nil
}

// A pcapngReader reads pcapng files of any number of sections.
type pcapngReader struct {
	in    block
	order binary.ByteOrder
	ifs   []ngIface
	frame int
}

// An ngIface is an interface of the current section.
type ngIface struct {
	link    uint32
	snaplen uint32
	perSec  uint64 // ticks of its clock in a second
	offset  int64  // seconds to add
}

func (r *pcapngReader) next(p *packet) error {
	for {
		body, typ, err := r.block()
		if err != nil {
			return err
		}
		got, err := r.handle(p, typ, body)
		if err != nil {
			return err
		}
		if got {
			return nil
		}
	}
}

// block reads a block and returns what is between its header and trailer.
func (r *pcapngReader) block() (body []byte, typ uint32, err error) {
	head, err := r.in.peek(ngBlockHeader)
	if err != nil {
		return nil, 0, r.ended(head, err)
	}
	if binary.BigEndian.Uint32(head) == ngSection { // reads the same in both byte orders
		if head, err = r.in.peek(ngBlockHeader + 4); err != nil {
			return nil, 0, r.ended(head, err)
		}
		if r.order = ngOrder(head[8:]); r.order == nil {
			return nil, 0, r.in.fail(fmt.Errorf("no pcapng section: byte-order magic %x", head[8:12]))
		}
		r.ifs = r.ifs[:0]
	}
	if r.order == nil {
		return nil, 0, r.in.fail(errors.New("no pcapng section header"))
	}
	typ = r.order.Uint32(head)
	n := r.order.Uint32(head[4:])
	if n < ngMinBlock || n > maxPacket {
		return nil, 0, r.resync(fmt.Errorf("a block claims %d bytes: the file is damaged", n))
	}
	padded := int(n+3) &^ 3
	b, err := r.in.peek(padded)
	if err != nil {
		return nil, 0, r.ended(b, err)
	}
	if again := r.order.Uint32(b[padded-4:]); again != n {
		return nil, 0, r.resync(fmt.Errorf("a block of %d bytes says %d at its end: the file is damaged", n, again))
	}
	r.in.discard(padded)
	return b[ngBlockHeader : padded-4], typ, nil
}

// resync looks for the next block behind damage, and returns what is to be
// said about it.
func (r *pcapngReader) resync(damage error) error {
	b, _ := r.in.peek(resyncLen)
	return r.in.skip(r.search(b), damage)
}

// search returns where the next block begins in b, behind its first byte; 0 if
// none does.
func (r *pcapngReader) search(b []byte) int {
	for i := 1; i+ngMinBlock <= len(b); i++ {
		if ngBlockAt(b[i:], r.order) {
			return i
		}
	}
	return 0
}

// ngBlockAt reports whether a block that is read begins in b. Its length, which
// stands at both its ends, proves it.
func ngBlockAt(b []byte, order binary.ByteOrder) bool {
	switch typ := order.Uint32(b); {
	case typ == ngSection:
		if order = ngOrder(b[8:]); order == nil {
			return false
		}
	case typ != ngInterface && typ != ngOldPacket && typ != ngSimple && typ != ngEnhanced:
		return false
	}
	n := order.Uint32(b[4:])
	padded := int64(n+3) &^ 3
	return n >= ngMinBlock && padded <= int64(len(b)) && order.Uint32(b[padded-4:]) == n
}

// ended tells a file that ends between two blocks from a cut one, and from one
// in which a length is wrong.
func (r *pcapngReader) ended(rest []byte, err error) error {
	if err != io.EOF || len(rest) == 0 {
		return err
	}
	if r.order != nil {
		if n := r.search(rest); n > 0 {
			return r.in.skip(n, errors.New("a block claims more bytes than there are: the file is damaged"))
		}
	}
	r.in.discard(len(rest))
	return &InputError{Where: fmt.Sprintf("packet %d", r.frame+1), Err: errors.New("the file is cut inside it")}
}

// handle reports whether the block was a packet.
func (r *pcapngReader) handle(p *packet, typ uint32, b []byte) (bool, error) {
	switch typ {
	case ngInterface:
		return false, r.iface(b)
	case ngEnhanced, ngOldPacket:
		if len(b) < ngPacketHeader {
			break
		}
		id := r.order.Uint32(b)
		if typ == ngOldPacket {
			id = uint32(r.order.Uint16(b))
		}
		ticks := uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))
		return r.packet(p, id, r.order.Uint32(b[12:]), b[ngPacketHeader:], &ticks)
	case ngSimple:
		if len(b) < 4 {
			break
		}
		n := min(r.order.Uint32(b), uint32(len(b)-4))
		if len(r.ifs) > 0 && r.ifs[0].snaplen > 0 {
			n = min(n, r.ifs[0].snaplen)
		}
		return r.packet(p, 0, n, b[4:], nil)
	default:
		return false, nil
	}
	return false, r.wrong(errors.New("a packet block that is too short"))
}

func (r *pcapngReader) packet(p *packet, id, caplen uint32, data []byte, ticks *uint64) (bool, error) {
	r.frame++
	if int64(id) >= int64(len(r.ifs)) {
		return false, r.wrong(fmt.Errorf("belongs to interface %d, which the section does not describe", id))
	}
	if int64(caplen) > int64(len(data)) {
		return false, r.wrong(fmt.Errorf("claims %d bytes, its block has %d", caplen, len(data)))
	}
	f := &r.ifs[id]
	p.link, p.frame, p.data, p.at = f.link, r.frame, data[:caplen:caplen], time.Time{}
	if ticks != nil {
		p.at = f.time(*ticks)
	}
	return true, nil
}

func (r *pcapngReader) wrong(err error) error {
	return &InputError{Where: fmt.Sprintf("packet %d", r.frame), Err: err}
}

func (r *pcapngReader) iface(b []byte) error {
	if len(b) < 8 || len(r.ifs) == maxInterfaces {
		return r.wrong(errors.New("an interface block that is too short, or too many of them"))
	}
	f := ngIface{link: uint32(r.order.Uint16(b)), snaplen: r.order.Uint32(b[4:]), perSec: 1e6}
	for opt := b[8:]; len(opt) >= 4; {
		code, n := r.order.Uint16(opt), int(r.order.Uint16(opt[2:]))
		if code == 0 || 4+n > len(opt) {
			break
		}
		switch value := opt[4 : 4+n]; {
		case code == ngOptResol && n == 1:
			f.perSec = resolution(value[0])
		case code == ngOptOffset && n == 8:
			f.offset = int64(r.order.Uint64(value))
		}
		opt = opt[min(len(opt), 4+(n+3)&^3):]
	}
	r.ifs = append(r.ifs, f)
	return nil
}

// resolution returns the ticks in a second: a negative power of 10, or of 2 if
// the uppermost bit is set. One that does not fit 64 bits cannot be meant.
func resolution(v byte) uint64 {
	exp := v & 0x7f
	if v&0x80 != 0 {
		return 1 << min(exp, 63)
	}
	per := uint64(1)
	for range min(exp, 19) {
		per *= 10
	}
	return per
}

func (f *ngIface) time(ticks uint64) time.Time {
	sec, rest := ticks/f.perSec, ticks%f.perSec
	var nsec uint64
	if f.perSec == 1e6 {
		nsec = rest * 1000
	} else {
		hi, lo := bits.Mul64(rest, 1e9)
		nsec, _ = bits.Div64(hi, lo, f.perSec) // rest < perSec, so it fits
	}
	return time.Unix(int64(sec)+f.offset, int64(nsec)).UTC()
}
