package pretty

import (
	"io"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// hexRow is how many bytes stand on a line.
const hexRow = 16

// hexSink writes every byte with what it means: a line or more for each field
// of the header and the body, each length, name and value, and the padding.
// Offsets are those in the direction of the connection.
type hexSink struct {
	output
	o       Options
	palette palette
	tails   tails
	under   place
	at      int64 // offset of the next byte
}

func newHex(w io.Writer, o Options) Sink {
	return &hexSink{output: output{w: w}, o: o, palette: newPalette(o.Color), tails: tails{}, under: place{conn: -1}}
}

func (s *hexSink) Event(e *flow.Event) error {
	switch e.Kind {
	case flow.KindRecord:
		s.title(e, "record "+strconv.Itoa(e.Index)+" "+e.Header.Type.String())
		s.record(e)
	case flow.KindPair:
		if e.Split {
			line := text.AppendPair([]byte("    # joined: "), e.Pair)
			s.buf = append(s.palette.line(s.buf, line), '\n')
		}
	case flow.KindFinding:
		s.finding(e)
	case flow.KindGap:
		s.title(e, string(appendDamage(nil, e)))
		s.tails.forget(e.Conn.N)
	case flow.KindDesync:
		s.title(e, string(appendDamage(nil, e)))
		s.bytes(e.Data, "")
	case flow.KindTruncated:
		s.title(e, string(appendDamage(nil, e)))
		s.truncated(e)
	case flow.KindClosed:
		s.tails.forget(e.Conn.N)
	case flow.KindLost:
		s.buf = s.palette.lines(s.buf, appendAside(nil, e))
	}
	return s.spill()
}

// title is the line above the bytes of an event.
func (s *hexSink) title(e *flow.Event, words string) {
	s.under, s.at = placeOf(e), e.Offset
	dst := s.palette.dir(e.Dir).appendString(s.buf, arrow(e.Dir))
	dst = strconv.AppendInt(append(dst, " connection "...), int64(e.Conn.N), 10)
	dst = strconv.AppendInt(append(dst, " offset "...), e.Offset, 10)
	dst = s.palette.typ.appendString(append(dst, ' '), words)
	s.buf = append(dst, '\n')
}

func (s *hexSink) finding(e *flow.Event) {
	if s.under != placeOf(e) {
		s.buf = s.palette.lines(s.buf, appendAside(nil, e))
		return
	}
	line := appendFinding([]byte("    # "), e.Finding)
	s.buf = append(s.palette.line(s.buf, line), '\n')
}

// field writes bytes that have a meaning together.
func (s *hexSink) field(b []byte, what string) {
	for len(b) > 0 {
		row := b[:min(hexRow, len(b))]
		dst := appendHexInt(append(s.buf, "  "...), s.at, 8)
		dst = append(dst, ' ')
		for i := range hexRow {
			if i < len(row) {
				dst = append(dst, ' ', hexDigits[row[i]>>4], hexDigits[row[i]&15])
			} else {
				dst = append(dst, "   "...)
			}
		}
		dst = append(append(dst, "  "...), what...)
		s.buf = append(trimSpaces(dst), '\n')
		s.at += int64(len(row))
		b = b[len(row):]
		what = "" // continued
	}
}

// bytes writes bytes that are what they are, each row with its characters.
func (s *hexSink) bytes(b []byte, what string) {
	shown := clip(b, s.o.MaxBody)
	if what != "" {
		what += " "
	}
	for rest := shown; len(rest) > 0; {
		row := rest[:min(hexRow, len(rest))]
		s.field(row, what+s.palette.value.on+string(appendASCII(nil, row))+s.palette.value.off)
		rest = rest[len(row):]
	}
	if cut := len(b) - len(shown); cut > 0 {
		s.buf = appendCut(s.buf, "not shown", cut)
		s.at += int64(cut)
	}
}

// number writes a number of the header or of a pair.
func (s *hexSink) number(b []byte, name, value string) {
	s.field(b, s.palette.name.on+name+s.palette.name.off+" "+value)
}

func (s *hexSink) header(h wire.Header) {
	b := h.Append(nil)
	s.number(b[0:1], "version", strconv.Itoa(int(h.Version)))
	s.number(b[1:2], "type", h.Type.String())
	s.number(b[2:4], "request id", strconv.Itoa(int(h.RequestID)))
	s.number(b[4:6], "content length", strconv.Itoa(int(h.ContentLength)))
	s.number(b[6:7], "padding length", strconv.Itoa(int(h.PaddingLength)))
	s.number(b[7:8], "reserved", "")
}

func (s *hexSink) record(e *flow.Event) {
	s.header(e.Header)
	tail := s.tails.next(e)
	spec := e.Header.Type.Spec()
	switch {
	case spec != nil && spec.Shape == wire.Fixed && len(e.Data) == spec.BodyLen:
		s.fields(spec, e.Data)
	case spec != nil && spec.Shape == wire.Pairs:
		s.pairs(e.Data, tail)
	default:
		s.bytes(e.Data, "")
	}
	s.bytes(e.Padding, "padding")
}

func (s *hexSink) fields(spec *wire.Spec, body []byte) {
	for _, f := range spec.Body {
		part := body[f.Off : f.Off+f.Len]
		switch {
		case f.Reserved:
			s.number(part, f.Name, "")
		case f.Enum != nil:
			s.number(part, f.Name, string(f.Enum.Append(nil, f.Uint(body))))
		default:
			s.number(part, f.Name, strconv.FormatUint(uint64(f.Uint(body)), 10))
		}
	}
}

// pairs writes pairs, the first tail bytes belonging to an earlier one.
func (s *hexSink) pairs(b []byte, tail int) {
	s.bytes(b[:tail], "(pair)")
	for b = b[tail:]; len(b) > 0; {
		p, n := wire.ParsePair(b)
		if n == 0 {
			s.bytes(b, "(pair)")
			return
		}
		head := b[:n-len(p.Name)-len(p.Value)]
		split := 1
		if head[0] > 127 {
			split = 4
		}
		s.number(head[:split], "name length", strconv.Itoa(len(p.Name)))
		s.number(head[split:], "value length", strconv.Itoa(len(p.Value)))
		s.bytes(p.Name, "name")
		s.bytes(p.Value, "value")
		b = b[n:]
	}
}

func (s *hexSink) truncated(e *flow.Event) {
	b := e.Data
	if len(b) >= wire.HeaderLen {
		s.header(wire.ParseHeader((*[wire.HeaderLen]byte)(b)))
		b = b[wire.HeaderLen:]
	}
	s.bytes(b, "")
}
