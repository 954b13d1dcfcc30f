package capture

import (
	"cmp"
	"slices"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// Bounds on what the assembler keeps.
const (
	maxConnections = 16384   // known at once; the idlest eighth is ended when there are more
	maxWaiting     = 4 << 20 // bytes of a direction that wait for what is missing before them
	maxWaitingAll  = 16 << 20
	maxUnsynced    = 3 // segments held back to find out with which one a direction begins
)

// When it is accepted that bytes will not come any more: the receiver has
// acknowledged them, so the capture has lost them, and yet this much has come
// since. Packets are captured out of order, but not by so much.
const (
	patiencePackets = 64
	patienceTime    = time.Second
)

// minOneSided is how many segments of one direction have to come before the
// other one is taken to be missing in the capture: a handshake and a request.
const minOneSided = 4

// What comes this far from the expected place belongs to another connection.
const (
	maxBehind = 1 << 24 // bytes: no window is larger, so no retransmission goes back further
	maxAhead  = 1 << 30
	maxBegin  = 1 << 20 // ahead of the place that an acknowledgement tells to be the first
)

// After a reset data can still come that was under way. So long is it waited.
const (
	lingerPackets = 4096
	lingerTime    = 2 * time.Second
)

// An assembler puts TCP segments in order. In order is the fast path, and
// copies nothing.
type assembler struct {
	conns   map[connKey]*tcpConn
	last    *tcpConn // the connection of the previous segment
	n       uint64   // segments so far
	waiting int      // bytes, of all connections
	closing []*tcpConn
	file    int      // which of several it is
	out     *[]Chunk // where the chunks of the current segment go
	at      time.Time
	frame   int
}

// A tcpConn is one connection.
type tcpConn struct {
	key     connKey
	info    *flow.ConnInfo // nil before the first chunk
	half    [2]half        // by segment.dir
	opener  uint8          // dir of side A
	opened  time.Time
	seen    uint64 // assembler.n at its last segment
	packets uint64
	file    int    // assembler.file when it began
	done    bool   // its ChunkEnd is out; it is kept to recognise stragglers
	reset   uint64 // assembler.n when it was reset, 0: it was not
	resetAt time.Time
}

// add processes s and appends the chunks that it brings to out.
func (a *assembler) add(s *segment, out *[]Chunk) {
	a.n++
	a.out, a.at, a.frame = out, s.at, s.frame
	if len(a.closing) > 0 {
		a.endLingering()
	}
	c := a.find(s)
	if c == nil {
		return
	}
	c.seen = a.n
	c.packets++
	h, peer := &c.half[s.dir], &c.half[s.dir^1]
	h.seen++
	if s.flags&flagSYN != 0 {
		if s.flags&flagACK == 0 && c.info == nil {
			c.opener = s.dir
		}
		h.syn(s.seq)
		s.seq++
	}
	if !h.synced && len(s.data)+s.cut == 0 && s.flags&flagRST == 0 {
		h.sync(s.seq, false) // without data it tells where the next will be
	}
	if s.flags&flagACK != 0 {
		a.acked(c, s, peer)
		if len(s.data) > 0 && peer.seen == 0 && h.seen > minOneSided && int32(s.ack-peer.next) > 0 {
			a.gap(c, s.dir^1, s.ack) // this side answers what is not captured
		}
	}
	if len(s.data)+s.cut > 0 {
		a.data(c, s.dir, waitingPart{seq: s.seq, data: s.data, cut: s.cut, at: s.at, frame: s.frame})
	}
	end := s.seq + uint32(len(s.data)+s.cut)
	if s.flags&flagRST != 0 {
		a.data(c, s.dir, waitingPart{seq: end, what: ChunkRst, at: s.at, frame: s.frame})
	} else if s.flags&flagFIN != 0 {
		a.data(c, s.dir, waitingPart{seq: end, what: ChunkFin, at: s.at, frame: s.frame})
	}
	if h.finished && peer.finished && !c.done {
		a.end(c)
	}
}

// find returns the connection that s belongs to, nil if s tells nothing.
func (a *assembler) find(s *segment) *tcpConn {
	c := a.last
	if c == nil || c.key != s.key {
		c = a.conns[s.key]
	}
	if c != nil && (c.isNew(s) || c.isOfAnother(s, a.file)) {
		a.end(c)
		c = nil
	}
	if c == nil {
		if s.flags&flagRST != 0 && len(s.data) == 0 {
			return nil // the answer to a packet that was not captured
		}
		c = a.begin(s)
	}
	a.last = c
	if c.done {
		return nil
	}
	return c
}

// isNew reports whether s opens another connection with the addresses of c.
func (c *tcpConn) isNew(s *segment) bool {
	h := &c.half[s.dir]
	far := int32(s.seq - h.next)
	switch {
	case s.flags&flagSYN != 0:
		// A late one is right before what was seen. That of another connection
		// comes after it, as sequence numbers grow.
		late := int32(h.start - (s.seq + 1))
		return h.synced && (late < 0 || late > maxBegin || h.syned && late != 0)
	case s.flags&flagRST != 0 || !h.synced:
		return false
	case c.done:
		return len(s.data) > 0 && (far > 0 || far < -maxBehind)
	}
	return len(s.data) > 0 && (far > maxAhead || far < -maxBehind)
}

// isOfAnother reports whether s opens a connection in a later file than that in
// which c has sent something. Two recordings with made-up addresses can have the
// same numbers in them.
func (c *tcpConn) isOfAnother(s *segment, file int) bool {
	return c.file != file && s.flags&(flagSYN|flagACK) == flagSYN && c.info != nil
}

func (a *assembler) begin(s *segment) *tcpConn {
	if a.conns == nil {
		a.conns = make(map[connKey]*tcpConn)
	}
	if len(a.conns) >= maxConnections {
		a.evict()
	}
	c := &tcpConn{key: s.key, opener: s.dir, opened: s.at, seen: a.n, file: a.file}
	if s.flags&(flagSYN|flagACK) == flagSYN|flagACK {
		c.opener = s.dir ^ 1
	}
	a.conns[s.key] = c
	return c
}

// evict ends the idlest eighth of the connections.
func (a *assembler) evict() {
	for _, c := range a.idlest()[:maxConnections/8] {
		a.end(c)
		delete(a.conns, c.key)
	}
	a.last = nil
}

// idlest returns the connections in the order in which they were seen last.
func (a *assembler) idlest() []*tcpConn {
	list := make([]*tcpConn, 0, len(a.conns))
	for _, c := range a.conns {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y *tcpConn) int { return cmp.Compare(x.seen, y.seen) })
	return list
}

// acked notes that the sender of s has what the other side, h, sent before s.ack.
func (a *assembler) acked(c *tcpConn, s *segment, h *half) {
	if !h.ackSeen || int32(s.ack-h.ack) > 0 {
		h.ack, h.ackSeen = s.ack, true
	}
	if s.flags&flagSYN != 0 && !h.began {
		h.start, h.next, h.known, h.synced = s.ack, s.ack, true, true
	} else if probe := s.ack == h.next+1; !h.synced || probe && !h.began && !h.known && len(h.queue) == 0 {
		// The acknowledgement that ends a handshake tells where the data of the
		// other side begins, even if the SYN it answers is missing.
		sender := &c.half[s.dir]
		h.sync(s.ack, sender.syned && s.seq == sender.start)
	}
	if len(h.queue) > 0 {
		a.drain(c, s.dir^1)
		a.lose(c, s.dir^1)
	}
}

// endLingering ends connections that were reset a while ago.
func (a *assembler) endLingering() {
	for len(a.closing) > 0 {
		c := a.closing[0]
		if !c.done && a.n-c.reset < lingerPackets && a.at.Sub(c.resetAt) < lingerTime {
			return
		}
		a.end(c)
		a.closing = a.closing[1:]
	}
}

// finishAll ends all connections, in the order in which they were seen last.
func (a *assembler) finishAll(out *[]Chunk) {
	a.out = out
	for _, c := range a.idlest() {
		a.end(c)
	}
	a.conns, a.last, a.closing = nil, nil, nil
}

// chunk passes on a chunk of direction dir of c.
func (a *assembler) chunk(c *tcpConn, dir uint8, ch Chunk) {
	if c.info == nil {
		c.info = &flow.ConnInfo{
			Network: "tcp", Fd: -1, Opened: c.opened,
			Client: c.key.addr[c.opener].withPort(c.key.port(c.opener)),
			Server: c.key.addr[c.opener^1].withPort(c.key.port(c.opener ^ 1)),
		}
	}
	ch.Conn = c.info
	ch.Side = Side(dir ^ c.opener)
	*a.out = append(*a.out, ch)
}

// end passes on what still waits, and ends c.
func (a *assembler) end(c *tcpConn) {
	if c.done {
		return
	}
	for dir := range uint8(2) {
		a.flush(c, dir)
	}
	c.done = true
	if c.info != nil {
		a.chunk(c, 0, Chunk{Kind: ChunkEnd, At: a.at, Frame: a.frame})
	}
}
