package flow

import (
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// This file cuts the bytes of a direction into records.

// A half is one direction of a connection.
type half struct {
	dir    wire.Direction
	mode   mode
	offset int64     // of the next byte to come
	index  int       // of the next record
	now    time.Time // of the bytes being fed
	at     time.Time // of the first byte in buf
	buf    []byte    // framing: the beginning of a record; searching, skipping: bytes not passed on yet
	scan   int       // searching: buf[:scan] holds no header
	hint   string    // searching, skipping: what the bytes are
	left   int       // piecewise: content still to come; skipping: bytes until the next header
	pad    []byte    // piecewise: the padding, which is at most 255 bytes
	cur    current
}

// current is the record that is being dealt with.
type current struct {
	wire.Header
	offset int64
	index  int
	at     time.Time
	req    *Request
}

type mode uint8

const (
	framing   mode = iota // a header is expected, or a record is being gathered
	piecewise             // the content of a record is passed on as it comes
	searching             // nobody knows where the next header is
	skipping              // the rest of a record of which a part is missing
)

// frame passes p through the direction.
func (c *Conn) frame(h *half, p []byte) {
	for len(p) > 0 {
		n := 0
		switch h.mode {
		case framing:
			n = c.gather(h, p)
		case piecewise:
			n = c.piece(h, p)
		case skipping:
			n = c.skip(h, p)
		case searching:
			n = c.seek(h, p)
		}
		p = p[n:]
	}
}

// gather takes a record, or as much of it as there is, off p.
func (c *Conn) gather(h *half, p []byte) (n int) {
	if len(h.buf) == 0 {
		h.at = h.now
		rec, n := wire.Split(p)
		if len(p) >= wire.HeaderLen && lostSync(rec.Header) {
			h.lose(rec.Header)
			return 0
		}
		switch {
		case n > 0:
			c.record(h, rec, n)
			return n
		case len(p) >= wire.HeaderLen && c.piecemeal(rec.Header):
			c.beginPieces(h, rec.Header)
			h.offset += wire.HeaderLen
			return wire.HeaderLen
		}
	}
	want := wire.HeaderLen
	if len(h.buf) >= wire.HeaderLen {
		want = wire.ParseHeader((*[wire.HeaderLen]byte)(h.buf)).Len()
	}
	n = min(want-len(h.buf), len(p))
	h.reserve(want)
	h.buf = append(h.buf, p[:n]...)
	h.offset += int64(n)
	if len(h.buf) < wire.HeaderLen {
		return n
	}
	rec, size := wire.Split(h.buf)
	switch {
	case len(h.buf) == wire.HeaderLen && lostSync(rec.Header):
		h.lose(rec.Header)
	case size > 0:
		h.offset -= int64(size)
		c.record(h, rec, size)
		h.release()
	case len(h.buf) == wire.HeaderLen && c.piecemeal(rec.Header):
		h.offset -= wire.HeaderLen
		c.beginPieces(h, rec.Header)
		h.offset += wire.HeaderLen
		h.release()
	}
	return n
}

// lostSync reports whether a header cannot be one. A version that does not
// exist is a record of a peer that got the version wrong, unless the rest makes
// no sense either.
func lostSync(head wire.Header) bool {
	return head.Version != wire.Version1 && (!head.Type.Known() || head.Hint() != "")
}

// lose begins to search behind the first byte of what is no header.
func (h *half) lose(head wire.Header) {
	h.mode, h.hint, h.scan = searching, head.Hint(), 1
}

var largeBuffers = sync.Pool{New: func() any { return new([wire.MaxRecord]byte) }}

// reserve makes room for a record of n bytes; a large one is borrowed.
func (h *half) reserve(n int) {
	if n > maxIdleBuffer && cap(h.buf) < n {
		h.buf = append(largeBuffers.Get().(*[wire.MaxRecord]byte)[:0], h.buf...)
	}
}

// release empties the buffer, and does not keep a large one.
func (h *half) release() {
	switch {
	case cap(h.buf) == wire.MaxRecord:
		largeBuffers.Put((*[wire.MaxRecord]byte)(h.buf[:wire.MaxRecord]))
		h.buf = nil
	case cap(h.buf) > maxIdleBuffer:
		h.buf = nil
	default:
		h.buf = h.buf[:0]
	}
}

// record deals with a whole record of n bytes.
func (c *Conn) record(h *half, rec wire.Record, n int) {
	c.take(h, rec.Header)
	h.offset += int64(n)
	c.start(h, KindRecord)
	c.ev.Data, c.ev.Padding = rec.Content, rec.Padding
	c.send()
	c.opening(h)
	c.content(h, rec.Content)
	c.padding(h, rec.Padding)
	h.cur.req = nil
}

// take makes a record the current one. It begins at h.offset.
func (c *Conn) take(h *half, head wire.Header) {
	h.cur = current{Header: head, offset: h.offset, index: h.index, at: h.at}
	h.index++
	h.cur.req = c.resolve(h)
}

// piecemeal reports whether the content of a record need not be gathered.
func (c *Conn) piecemeal(head wire.Header) bool {
	s := head.Type.Spec()
	return !c.Whole && head.ContentLength > 0 && (s == nil || s.Shape == wire.Bytes)
}

func (c *Conn) beginPieces(h *half, head wire.Header) {
	c.take(h, head)
	h.mode, h.left, h.pad = piecewise, int(head.ContentLength), h.pad[:0]
	c.start(h, KindHeader)
	c.send()
	c.opening(h)
}

// piece takes content, then padding of the current record off p.
func (c *Conn) piece(h *half, p []byte) (n int) {
	if h.left > 0 {
		n = min(h.left, len(p))
		c.start(h, KindChunk)
		c.ev.At, c.ev.Offset, c.ev.Data = h.now, h.offset, p[:n]
		c.send()
		c.content(h, p[:n])
		h.left -= n
	} else {
		n = min(int(h.cur.PaddingLength)-len(h.pad), len(p))
		h.pad = append(h.pad, p[:n]...)
	}
	h.offset += int64(n)
	if h.left == 0 && len(h.pad) == int(h.cur.PaddingLength) {
		c.start(h, KindRecord)
		c.ev.Pieces, c.ev.Padding = true, h.pad
		c.send()
		c.padding(h, h.pad)
		h.mode, h.cur.req = framing, nil
	}
	return n
}

// skip takes the rest of a record of which a part is missing off p.
func (c *Conn) skip(h *half, p []byte) (n int) {
	n = min(h.left, len(p))
	h.buf = append(h.buf, p[:n]...)
	h.offset += int64(n)
	if h.left -= n; h.left == 0 {
		c.desync(h, len(h.buf))
		h.mode = framing
		h.release()
	}
	return n
}

// gap deals with n missing bytes.
func (c *Conn) gap(h *half, n int64) {
	rest := c.cut(h, true)
	h.mode, h.scan, h.hint = searching, 0, "a record of which the beginning is missing"
	if n < 0 && h.offset == 0 {
		return // only the beginning was not seen: nothing is known to be missing
	}
	h.cur = current{offset: h.offset, at: h.now}
	c.start(h, KindGap)
	c.ev.Length = n
	c.send()
	if n < 0 {
		return
	}
	h.offset += n
	if rest > 0 && n <= rest {
		// The next header is where the record ends.
		h.mode, h.hint = framing, ""
		if h.left = int(rest - n); h.left > 0 {
			h.mode, h.hint = skipping, "the rest of a record of which a part is missing"
		}
	}
}

// cut ends whatever is in progress, because bytes are missing (lost) or none will
// come. It returns how many bytes of a record with a known length are missing.
func (c *Conn) cut(h *half, lost bool) (rest int64) {
	switch h.mode {
	case piecewise:
		got := wire.HeaderLen + int(h.cur.ContentLength) - h.left + len(h.pad)
		rest = int64(h.cur.Len() - got)
		c.truncated(h, nil, h.cur.Len(), got)
		h.index--
		h.cur.req = nil
	case skipping:
		rest = int64(h.left)
		c.desync(h, len(h.buf))
	case searching:
		if c.search(h, true) {
			before := h.found()
			h.offset -= int64(len(before))
			c.frame(h, before)
			return c.cut(h, lost)
		}
		c.desync(h, len(h.buf))
	case framing:
		if len(h.buf) > 0 {
			rest = c.cutRecord(h, lost)
		}
	}
	h.mode = framing
	h.release()
	return rest
}

// cutRecord passes on the part of a record that is in the buffer. What there is
// of a stream counts: half an answer has a status too, and half of PARAMS names.
func (c *Conn) cutRecord(h *half, lost bool) (rest int64) {
	end := h.offset
	h.offset -= int64(len(h.buf)) // take wants the beginning
	if len(h.buf) < wire.HeaderLen {
		h.cur = current{offset: h.offset, index: h.index, at: h.at}
		c.truncated(h, h.buf, wire.HeaderLen, len(h.buf))
		h.offset = end
		return 0
	}
	head := wire.ParseHeader((*[wire.HeaderLen]byte)(h.buf))
	c.take(h, head)
	h.offset = end
	h.index-- // only whole records count
	c.truncated(h, h.buf, head.Len(), len(h.buf))
	if s := head.Type.Spec(); s == nil || s.Stream {
		c.opening(h)
		content := h.buf[wire.HeaderLen:]
		c.content(h, content[:min(len(content), int(head.ContentLength))])
	} else if lost && head.Type == wire.TypeEndRequest {
		c.endCut(h)
	}
	h.cur.req = nil
	return int64(head.Len() - len(h.buf))
}

func (c *Conn) truncated(h *half, data []byte, want, got int) {
	c.start(h, KindTruncated)
	c.ev.Data, c.ev.Length, c.ev.Got = data, int64(want), int64(got)
	c.send()
}

// desync passes on the first n bytes of the buffer as no record.
func (c *Conn) desync(h *half, n int) {
	if n == 0 {
		return
	}
	h.cur = current{offset: h.offset - int64(len(h.buf)), at: h.now}
	c.start(h, KindDesync)
	c.ev.Data, c.ev.Length, c.ev.Hint = h.buf[:n], int64(n), h.hint
	c.send()
}
