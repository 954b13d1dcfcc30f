package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ngBlocks returns where the blocks of a little-endian pcapng file begin.
func ngBlocks(t *testing.T, b []byte) (starts []int) {
	t.Helper()
	for at := 0; at < len(b); at += int(binary.LittleEndian.Uint32(b[at+4:])) {
		starts = append(starts, at)
	}
	return starts
}

// TestPcapngDamage: what stands before and behind damage is decoded, and it is
// said what was skipped.
func TestPcapngDamage(t *testing.T) {
	var want oracle
	loadJSON(t, "capture/nginx-php-get-v6.oracle.json", &want)
	whole := readFixture(t, "capture/nginx-php-get-v6.pcapng")
	blocks := ngBlocks(t, whole)
	third := blocks[slices.IndexFunc(blocks, func(at int) bool {
		return binary.LittleEndian.Uint32(whole[at:]) == ngEnhanced
	})+2] // the ACK of the handshake: no data is missing without it
	length := binary.LittleEndian.Uint32(whole[third+4:])

	check := func(t *testing.T, b []byte, warning string) {
		t.Helper()
		if g := decodeBytes(t, b, &want); len(g.warnings) != 1 || !strings.Contains(g.warnings[0], warning) {
			t.Errorf("warnings %q, want %q", g.warnings, warning)
		}
	}
	for _, junk := range []int{1, 333, 100 << 10} {
		t.Run(fmt.Sprintf("%d bytes of junk", junk), func(t *testing.T) {
			b := slices.Concat(whole[:third], bytes.Repeat([]byte{0xfe}, junk), whole[third:])
			check(t, b, fmt.Sprintf("offset %d: a block claims ", third))
			check(t, b, fmt.Sprintf(": the file is damaged; %d bytes are skipped", junk))
		})
	}
	for claim, warning := range map[uint32]string{
		0:          "a block claims 0 bytes",
		length + 4: fmt.Sprintf("a block of %d bytes says", length+4),
		length - 4: fmt.Sprintf("a block of %d bytes says", length-4),
		15 << 20:   "a block claims more bytes than there are",
		1 << 31:    "a block claims 2147483648 bytes",
	} {
		t.Run(fmt.Sprintf("length %d", claim), func(t *testing.T) {
			b := bytes.Clone(whole)
			binary.LittleEndian.PutUint32(b[third+4:], claim)
			check(t, b, warning)
			check(t, b, fmt.Sprintf("; %d bytes are skipped", length))
		})
	}
	t.Run("another section", func(t *testing.T) {
		b := slices.Concat(whole[:third], []byte{0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe}, whole[:blocks[slices.Index(blocks, third)-2]], whole[third:])
		check(t, b, "; 8 bytes are skipped")
	})
}

// TestDamageIsCheap: a file that claims large blocks again and again is read
// without memory for each of them.
func TestDamageIsCheap(t *testing.T) {
	whole := readFixture(t, "capture/nginx-php-get-v6.pcapng")
	blocks := ngBlocks(t, whole)
	good := whole[blocks[2]:blocks[3]]
	bad := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, ngEnhanced), 15<<20)
	b := append(bytes.Clone(whole[:blocks[2]]), bytes.Repeat(slices.Concat(bad, good), 200)...)
	src, _, err := Open(bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := src.(*packetSource).in.(*pcapngReader)
	n, warned := 0, 0
	var last *byte
	for p := (packet{}); ; {
		switch err := r.next(&p); {
		case err == nil:
			n++
		case strings.Contains(err.Error(), "; 8 bytes are skipped"):
			warned++
		default:
			if n != 200 || warned != 200 {
				t.Errorf("%d packets and %d warnings, then %v", n, warned, err)
			}
			return
		}
		if end := r.in.big; len(end) > 0 {
			if at := &end[:cap(end)][cap(end)-1]; last != nil && at != last {
				t.Fatal("what is left of the file was copied once more")
			} else {
				last = at
			}
		}
	}
}
