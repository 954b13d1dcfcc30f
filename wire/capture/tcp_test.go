package capture

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A wireSeg is a segment with numbers relative to the SYNs; ack 0 is none.
type wireSeg struct {
	dir   uint8 // 0: from the end that opens the connection
	flags byte
	seq   uint32
	ack   uint32
	data  string
	cut   int
}

// play runs segments through an assembler and writes down what comes out.
func play(isn [2]uint32, segs []wireSeg) string {
	var a assembler
	var out []Chunk
	start := time.Unix(1e9, 0)
	key := connKey{[2]addr{addr4([]byte{10, 0, 0, 1}), addr4([]byte{10, 0, 0, 2})}, 1000<<16 | 9000}
	var b strings.Builder
	for i, w := range segs {
		s := segment{key: key, dir: w.dir, flags: w.flags, seq: isn[w.dir] + w.seq, data: []byte(w.data), cut: w.cut,
			at: start.Add(time.Duration(i) * time.Millisecond), frame: i + 1}
		if w.ack > 0 {
			s.flags |= flagACK
			s.ack = isn[w.dir^1] + w.ack
		}
		a.add(&s, &out)
		clear(s.data) // what was not due must have been copied
		fmt.Fprint(&b, show(&out, w.data))
	}
	a.finishAll(&out)
	fmt.Fprint(&b, show(&out, ""))
	return strings.TrimSpace(b.String())
}

// show writes down chunks: who sent what. Data that was passed on without a
// copy has been cleared by now, so it is taken from the segment.
func show(out *[]Chunk, now string) string {
	var b strings.Builder
	for _, c := range *out {
		switch c.Kind {
		case ChunkData:
			data := string(c.Data)
			if len(bytes.Trim(c.Data, "\x00")) == 0 {
				data = now[len(now)-len(data):]
			}
			fmt.Fprintf(&b, "%v:%s ", c.Side, data)
		case ChunkGap:
			fmt.Fprintf(&b, "%v?%d ", c.Side, c.Lost)
		case ChunkFin:
			fmt.Fprintf(&b, "%v.fin ", c.Side)
		case ChunkRst:
			fmt.Fprintf(&b, "%v.rst ", c.Side)
		case ChunkEnd:
			fmt.Fprint(&b, "end ")
		}
	}
	*out = (*out)[:0]
	return b.String()
}

// many repeats a packet that says nothing.
func many(n int, s wireSeg) (list []wireSeg) {
	for range n {
		list = append(list, s)
	}
	return list
}

func TestTCP(t *testing.T) {
	syn, synack, ack := wireSeg{0, flagSYN, 0, 0, "", 0}, wireSeg{1, flagSYN, 0, 1, "", 0}, wireSeg{0, 0, 1, 1, "", 0}
	open := func(rest ...wireSeg) []wireSeg { return append([]wireSeg{syn, synack, ack}, rest...) }
	for _, test := range []struct {
		name string
		segs []wireSeg
		want string
	}{
		{"in order", open(wireSeg{0, 0, 1, 1, "abc", 0}, wireSeg{1, 0, 1, 4, "XY", 0}, wireSeg{1, flagFIN, 3, 4, "", 0}, wireSeg{0, flagFIN, 4, 4, "", 0}, wireSeg{1, 0, 4, 5, "", 0}),
			"A:abc B:XY B.fin A.fin end"},
		{"retransmission", open(wireSeg{0, 0, 1, 1, "abc", 0}, wireSeg{0, 0, 1, 1, "abc", 0}, wireSeg{0, 0, 2, 1, "bcd", 0}), "A:abc A:d end"},
		{"out of order", open(wireSeg{0, 0, 4, 1, "def", 0}, wireSeg{0, 0, 7, 1, "g", 0}, wireSeg{0, 0, 1, 1, "abc", 0}), "A:abc A:def A:g end"},
		{"overlap", open(wireSeg{0, 0, 3, 1, "cde", 0}, wireSeg{0, 0, 4, 1, "defg", 0}, wireSeg{0, 0, 1, 1, "abc", 0}), "A:abc A:de A:fg end"},
		{"FIN before data", open(wireSeg{0, flagFIN, 4, 1, "", 0}, wireSeg{0, 0, 1, 1, "abc", 0}), "A:abc A.fin end"},
		{"SYN twice", append([]wireSeg{syn, syn}, open(wireSeg{0, 0, 1, 1, "a", 0}, synack)...), "A:a end"},
		{"lost and acknowledged", open(append([]wireSeg{{0, 0, 4, 1, "def", 0}}, many(patiencePackets+1, wireSeg{1, 0, 1, 7, "", 0})...)...), "A?3 A:def end"},
		{"lost, not acknowledged", open(append([]wireSeg{{0, 0, 4, 1, "def", 0}}, many(3*patiencePackets, wireSeg{1, 0, 1, 1, "", 0})...)...), "A?3 A:def end"},
		{"late, not acknowledged", open(append(append([]wireSeg{{0, 0, 4, 1, "def", 0}}, many(3*patiencePackets, wireSeg{1, 0, 1, 1, "", 0})...), wireSeg{0, 0, 1, 1, "abc", 0})...), "A:abc A:def end"},
		{"the last is lost", open(wireSeg{0, 0, 1, 1, "abc", 0}, wireSeg{1, 0, 1, 9, "", 0}), "A:abc A?5 end"},
		{"cut by the snap length", open(wireSeg{0, 0, 1, 1, "abc", 7}, wireSeg{0, 0, 11, 1, "x", 0}), "A:abc A?7 A:x end"},
		{"keep-alive and window probes", open(wireSeg{0, 0, 1, 1, "abc", 0}, wireSeg{0, 0, 3, 1, "", 0}, wireSeg{0, 0, 3, 1, "\x00", 0}, wireSeg{0, 0, 4, 1, "d", 0}, wireSeg{0, 0, 4, 1, "de", 0}), "A:abc A:d A:e end"},
		{"reset", open(wireSeg{0, 0, 1, 1, "abc", 0}, wireSeg{1, flagRST, 1, 4, "", 0}), "A:abc B.rst end"},
		{"data under way behind a reset", open(wireSeg{1, 0, 1, 1, "abc", 0}, wireSeg{0, flagRST, 1, 4, "", 0}, wireSeg{1, 0, 4, 1, "d", 0}), "B:abc A.rst B:d end"},
		{"port used again", open(wireSeg{0, 0, 1, 1, "abc", 0}, wireSeg{0, flagSYN, 5000, 0, "", 0}, wireSeg{0, 0, 5001, 1, "x", 0}), "A:abc end A:x end"},
		{"port used again after the end", open(wireSeg{0, flagFIN, 1, 1, "abc", 0}, wireSeg{1, flagFIN, 1, 5, "", 0}, wireSeg{0, 0, 5, 2, "", 0}, wireSeg{0, flagSYN, 90000, 0, "", 0}, wireSeg{0, 0, 90001, 0, "x", 0}), "A:abc A.fin B.fin end A:x end"},
		{"late SYN", []wireSeg{{0, 0, 1, 1, "abc", 0}, syn, synack, {1, 0, 1, 4, "X", 0}}, "A:abc B:X end"},
		{"from the middle", []wireSeg{{0, 0, 100, 50, "abc", 0}, {1, 0, 50, 103, "XY", 0}}, "A?-1 A:abc B?-1 B:XY end"},
		{"from the middle, the answer first", []wireSeg{{1, 0, 50, 103, "XY", 0}, {0, 0, 103, 52, "abc", 0}}, "A?-1 A:XY B?-1 B:abc end"},
		{"no SYN-ACK", []wireSeg{syn, ack, {0, 0, 1, 1, "a", 0}, {1, 0, 1, 2, "X", 0}}, "A:a B:X end"},
		{"one side alone", []wireSeg{syn, ack, {0, 0, 1, 1, "a", 0}, {0, 0, 2, 11, "", 0}, {0, 0, 2, 11, "b", 0}}, "A:a B?10 A:b end"},
		{"half closed", open(wireSeg{0, flagFIN, 1, 1, "a", 0}, wireSeg{1, 0, 1, 3, "X", 0}, wireSeg{1, 0, 2, 3, "Y", 0}), "A:a A.fin B:X B:Y end"},
		{"reset behind FIN", open(wireSeg{0, flagFIN, 1, 1, "a", 0}, wireSeg{1, 0, 1, 3, "X", 0}, wireSeg{0, flagRST, 3, 0, "", 0}), "A:a A.fin B:X A.rst end"},
		{"nothing sent", open(wireSeg{0, flagFIN, 1, 1, "", 0}, wireSeg{1, flagFIN, 1, 2, "", 0}), "A.fin B.fin end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// Anywhere in the space of sequence numbers, wrap-around included.
			for _, isn := range [][2]uint32{{100, 7000}, {1<<32 - 3, 1<<32 - 2}, {1<<31 - 2, 1<<31 - 1}} {
				if got := play(isn, test.segs); got != test.want {
					t.Errorf("isn %d: got  %s\nwant %s", isn, got, test.want)
				}
			}
		})
	}
}

// TestBounds: what waits for lost bytes, and the number of connections, are
// bounded, and nothing that came is lost.
func TestBounds(t *testing.T) {
	var a assembler
	var out []Chunk
	key := connKey{[2]addr{{0, 1}, {0, 2}}, 1<<16 | 2}
	a.add(&segment{key: key, flags: flagSYN}, &out)
	piece := make([]byte, 60000)
	const n = 3 * maxWaiting / 60000
	for i := range uint32(n) {
		a.add(&segment{key: key, seq: 100 + i*60000, data: piece}, &out)
		if a.waiting > maxWaiting+len(piece) {
			t.Fatalf("%d bytes wait", a.waiting)
		}
	}
	for i := range uint64(2 * maxConnections) {
		a.add(&segment{key: connKey{[2]addr{{0, 3}, {1, i}}, 7}, flags: flagSYN, data: []byte("x")}, &out)
		if len(a.conns) > maxConnections {
			t.Fatalf("%d connections", len(a.conns))
		}
	}
	a.finishAll(&out)
	total, ends := 0, 0
	for _, c := range out {
		total += len(c.Data)
		if c.Kind == ChunkEnd {
			ends++
		}
	}
	if total != n*60000+2*maxConnections || ends != 1+2*maxConnections || a.waiting != 0 {
		t.Errorf("%d bytes, %d ends, %d wait", total, ends, a.waiting)
	}
}
