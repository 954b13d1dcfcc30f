package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/fcgiscope/fcgiscope/fixtures"
)

// ipPackets returns the IP packets of a capture with IPv4 on Ethernet.
func ipPackets(t *testing.T, file string) (ips [][]byte, times []time.Time) {
	t.Helper()
	f, err := fixtures.FS.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src, _, err := Open(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		var p packet
		err := src.(*packetSource).in.next(&p)
		if err == io.EOF {
			return ips, times
		}
		if err != nil {
			t.Fatal(err)
		}
		ips, times = append(ips, bytes.Clone(network(p.link, p.data))), append(times, p.at)
	}
}

// writePcap writes a pcap file.
func writePcap(order binary.AppendByteOrder, magic, link uint32, packets [][]byte, times []time.Time) []byte {
	b := order.AppendUint32(nil, magic)
	b = append(b, make([]byte, 16)...)
	b = order.AppendUint32(b, link)
	for i, p := range packets {
		sub := times[i].Nanosecond()
		if magic != pcapNano {
			sub /= 1000
		}
		b = order.AppendUint32(b, uint32(times[i].Unix()))
		b = order.AppendUint32(b, uint32(sub))
		b = order.AppendUint32(b, uint32(len(p)))
		b = order.AppendUint32(b, uint32(len(p)))
		if magic == pcapModified {
			b = append(b, make([]byte, 8)...)
		}
		b = append(b, p...)
	}
	return b
}

// decodeBytes decodes an input and compares it with an oracle.
func decodeBytes(t *testing.T, b []byte, want *oracle) *got {
	t.Helper()
	src, _, err := Open(iotest.HalfReader(bytes.NewReader(b)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := decodeSource(t, src, DecodeOptions{})
	compareOracle(t, want, g)
	return g
}

// TestPcapVariants: both byte orders, all magic numbers, files behind one another.
func TestPcapVariants(t *testing.T) {
	var want oracle
	loadJSON(t, "capture/nginx-php-get.oracle.json", &want)
	ips, times := ipPackets(t, "capture/nginx-php-get.pcap")
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, magic := range []uint32{pcapMicro, pcapNano, pcapModified} {
			b := writePcap(order, magic, linkRaw, ips, times)
			g := decodeBytes(t, b, &want)
			if first := g.events[0].Conn.Opened; !first.Equal(times[0]) || len(g.warnings) > 0 {
				t.Errorf("%v %x: opened at %v, want %v; %q", order, magic, first, times[0], g.warnings)
			}
		}
	}
	// Rotated recordings, the second one in another byte order.
	b := writePcap(binary.LittleEndian, pcapMicro, linkRaw, ips[:4], times)
	b = append(b, writePcap(binary.BigEndian, pcapNano, linkIPv4, ips[4:], times[4:])...)
	decodeBytes(t, b, &want)
	// Cut anywhere in the last packet, it is still decoded up to there.
	for cut := 1; cut < len(ips[len(ips)-1])+pcapPacketHeader; cut++ {
		whole := writePcap(binary.LittleEndian, pcapMicro, linkRaw, ips, times)
		g := decodeBytes(t, whole[:len(whole)-cut], &want)
		if len(g.warnings) != 1 || !strings.Contains(g.warnings[0], "packet 10: the file is cut inside it") {
			t.Fatalf("cut by %d: %q", cut, g.warnings)
		}
	}
	damaged := append(b, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	if g := decodeBytes(t, damaged, &want); len(g.warnings) != 1 || !strings.Contains(g.warnings[0], "the file is damaged") {
		t.Errorf("damaged: %q", g.warnings)
	}
	// Damage between two packets, before a packet and before another file.
	whole := writePcap(binary.LittleEndian, pcapMicro, linkRaw, ips, times)
	second := pcapFileHeader + pcapPacketHeader + len(ips[0])
	for name, rest := range map[string][]byte{"packets": whole[second:], "a file": writePcap(binary.BigEndian, pcapNano, linkRaw, ips[1:], times[1:])} {
		damaged := slices.Concat(whole[:second], bytes.Repeat([]byte{0xfe}, 333), rest)
		if g := decodeBytes(t, damaged, &want); len(g.warnings) != 1 || !strings.Contains(g.warnings[0], "333 bytes are skipped") {
			t.Errorf("damage before %s: %q", name, g.warnings)
		}
	}
	unknown := writePcap(binary.LittleEndian, pcapMicro, 147, ips, times)
	if g := decodeBytes(t, unknown, &oracle{}); len(g.warnings) != 1 || !strings.Contains(g.warnings[0], "packet 1: unknown link type 147") {
		t.Errorf("link type: %q", g.warnings)
	}
}

// TestLinks: every link layer that is understood.
func TestLinks(t *testing.T) {
	var want oracle
	loadJSON(t, "capture/nginx-php-get.oracle.json", &want)
	ips, times := ipPackets(t, "capture/nginx-php-get.pcap")
	pad := func(n int) []byte { return make([]byte, n) }
	for _, test := range []struct {
		name string
		link uint32
		head []byte
	}{
		{"Ethernet", linkEther, append(pad(12), 8, 0)},
		{"VLAN", linkEther, append(pad(12), 0x81, 0, 0, 42, 8, 0)},
		{"QinQ", linkEther, append(pad(12), 0x88, 0xa8, 0, 1, 0x81, 0, 0, 42, 8, 0)},
		{"SLL", linkSLL, append(pad(14), 8, 0)},
		{"SLL2", linkSLL2, append([]byte{8, 0}, pad(18)...)},
		{"NULL", linkNull, []byte{2, 0, 0, 0}},
		{"NULL of the other byte order", linkNull, []byte{0, 0, 0, 2}},
		{"LOOP", linkLoop, []byte{0, 0, 0, 2}},
		{"RAW", linkRaw, nil},
		{"RAW of BSD", linkRaw12, nil},
		{"IPv4", linkIPv4, nil},
	} {
		var packets [][]byte
		for _, ip := range ips {
			p := append(slices.Clone(test.head), ip...)
			if test.link == linkEther {
				p = append(p, pad(max(0, 60-len(p)))...) // what a network card fills up
			}
			packets = append(packets, p)
		}
		t.Run(test.name, func(t *testing.T) {
			decodeBytes(t, writePcap(binary.LittleEndian, pcapMicro, test.link, packets, times), &want)
			other := [][]byte{append(slices.Clone(test.head), "no packet of IP"...), test.head, {}}
			decodeBytes(t, writePcap(binary.LittleEndian, pcapMicro, test.link, other, times), &oracle{})
		})
	}
}

// TestFragments: fragments of IPv4 and IPv6, in any order, some twice, between
// extension headers.
func TestFragments(t *testing.T) {
	payload := make([]byte, 3000)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	for _, size := range []int{8, 512, 1480, 2992} {
		for name, build := range map[string]func(off int, more bool, data []byte) []byte{"IPv4": fragment4, "IPv6": fragment6} {
			var frags [][]byte
			for off := 0; off < len(payload); off += size {
				end := min(off+size, len(payload))
				frags = append(frags, build(off, end < len(payload), payload[off:end]))
			}
			slices.Reverse(frags[1:])
			frags = append(slices.Clone(frags[:1]), frags...)
			var r ipReader
			for i, f := range frags {
				var d datagram
				complete := r.parse(f, &d)
				if complete != (i == len(frags)-1) {
					t.Fatalf("%s, %d bytes each: complete at %d of %d", name, size, i, len(frags))
				}
				if complete && (!bytes.Equal(d.data, payload) || d.proto != protoTCP || d.cut != 0) {
					t.Errorf("%s, %d bytes each: %d bytes, protocol %d, %d missing", name, size, len(d.data), d.proto, d.cut)
				}
			}
			if len(r.frags.open) > 0 || len(r.frags.age) > 0 {
				t.Errorf("%s: fragments are kept", name)
			}
		}
	}
	var r ipReader
	for i := range 10 * maxFragmented {
		f := fragment4(0, true, payload[:8])
		binary.BigEndian.PutUint16(f[4:], uint16(i))
		r.parse(f, new(datagram))
	}
	if len(r.frags.open) != maxFragmented {
		t.Errorf("%d datagrams are kept", len(r.frags.open))
	}
}

func fragment4(off int, more bool, data []byte) []byte {
	b := make([]byte, 20, 20+len(data))
	b[0], b[9] = 0x45, protoTCP
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(data)))
	place := uint16(off / 8)
	if more {
		place |= 0x2000
	}
	binary.BigEndian.PutUint16(b[6:], place)
	return append(b, data...)
}

func fragment6(off int, more bool, data []byte) []byte {
	b := make([]byte, 40+8+8+8, 64+len(data))
	b[0], b[6] = 0x60, protoHop
	binary.BigEndian.PutUint16(b[4:], uint16(24+len(data)))
	b[40], b[48] = protoDest, protoFragment // hop-by-hop and destination options of 8 bytes
	b[56] = protoTCP
	place := uint16(off)
	if more {
		place |= 1
	}
	binary.BigEndian.PutUint16(b[58:], place)
	return append(b, data...)
}

// ngBlock appends a block of pcapng.
func ngBlock(b []byte, order binary.AppendByteOrder, typ uint32, body ...[]byte) []byte {
	all := slices.Concat(body...)
	all = append(all, make([]byte, -len(all)&3)...)
	n := uint32(len(all) + ngMinBlock)
	b = order.AppendUint32(b, typ)
	b = order.AppendUint32(b, n)
	return order.AppendUint32(append(b, all...), n)
}

// TestPcapng: sections of both byte orders, interfaces with their own clocks,
// all kinds of packet blocks, blocks that are not known.
func TestPcapng(t *testing.T) {
	var want oracle
	loadJSON(t, "capture/nginx-php-get.oracle.json", &want)
	ips, times := ipPackets(t, "capture/nginx-php-get.pcap")
	var b []byte
	half := len(ips) / 2
	for section, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		u16 := func(v uint16) []byte { return order.AppendUint16(nil, v) }
		u32 := func(v uint32) []byte { return order.AppendUint32(nil, v) }
		u64 := func(v uint64) []byte { return order.AppendUint64(nil, v) }
		b = ngBlock(b, order, ngSection, u32(ngMagic), u16(1), u16(0), u64(math.MaxUint64))
		b = ngBlock(b, order, 5, []byte("interface statistics, or what else there is"))
		// Interface 0 counts microseconds, 1 nanoseconds from an offset on, 2 1/2^20 seconds.
		b = ngBlock(b, order, ngInterface, u16(linkRaw), u16(0), u32(0))
		b = ngBlock(b, order, ngInterface, u16(linkRaw), u16(0), u32(0), u16(2), u16(3), []byte("lo\x00\x00"),
			u16(ngOptResol), u16(1), []byte{9, 0, 0, 0}, u16(ngOptOffset), u16(8), u64(1000), u32(0))
		b = ngBlock(b, order, ngInterface, u16(linkRaw), u16(0), u32(0), u16(ngOptResol), u16(1), []byte{0x80 | 20, 0, 0, 0}, u32(0))
		for i := section * half; i < (section+1)*half; i++ {
			p, at := ips[i], times[i]
			ts := func(v uint64) []byte { return append(u32(uint32(v>>32)), u32(uint32(v))...) }
			size := slices.Concat(u32(uint32(len(p))), u32(uint32(len(p))))
			switch i % 4 {
			case 0:
				b = ngBlock(b, order, ngEnhanced, u32(0), ts(uint64(at.UnixMicro())), size, p)
			case 1:
				b = ngBlock(b, order, ngEnhanced, u32(1), ts(uint64(at.UnixNano()-1000e9)), size, p)
			case 2:
				b = ngBlock(b, order, ngOldPacket, u16(2), u16(0), ts(uint64(at.Unix())<<20|uint64(at.Nanosecond())<<20/1e9), size, p)
			case 3:
				b = ngBlock(b, order, ngSimple, u32(uint32(len(p))), p)
			}
		}
	}
	g := decodeBytes(t, b, &want)
	if len(g.warnings) > 0 {
		t.Errorf("warnings: %q", g.warnings)
	}
	r := pcapngReader{in: block{r: bufio.NewReader(bytes.NewReader(b))}}
	for i := range ips {
		var p packet
		if err := r.next(&p); err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 {
			if !p.at.IsZero() {
				t.Errorf("packet %d has a time", i)
			}
		} else if d := p.at.Sub(times[i]); d < -time.Microsecond || d > time.Microsecond {
			t.Errorf("packet %d: %v, want %v", i, p.at, times[i])
		}
	}
	for cut := 1; cut < 20; cut++ {
		src, _, err := Open(bytes.NewReader(b[:len(b)-cut]), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if g := decodeSource(t, src, DecodeOptions{}); len(g.warnings) != 1 || !strings.Contains(g.warnings[0], "packet 10: the file is cut inside it") {
			t.Errorf("cut by %d: %q", cut, g.warnings)
		}
	}
}
