package capture

import (
	"bytes"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A guess is what the first bytes of a direction look like.
type guess struct {
	strong  bool           // it is FastCGI
	records int            // plausible headers found, one after the other
	dir     wire.Direction // what the types of the records say
	known   bool           // dir is set
	short   bool           // more bytes could make it strong
	framed  bool           // the bytes are whole records of version 1, of whatever types
}

// walk looks at b as records, the first of which begins at its first byte.
// Strong are a body that cannot be there by accident, and two records that go
// the same way.
func walk(b []byte) (g guess) {
	if begins(b) {
		return guess{strong: true, records: 1, dir: wire.ToApp, known: true}
	}
	g.framed = len(b) >= wire.HeaderLen
	for len(b) >= wire.HeaderLen && g.records < 2 {
		rec, n := wire.Split(b)
		g.framed = g.framed && rec.Version == wire.Version1 && rec.Reserved == 0 && n > 0
		if !rec.Plausible() {
			// A type that the specification does not know says nothing.
			if n == 0 || !g.framed || rec.Type.Known() {
				return g
			}
			b = b[n:]
			continue
		}
		spec := rec.Type.Spec()
		if g.known && spec.Dir != g.dir {
			return g
		}
		g.records++
		g.dir, g.known = spec.Dir, true
		g.strong = g.records == 2 || n > 0 && bodyProves(spec, rec.Content)
		if n == 0 {
			g.short = true
			return g
		}
		b = b[n:]
	}
	g.short = g.records < 2
	return g
}

// begins reports whether b is a BEGIN_REQUEST, of whatever version.
func begins(b []byte) bool {
	const whole = wire.HeaderLen + 8
	if len(b) < whole || wire.Type(b[1]) != wire.TypeBeginRequest {
		return false
	}
	head := wire.ParseHeader((*[wire.HeaderLen]byte)(b))
	if head.ContentLength != 8 || head.RequestID == 0 || head.Reserved != 0 {
		return false
	}
	body, _ := wire.ParseBeginRequest(b[wire.HeaderLen:whole])
	return body.Role <= 255 && body.Flags <= 1 && body.Reserved == [5]byte{}
}

// bodyProves reports whether the content of a record proves that it is one: a
// fixed body whose fields have values with names, or pairs that come out even.
func bodyProves(s *wire.Spec, content []byte) bool {
	switch s.Shape {
	case wire.Fixed:
		for _, f := range s.Body {
			if f.Enum != nil && f.Name != "type" && !f.Enum.Known(f.Uint(content)) {
				return false
			}
		}
		return true
	case wire.Pairs:
		n := 0
		for len(content) > 0 && n >= 0 {
			var p wire.Pair
			if p, n = wire.ParsePair(content); n <= 0 || len(p.Name) == 0 {
				return false
			}
			content = content[n:]
		}
		return n > 0
	}
	return false
}

// search looks for a place in b, from on, from which on walk is sure. It also
// returns up to where there is certainly none.
func search(b []byte, from int) (g guess, scanned int) {
	scanned = len(b)
	for i := from; ; i++ {
		j := bytes.IndexByte(b[i:], wire.Version1)
		if j < 0 {
			return guess{}, scanned
		}
		i += j
		g := walk(b[i:])
		if g.strong {
			return g, i
		}
		if g.short {
			scanned = min(scanned, i)
		}
	}
}
