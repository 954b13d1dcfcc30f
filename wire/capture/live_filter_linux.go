package capture

import "syscall"

// An inst is an instruction of a filter, with names for the places that others
// jump to. Where a jump names none it goes on with the next.
type inst struct {
	place   string
	code    uint16
	k       uint32
	yes, no string
}

// Instructions of the classic packet filter.
const (
	loadWord = syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS
	loadHalf = syscall.BPF_LD | syscall.BPF_H | syscall.BPF_ABS
	loadByte = syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS
	loadPort = syscall.BPF_LD | syscall.BPF_H | syscall.BPF_IND  // at X + k
	headLen  = syscall.BPF_LDX | syscall.BPF_B | syscall.BPF_MSH // X = length of the IPv4 header at k
	setX     = syscall.BPF_LDX | syscall.BPF_W | syscall.BPF_IMM
	ifEqual  = syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K
	ifBits   = syscall.BPF_JMP | syscall.BPF_JSET | syscall.BPF_K
	jump     = syscall.BPF_JMP | syscall.BPF_JA
	ret      = syscall.BPF_RET | syscall.BPF_K
)

// What the kernel knows about a packet beside its bytes; of linux/filter.h.
const (
	aboutProtocol = 0xfffff000 + 0
	aboutType     = 0xfffff000 + 4
	aboutHardware = 0xfffff000 + 28
)

const (
	hardwareLoopback = 772        // ARPHRD_LOOPBACK
	wholePacket      = 0xffffffff // bytes to keep
)

// liveFilter lets TCP through, from or to one of the ports if there are any.
// What has its ports further behind, fragments and packets with extension
// headers, comes through, too. Packets pass the loopback interface twice: only
// their coming in counts.
func liveFilter(ports []uint16) []syscall.SockFilter {
	list := []inst{
		{code: loadWord, k: aboutHardware},
		{code: ifEqual, k: hardwareLoopback, no: "protocol"},
		{code: loadWord, k: aboutType},
		{code: ifEqual, k: syscall.PACKET_OUTGOING, yes: "drop"},
		{place: "protocol", code: loadWord, k: aboutProtocol},
		{code: ifEqual, k: etherIPv4, yes: "4"},
		{code: ifEqual, k: etherIPv6, yes: "6"},
		{code: ifEqual, k: etherVLAN, yes: "keep"}, // a second tag; the first is not in the packet
		{code: ifEqual, k: etherQinQ, yes: "keep", no: "drop"},

		{place: "4", code: loadByte, k: 9},
		{code: ifEqual, k: protoTCP, no: "drop"},
		{code: loadHalf, k: 6},
		{code: ifBits, k: 0x1fff, yes: "keep"}, // a fragment that is not the first
		{code: headLen, k: 0},
		{code: jump, yes: "ports"},

		{place: "6", code: setX, k: ipv6Header},
		{code: loadByte, k: 6},
		{code: ifEqual, k: protoTCP, yes: "ports"},
	}
	for _, extension := range []uint32{protoHop, protoRouting, protoFragment, protoAH, protoDest} {
		list = append(list, inst{code: ifEqual, k: extension, yes: "keep"})
	}
	list = append(list, inst{place: "drop", code: ret, k: 0}, inst{place: "keep", code: ret, k: wholePacket})
	list = append(list, inst{place: "ports", code: loadPort, k: 0})
	for end := range uint32(2) {
		if end == 1 {
			list = append(list, inst{code: loadPort, k: 2})
		}
		for _, p := range ports {
			list = append(list, inst{code: ifEqual, k: uint32(p), no: "+1"}, inst{code: ret, k: wholePacket})
		}
	}
	if len(ports) == 0 {
		return assemble(append(list, inst{code: ret, k: wholePacket}))
	}
	return assemble(append(list, inst{code: ret, k: 0}))
}

// assemble resolves the places. All jumps go forward.
func assemble(list []inst) []syscall.SockFilter {
	places := make(map[string]int)
	for i, in := range list {
		if in.place != "" {
			places[in.place] = i
		}
	}
	out := make([]syscall.SockFilter, len(list))
	for i, in := range list {
		distance := func(to string) int {
			switch to {
			case "":
				return 0
			case "+1":
				return 1
			}
			return places[to] - i - 1
		}
		out[i] = syscall.SockFilter{Code: in.code, K: in.k}
		if in.code == jump {
			out[i].K = uint32(distance(in.yes))
		} else {
			out[i].Jt, out[i].Jf = uint8(distance(in.yes)), uint8(distance(in.no))
		}
	}
	return out
}
