package capture

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// What a Writer makes up.
const (
	madeUpPort  = 9000  // of an application without one
	firstClient = 32768 // the first port of a web server without one
	unknownGap  = 1 << 20
	maxGap      = 1 << 28
	maxNote     = 256 // bytes of an address in a comment
)

// A Writer writes connections as a pcapng file that Wireshark opens. The TCP/IP
// around the bytes is made up: a handshake, segments of up to 65495 bytes,
// acknowledgements, and the end as it was. Addresses are those of the
// connection; where it has none, as with Unix sockets, the application is
// 127.0.0.1:9000 and each web server has a port of its own on 127.0.0.1.
//
// What is missing is missing in the file, too: sequence numbers jump. TCP cannot
// say that it is not known how much is missing: at the beginning of a connection
// there is no handshake then, later it is a gap of 1 MiB. A gap of over 256 MiB
// is one of 256 MiB. Where events were left out of what is written there is such
// a gap, and a comment of the packet there says so.
//
// What has no time is written without one. A Writer keeps nothing of the bytes,
// and what it keeps of connections is bounded. An error is one of the writer
// beneath; it is returned again by every later call.
type Writer struct {
	out    ngWriter
	conns  map[connID]*writtenConn
	n      uint32 // connections so far
	client uint16 // the last port that was made up
	rec    []byte // a record that is put together
	note   string // what was left out of the events, until it is written
}

// A connID tells connections apart: chunks by the pointer, events by the number.
type connID struct {
	info *flow.ConnInfo
	n    int
}

// A writtenConn is a connection of the file.
type writtenConn struct {
	n     uint32
	begun bool
	shook bool              // it began with a handshake
	ends  [2]netip.AddrPort // by Side
	half  [2]writtenHalf
	note  string // what made-up addresses stand for, until it is written
}

// A writtenHalf is a direction of one.
type writtenHalf struct {
	next    uint32 // sequence number of the next byte
	unacked int    // bytes that the other side has not acknowledged
	spoke   bool
	closed  bool // its FIN is written
}

// NewWriter returns a Writer that writes to w, in pieces of up to 64 KiB or a
// packet, each of them whole blocks of the format. Flush has to be called at the
// end.
func NewWriter(w io.Writer) *Writer {
	return &Writer{out: newNgWriter(w), conns: make(map[connID]*writtenConn), client: firstClient - 1}
}

// Chunk writes a chunk. Side A is the web server.
func (w *Writer) Chunk(ch Chunk) error { return w.take(connID{info: ch.Conn}, &ch) }

// Event writes what an event says of the bytes of a connection. Connections are
// told apart by ConnInfo.N. Other events, such as pairs, change nothing. So a
// Writer is a sink of events; what was taken out of the events, or masked, is
// so in the file, too.
func (w *Writer) Event(e *flow.Event) error {
	if e.Kind == flow.KindLost {
		w.note = fmt.Sprintf("%d events are left out here: %s", e.Length, strings.ToValidUTF8(e.Hint[:min(len(e.Hint), maxNote)], "?"))
	}
	if e.Conn == nil {
		return w.out.err
	}
	ch := Chunk{Conn: e.Conn, Side: Side(e.Dir), At: e.At}
	switch e.Kind {
	case flow.KindHeader:
		w.rec = e.Header.Append(w.rec[:0])
		ch.Data = w.rec
	case flow.KindRecord:
		if ch.Data = e.Padding; !e.Pieces {
			w.rec = append(append(e.Header.Append(w.rec[:0]), e.Data...), e.Padding...)
			ch.Data = w.rec
		}
	case flow.KindDesync:
		ch.Data = e.Data
		if e.Offset == 0 && wire.Hint(e.Data) == "" {
			w.headless(ch)
		}
	case flow.KindChunk, flow.KindTruncated:
		ch.Data = e.Data
	case flow.KindGap:
		ch.Kind, ch.Lost = ChunkGap, e.Length
	case flow.KindLost:
		ch.Kind, ch.Lost = ChunkGap, -1
	case flow.KindClosed:
		return w.closed(ch, e.Close)
	default:
		return w.out.err
	}
	return w.take(connID{n: e.Conn.N}, &ch)
}

// headless is told of a direction that begins with something unknown. If the
// connection begins so, its beginning was not captured: else it would be read
// as a record.
func (w *Writer) headless(ch Chunk) {
	id := connID{n: ch.Conn.N}
	if w.conns[id] == nil {
		ch.Kind, ch.Lost, ch.Data = ChunkGap, -1, nil
		w.take(id, &ch)
	}
}

// closed writes the end of a connection. That the other side closed, too, is
// not in the event, but goes without saying.
func (w *Writer) closed(ch Chunk, how flow.CloseKind) error {
	id := connID{n: ch.Conn.N}
	ch.Side = A
	if how == flow.CloseByApp || how == flow.ResetByApp {
		ch.Side = B
	}
	switch how {
	case flow.CloseByServer, flow.CloseByApp:
		ch.Kind = ChunkFin
		w.take(id, &ch) // the error comes again
		ch.Side = ch.Side.Other()
		w.take(id, &ch)
	case flow.ResetByServer, flow.ResetByApp:
		ch.Kind = ChunkRst
		w.take(id, &ch)
	}
	ch.Kind = ChunkEnd
	return w.take(id, &ch)
}

// Continue writes what is held back and goes on in another file, which begins
// with a section of its own. Connections that are open go on there.
func (w *Writer) Continue(next io.Writer) error {
	err := w.out.flush()
	w.out = newNgWriter(next)
	return err
}

// Flush writes what is held back.
func (w *Writer) Flush() error { return w.out.flush() }

// Close writes what is held back. It does not close the writer beneath.
func (w *Writer) Close() error { return w.Flush() }

func (w *Writer) take(id connID, ch *Chunk) error {
	c := w.conns[id]
	switch {
	case ch.Kind == ChunkEnd:
		delete(w.conns, id)
		return w.out.err
	case ch.Kind == ChunkData && len(ch.Data) == 0:
		return w.out.err
	case c == nil:
		c = w.open(id, ch.Conn)
	}
	if !c.begun {
		c.begun = true
		if ch.Kind != ChunkGap || ch.Lost >= 0 {
			c.shook = true
			w.handshake(c, ch)
		}
	}
	h := &c.half[ch.Side]
	switch ch.Kind {
	case ChunkData:
		w.data(c, ch.Side, ch.At, ch.Data)
	case ChunkGap:
		w.gap(c, ch)
	case ChunkFin:
		w.packet(c, ch.Side, flagFIN|flagACK, ch.At, nil)
		if !h.closed {
			h.next++
		}
		h.closed = true
	case ChunkRst:
		w.packet(c, ch.Side, flagRST|flagACK, ch.At, nil)
	}
	h.spoke = true
	return w.out.err
}

// open makes a connection known.
func (w *Writer) open(id connID, info *flow.ConnInfo) *writtenConn {
	if len(w.conns) >= maxConnections {
		w.forget()
	}
	c := &writtenConn{n: w.n}
	w.n++
	for side := range c.half {
		// Far from those of other connections that may have the same addresses.
		c.half[side].next = (2*c.n + uint32(side) + 1) * 0x9e3779b1
	}
	w.address(c, info)
	w.conns[id] = c
	return c
}

// forget drops the eighth of the connections that began first. What comes of
// them yet begins new ones.
func (w *Writer) forget() {
	ids := make([]connID, 0, len(w.conns))
	for id := range w.conns {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y connID) int { return cmp.Compare(w.conns[x].n, w.conns[y].n) })
	for _, id := range ids[:len(ids)/8] {
		delete(w.conns, id)
	}
}

// address gives c the addresses of info, and makes up those it has not.
func (w *Writer) address(c *writtenConn, info *flow.ConnInfo) {
	var known [2]bool
	for side, s := range []string{info.Client, info.Server} {
		a, err := netip.ParseAddrPort(s)
		c.ends[side], known[side] = netip.AddrPortFrom(a.Addr().WithZone(""), a.Port()), err == nil
	}
	for side := range c.ends {
		if known[side] {
			continue
		}
		host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if other := c.ends[side^1].Addr(); known[side^1] && other.Is6() && !other.Is4In6() {
			host = netip.IPv6Loopback()
		}
		port := uint16(madeUpPort)
		if Side(side) == A {
			port = w.port()
		}
		c.ends[side] = netip.AddrPortFrom(host, port)
	}
	if !known[B] && info.Server != "" {
		c.note = "addresses are made up, this is " + strings.ToValidUTF8(info.Server[:min(len(info.Server), maxNote)], "?")
	}
}

// port makes up the port of a web server.
func (w *Writer) port() uint16 {
	if w.client++; w.client < firstClient {
		w.client = firstClient
	}
	return w.client
}

// handshake opens c. Its time is that of the opening, if it is known.
func (w *Writer) handshake(c *writtenConn, ch *Chunk) {
	at := ch.At
	if !ch.Conn.Opened.IsZero() {
		at = ch.Conn.Opened
	}
	w.packet(c, A, flagSYN, at, nil)
	c.half[A].next++
	w.packet(c, B, flagSYN|flagACK, at, nil)
	c.half[B].next++
	w.packet(c, A, flagACK, at, nil)
}

// data writes data in segments. The receiver acknowledges as often as its
// window makes it necessary.
func (w *Writer) data(c *writtenConn, side Side, at time.Time, data []byte) {
	h := &c.half[side]
	for len(data) > 0 {
		part := data[:min(len(data), maxSegment)]
		data = data[len(part):]
		if h.unacked+len(part) > window {
			w.packet(c, side.Other(), flagACK, at, nil)
		}
		w.packet(c, side, flagACK|flagPSH, at, part)
		h.next += uint32(len(part))
		h.unacked += len(part)
	}
}

// gap leaves bytes out. The other side acknowledges them: they were sent.
// Behind a FIN there are none.
func (w *Writer) gap(c *writtenConn, ch *Chunk) {
	h := &c.half[ch.Side]
	lost := min(ch.Lost, maxGap)
	if h.closed || lost < 0 && !h.spoke && !c.shook {
		return
	}
	if lost < 0 {
		lost = unknownGap
	}
	h.next += uint32(lost)
	w.packet(c, ch.Side.Other(), flagACK, ch.At, nil)
}

// packet writes a segment of side.
func (w *Writer) packet(c *writtenConn, side Side, flags byte, at time.Time, data []byte) {
	peer := &c.half[side.Other()]
	s := tcpHeader{
		src: c.ends[side], dst: c.ends[side.Other()],
		seq: c.half[side].next, flags: flags,
	}
	if flags&flagACK != 0 {
		s.ack = peer.next
		peer.unacked = 0
	}
	note := c.note
	if w.note != "" {
		note = strings.TrimPrefix(note+"; "+w.note, "; ")
	}
	w.out.packet(at, &s, data, note)
	if !at.IsZero() {
		c.note, w.note = "", ""
	}
}
