package capture

import "encoding/binary"

// LINKTYPE_ values. See https://www.tcpdump.org/linktypes.html.
const (
	linkNull   = 0
	linkEther  = 1
	linkRaw12  = 12 // LINKTYPE_RAW as some BSDs write it
	linkRaw14  = 14
	linkRaw    = 101
	linkLoop   = 108
	linkSLL    = 113
	linkIPv4   = 228
	linkIPv6   = 229
	linkSLL2   = 276
	etherVLAN  = 0x8100
	etherQinQ  = 0x88a8
	etherQinQ9 = 0x9100
	etherIPv4  = 0x0800
	etherIPv6  = 0x86dd
)

// knownLink reports whether network understands the link type.
func knownLink(link uint32) bool {
	switch link {
	case linkNull, linkEther, linkRaw12, linkRaw14, linkRaw, linkLoop, linkSLL, linkIPv4, linkIPv6, linkSLL2:
		return true
	}
	return false
}

// network strips the link layer. It returns nil where something else than IP
// is below it, or it is cut.
func network(link uint32, b []byte) []byte {
	switch link {
	case linkEther:
		return ether(b, 12)
	case linkSLL:
		return ether(b, 14)
	case linkSLL2:
		if len(b) < 20 {
			return nil
		}
		return tagged(binary.BigEndian.Uint16(b), b[20:])
	case linkNull, linkLoop:
		// The first four bytes are the address family in the byte order of the
		// machine that captured; the IP header says the same more reliably.
		if len(b) < 4 {
			return nil
		}
		return b[4:]
	}
	return b
}

// ether finds the IP packet behind an EtherType at off.
func ether(b []byte, off int) []byte {
	if len(b) < off+2 {
		return nil
	}
	return tagged(binary.BigEndian.Uint16(b[off:]), b[off+2:])
}

// tagged skips VLAN tags.
func tagged(typ uint16, b []byte) []byte {
	for typ == etherVLAN || typ == etherQinQ || typ == etherQinQ9 {
		if len(b) < 4 {
			return nil
		}
		typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	if typ != etherIPv4 && typ != etherIPv6 {
		return nil
	}
	return b
}
