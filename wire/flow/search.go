package flow

import (
	"bytes"

	"github.com/fcgiscope/fcgiscope/wire"
)

// This file finds the next record boundary where it is not known.

// maxDesync is the most bytes of a KindDesync event. A longer run is passed on
// in blocks of this size, so that it need not be kept.
const maxDesync = 64 << 10

// searchWindow is how much is looked at at a time, in bytes.
const searchWindow = 4 << 10

// seek takes bytes off p until a header is found, and begins to frame there.
// It returns how many it took.
func (c *Conn) seek(h *half, p []byte) (n int) {
	n = min(len(p), searchWindow)
	h.buf = append(h.buf, p[:n]...)
	h.offset += int64(n)
	if !c.search(h, false) {
		return n
	}
	// The header is in p, or began in what came before it.
	before := h.found()
	if len(before) <= n {
		h.offset -= int64(len(before))
		return n - len(before)
	}
	h.offset -= int64(len(before))
	c.frame(h, before)
	return n
}

// search looks for a header in the buffer. If it finds one it passes on what
// is before it as no record. At the end of what there is (final) it is content
// with less certainty.
func (c *Conn) search(h *half, final bool) bool {
	for h.scan < len(h.buf) {
		i := bytes.IndexByte(h.buf[h.scan:], wire.Version1)
		if i < 0 {
			h.scan = len(h.buf)
			break
		}
		h.scan += i
		v := judge(h.buf[h.scan:], h.dir, final, h.scan == 0)
		if v == header {
			c.desync(h, h.scan)
			return true
		}
		if v == unsure {
			break
		}
		h.scan++
	}
	c.passOn(h)
	return false
}

// found makes h expect a header, and returns the bytes that begin with it.
func (h *half) found() []byte {
	rest := h.buf[h.scan:]
	h.mode, h.scan, h.hint, h.buf = framing, 0, "", nil
	return rest
}

// passOn passes on whole blocks of what is certainly no header.
func (c *Conn) passOn(h *half) {
	for h.scan >= maxDesync {
		c.desync(h, maxDesync)
		h.buf = append(h.buf[:0], h.buf[maxDesync:]...)
		h.scan -= maxDesync
	}
}

type verdict uint8

const (
	no verdict = iota
	header
	unsure // more bytes are needed
)

// judge says whether b begins with a header: it is plausible, goes in this
// direction, and either its body says so too or a plausible header follows it.
// Only bytes decide, not how they were cut, unless nothing more comes. Then a
// record that is not whole is believed where the bytes begin (first): what
// follows a gap is usually the beginning of a segment, and that of a record.
func judge(b []byte, dir wire.Direction, final, first bool) verdict {
	if !plausible(b, dir) {
		return no
	}
	if len(b) < wire.HeaderLen {
		return whenFinal(final, no)
	}
	head := wire.ParseHeader((*[wire.HeaderLen]byte)(b))
	rec, n := wire.Split(b)
	if n == 0 {
		if first {
			return whenFinal(final, header)
		}
		return whenFinal(final, no)
	}
	if s := head.Type.Spec(); s.Shape == wire.Fixed && knownBody(s, rec.Content) {
		return header
	}
	switch next := b[n:]; {
	case !plausible(next, dir):
		return no
	case len(next) < wire.HeaderLen:
		return whenFinal(final, header)
	}
	return header
}

func whenFinal(final bool, v verdict) verdict {
	if final {
		return v
	}
	return unsure
}

// plausible reports whether b, perhaps less than eight bytes, may begin a
// header of this direction.
func plausible(b []byte, dir wire.Direction) bool {
	if len(b) >= wire.HeaderLen {
		head := wire.ParseHeader((*[wire.HeaderLen]byte)(b))
		return head.Plausible() && head.Type.Spec().Dir == dir
	}
	if len(b) > 0 && b[0] != wire.Version1 {
		return false
	}
	if len(b) > 1 {
		s := wire.Type(b[1]).Spec()
		return s != nil && s.Dir == dir
	}
	return true
}

// knownBody reports whether the fields of a fixed body have values with names.
// An unknown type is what UNKNOWN_TYPE is about.
func knownBody(s *wire.Spec, body []byte) bool {
	for _, f := range s.Body {
		if f.Enum != nil && s.Type != wire.TypeUnknownType && !f.Enum.Known(f.Uint(body)) {
			return false
		}
	}
	return true
}
