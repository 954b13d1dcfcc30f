package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"time"
)

// A packetText reads packets that are printed in hex: tcpdump -X, -XX and
// tshark -x. Each line has an offset, and each packet begins at 0.
type packetText struct {
	lines lineReader
	data  []byte
	at    time.Time // of the packet that is being read
	frame int
	link  uint32
	sure  bool // link is known
	err   error
}

const noLink = 1<<32 - 1 // not to be found out: such a packet is skipped

// packetLine splits off the bytes of a line. It reports false for what is not
// a line of a packet.
func packetLine(line []byte) (offset int64, data []byte, ok bool) {
	line = bytes.TrimLeft(line, " \t")
	var digits []byte
	if rest, found := bytes.CutPrefix(line, []byte("0x")); found {
		// tcpdump: 0x0000:  4500 003c ...  E..<
		if digits, line, ok = bytes.Cut(rest, []byte(":  ")); !ok {
			return 0, nil, false
		}
		line, _, _ = bytes.Cut(line, []byte("  "))
	} else {
		// tshark: 0000  00 00 00 ...   ....
		if digits, line, ok = bytes.Cut(line, []byte("  ")); !ok || len(digits) > 5 {
			return 0, nil, false
		}
		line, _, _ = bytes.Cut(line, []byte("   "))
	}
	offset, err := strconv.ParseInt(string(digits), 16, 64)
	if err != nil || len(digits) < 4 || bytes.HasPrefix(digits, []byte("+")) {
		return 0, nil, false
	}
	data, ok = hexGroups(false)(nil, line)
	return offset, data, ok && len(data) > 0 && len(data) <= 16
}

// next implements packetReader.
func (r *packetText) next(p *packet) error {
	at := r.at
	for {
		if r.err != nil {
			if len(r.data) > 0 {
				return r.packet(p, at)
			}
			return r.err
		}
		line, err := r.lines.next()
		if err != nil {
			if err != io.EOF {
				return r.lines.where(err)
			}
			r.err = err
			continue
		}
		offset, data, ok := packetLine(line)
		switch {
		case !ok:
			if t := lineTime(line); !t.IsZero() {
				r.at = t
			}
			if len(r.data) > 0 {
				return r.packet(p, at)
			}
			at = r.at
		case offset == 0 && len(r.data) > 0:
			err := r.packet(p, at)
			r.data = append(r.data, data...)
			return err
		case offset != int64(len(r.data)) || offset > maxPacket:
			r.data = r.data[:0]
			return r.lines.where(fmt.Errorf("bytes are missing before offset %#x of the packet", offset))
		default:
			r.data = append(r.data, data...)
		}
	}
}

// packet passes on what was gathered.
func (r *packetText) packet(p *packet, at time.Time) error {
	r.frame++
	p.data = bytes.Clone(r.data)
	r.data = r.data[:0]
	if !r.sure {
		r.link = guessLink(p.data)
		r.sure = r.link != noLink
	}
	p.link, p.at, p.frame = r.link, at, r.frame
	if network(r.link, p.data) == nil {
		p.link = guessLink(p.data)
	}
	return nil
}

// guessLink finds the link type with which b is an IP packet.
func guessLink(b []byte) uint32 {
	for _, link := range []uint32{linkRaw, linkEther, linkSLL2, linkSLL, linkNull} {
		if plausibleIP(network(link, b)) {
			return link
		}
	}
	return noLink
}

// plausibleIP reports whether the lengths in the header fit the packet.
func plausibleIP(b []byte) bool {
	const minEther = 46 // bytes to which a short packet is filled up
	if len(b) < 20 {
		return false
	}
	n := 0
	switch b[0] >> 4 {
	case 4:
		n = int(binary.BigEndian.Uint16(b[2:]))
	case 6:
		n = 40 + int(binary.BigEndian.Uint16(b[4:]))
	}
	return n >= 20 && n <= max(len(b), 65535) && (n >= len(b) || len(b) <= minEther)
}

// lineTime reads the time that tcpdump -tt or -tttt, or tshark -V, puts before
// a packet. What other options print lacks the day.
func lineTime(line []byte) time.Time {
	if _, epoch, ok := bytes.Cut(line, []byte("    Epoch Time: ")); ok { // tshark -V
		line = epoch
	}
	word, rest, _ := bytes.Cut(line, []byte(" "))
	if sec, frac, ok := bytes.Cut(word, []byte(".")); ok && len(sec) >= 9 {
		s, err1 := strconv.ParseInt(string(sec), 10, 64)
		f, err2 := strconv.ParseInt((string(frac) + "000000000")[:9], 10, 64)
		if err1 == nil && err2 == nil {
			return time.Unix(s, f).UTC()
		}
	}
	clock, _, _ := bytes.Cut(rest, []byte(" "))
	t, err := time.Parse("2006-01-02 15:04:05.999999999", string(word)+" "+string(clock))
	if err != nil {
		return time.Time{}
	}
	return t
}

func matchPackets(head []byte) int {
	if !isText(head) {
		return 0
	}
	n := 0
	for line := range bytes.Lines(head) { // many lines may tell of a packet first
		offset, data, ok := packetLine(bytes.TrimRight(line, "\r\n"))
		if ok && offset == 0 && len(data) == 16 && guessLink(append(data, make([]byte, 1500)...)) != noLink {
			return scoreSure
		}
		if ok {
			n++
		}
	}
	if n > 1 {
		return scoreWeak
	}
	return 0
}

func openPackets(r *bufio.Reader, o Options) (Source, error) {
	return newPacketSource(&packetText{lines: lineReader{in: r}}), nil
}
