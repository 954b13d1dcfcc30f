package capture

import (
	"cmp"
	"slices"
	"time"
)

// A half is one direction of a TCP connection. Sequence numbers wrap, so two
// are compared by their distance as int32.
type half struct {
	start    uint32 // sequence number of the first byte
	next     uint32 // sequence number of the first byte that did not come yet
	ack      uint32 // what the receiver has acknowledged
	syned    bool   // its SYN was captured
	known    bool   // start is the first byte of the connection, not of the capture
	synced   bool   // start and next are set
	ackSeen  bool   // ack is set
	seen     uint64 // segments captured
	began    bool   // something was passed on
	finished bool   // its FIN was passed on
	wasReset bool
	queue    []waitingPart // ahead of next, in order
	waiting  int           // bytes in queue
	stall    uint64        // tcpConn.packets when the queue began to wait
	stallAt  time.Time
}

// A waitingPart is data, or a FIN or RST, that cannot be passed on yet.
type waitingPart struct {
	seq   uint32
	what  ChunkKind // ChunkData, ChunkFin, ChunkRst
	data  []byte
	cut   int // bytes behind data that were not captured
	at    time.Time
	frame int
}

func (p *waitingPart) len() int { return len(p.data) + p.cut }

// syn notes a SYN. It comes before the data, but need not be captured so.
func (h *half) syn(isn uint32) {
	if h.syned {
		return
	}
	h.syned = true
	if !h.began {
		h.start, h.next, h.known, h.synced = isn+1, isn+1, true, true
	}
}

// sync sets the place at which a direction begins whose SYN was not captured:
// at start, unless there is data that cannot belong behind it.
func (h *half) sync(start uint32, known bool) {
	if len(h.queue) > 0 {
		first := h.queue[0].seq
		if ahead := int32(first - start); ahead < 0 || ahead > maxBegin {
			start, known = first, false
		}
	}
	h.start, h.next, h.synced, h.known = start, start, true, known
}

// data takes p in. What is due is passed on without a copy.
func (a *assembler) data(c *tcpConn, dir uint8, p waitingPart) {
	h := &c.half[dir]
	if h.synced && !h.began && !h.syned && p.what == ChunkData {
		// Nothing of this direction is out, so it may begin wherever it does.
		// (One byte before it is a probe whether the receiver is alive.)
		if far := int32(p.seq - h.next); far < -1 || far == -1 && p.len() > 1 || far > maxBegin {
			h.start, h.next, h.known = p.seq, p.seq, false
		}
	}
	if h.synced && len(h.queue) == 0 && int32(p.seq-h.next) <= 0 {
		a.pass(c, dir, &p)
		return
	}
	a.wait(c, dir, p)
	switch {
	case h.synced:
		a.drain(c, dir)
		a.lose(c, dir)
	case len(h.queue) >= maxUnsynced || p.what != ChunkData:
		h.sync(h.queue[0].seq, false)
		a.drain(c, dir)
	}
}

// wait puts a copy of p in the queue.
func (a *assembler) wait(c *tcpConn, dir uint8, p waitingPart) {
	h := &c.half[dir]
	// RST comes with any sequence number: only a near one is worth waiting for.
	if far := int32(p.seq - h.next); p.what == ChunkRst && h.synced && (far < 0 || far > maxBehind) {
		p.seq = h.next
	}
	i, _ := slices.BinarySearchFunc(h.queue, p, func(x, p waitingPart) int {
		return cmp.Or(cmp.Compare(int32(x.seq-p.seq), 0), cmp.Compare(x.what, p.what))
	})
	for _, x := range h.queue[i:] {
		if x.seq != p.seq {
			break
		}
		if x.what == p.what && len(x.data) >= len(p.data) {
			return // the same once more
		}
	}
	if len(h.queue) == 0 {
		h.stall, h.stallAt = c.packets, a.at
	}
	p.data = slices.Clone(p.data)
	h.queue = slices.Insert(h.queue, i, p)
	h.waiting += len(p.data)
	a.waiting += len(p.data)
}

// drain passes on what is due in the queue.
func (a *assembler) drain(c *tcpConn, dir uint8) {
	h := &c.half[dir]
	n := 0
	for ; n < len(h.queue) && int32(h.queue[n].seq-h.next) <= 0; n++ {
		p := h.queue[n]
		h.waiting -= len(p.data)
		a.waiting -= len(p.data)
		a.pass(c, dir, &p)
	}
	if n > 0 {
		h.queue = slices.Delete(h.queue, 0, n)
		h.stall, h.stallAt = c.packets, a.at
	}
	if len(h.queue) == 0 {
		h.queue = nil
	}
}

// lose accepts that bytes are lost, if it is time to.
func (a *assembler) lose(c *tcpConn, dir uint8) {
	h, peer := &c.half[dir], &c.half[dir^1]
	for len(h.queue) > 0 {
		acked := h.ackSeen && int32(h.ack-h.queue[0].seq) >= 0
		silent := !h.ackSeen && !peer.began && !peer.known
		long := c.packets-h.stall >= patiencePackets || a.at.Sub(h.stallAt) >= patienceTime
		if h.waiting <= maxWaiting && a.waiting <= maxWaitingAll && !(long && (acked || silent)) {
			return
		}
		a.gap(c, dir, h.queue[0].seq)
		a.drain(c, dir)
	}
}

// flush passes on all that waits in a direction that ends.
func (a *assembler) flush(c *tcpConn, dir uint8) {
	h := &c.half[dir]
	if len(h.queue) > 0 && !h.synced {
		h.sync(h.queue[0].seq, false)
	}
	for len(h.queue) > 0 {
		a.drain(c, dir)
		if len(h.queue) > 0 {
			a.gap(c, dir, h.queue[0].seq)
		}
	}
	// The receiver has got more than was captured. One more may be the FIN.
	if lost := int32(h.ack - h.next); h.ackSeen && h.began && !h.finished && !h.wasReset && lost > 1 && lost <= maxAhead {
		a.gap(c, dir, h.ack)
	}
}

// gap says that the bytes before seq are missing.
func (a *assembler) gap(c *tcpConn, dir uint8, seq uint32) {
	h := &c.half[dir]
	told := !h.began && !h.known // that something is missing, nobody knows how much
	a.beginHalf(c, dir)
	if lost := int32(seq - h.next); lost > 0 && !told {
		a.chunk(c, dir, Chunk{Kind: ChunkGap, At: a.at, Frame: a.frame, Lost: int64(lost)})
	}
	h.next = seq
}

// beginHalf precedes the first bytes of a direction that was not seen from its
// beginning with a gap of unknown length.
func (a *assembler) beginHalf(c *tcpConn, dir uint8) {
	h := &c.half[dir]
	if !h.began && !h.known {
		a.chunk(c, dir, Chunk{Kind: ChunkGap, At: a.at, Frame: a.frame, Lost: -1})
	}
	h.began = true
}

// pass passes on p, of which nothing is ahead of what is due.
func (a *assembler) pass(c *tcpConn, dir uint8, p *waitingPart) {
	h := &c.half[dir]
	switch p.what {
	case ChunkFin:
		if !h.finished && p.seq == h.next {
			h.finished = true
			h.next++ // FIN takes a sequence number, and a RST may follow it
			a.chunk(c, dir, Chunk{Kind: ChunkFin, At: p.at, Frame: p.frame})
		}
	case ChunkRst:
		if !h.wasReset {
			h.wasReset = true
			a.chunk(c, dir, Chunk{Kind: ChunkRst, At: p.at, Frame: p.frame})
			if c.reset == 0 {
				c.reset, c.resetAt = a.n, a.at
				a.closing = append(a.closing, c)
			}
		}
	default:
		a.passData(c, dir, p)
	}
}

func (a *assembler) passData(c *tcpConn, dir uint8, p *waitingPart) {
	h := &c.half[dir]
	end := p.seq + uint32(p.len())
	if int32(end-h.next) <= 0 {
		return // all of it has been passed on: a retransmission, or a probe
	}
	data := p.data
	if old := int(h.next - p.seq); old < len(data) {
		data = data[old:]
	} else {
		data = nil
	}
	if len(data) > 0 {
		a.beginHalf(c, dir)
		h.next += uint32(len(data))
		a.chunk(c, dir, Chunk{Kind: ChunkData, At: p.at, Frame: p.frame, Data: data})
	}
	if h.next != end {
		a.gap(c, dir, end)
	}
}
