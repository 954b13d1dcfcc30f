package pretty

import (
	"fmt"
	"io"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// perlMax is how many bytes of a body the Perl module Net::FastCGI shows.
const perlMax = 78

// perlSink writes a line for each record as dump_record of Net::FastCGI does,
// byte for byte; but lengths that take 4 bytes where 1 would do are shown as
// they are, which that function gets wrong.
type perlSink struct {
	output
	max int
}

func newPerl(w io.Writer, o Options) Sink {
	s := &perlSink{output: output{w: w}, max: perlMax}
	if o.MaxBody > 0 {
		s.max = max(o.MaxBody, 5) // room for the mark that something was cut
	}
	return s
}

func (s *perlSink) Event(e *flow.Event) error {
	switch e.Kind {
	case flow.KindRecord:
		s.record(e)
	case flow.KindDesync, flow.KindTruncated:
		s.buf = append(s.buf, "{Malformed FCGI_Record}\n"...)
	}
	return s.spill()
}

func (s *perlSink) record(e *flow.Event) {
	if e.Header.Version != wire.Version1 {
		s.buf = append(s.buf, "{Malformed FCGI_Record}\n"...)
		return
	}
	s.buf = append(append(s.buf, '{'), perlType(e.Header.Type)...)
	s.buf = strconv.AppendUint(append(s.buf, ", "...), uint64(e.Header.RequestID), 10)
	s.buf = append(s.buf, ", "...)
	s.body(e.Header.Type.Spec(), e.Data)
	s.buf = append(s.buf, '}', '\n')
}

func perlType(t wire.Type) string {
	if t.Known() {
		return "FCGI_" + t.String()
	}
	return fmt.Sprintf("0x%.2X", uint8(t))
}

func (s *perlSink) body(spec *wire.Spec, b []byte) {
	switch {
	case spec != nil && spec.Shape == wire.Fixed:
		s.fixed(spec, b)
	case spec != nil && spec.Shape == wire.Pairs && len(b) > 0:
		if wire.CheckPairs(b) != nil {
			s.buf = append(s.buf, "Malformed FCGI_NameValuePair(s)"...)
			return
		}
		s.string(s.pairs(nil, b))
	case perlBinary(b):
		s.string(perlHex(nil, b[:min(len(b), s.max+1)]))
	default:
		s.string(perlEscape(nil, b[:min(len(b), s.max+1)]))
	}
}

// string writes an escaped string, cut if it is long.
func (s *perlSink) string(b []byte) {
	s.buf = append(s.buf, '"')
	if len(b) > s.max {
		s.buf = append(append(s.buf, b[:s.max-5]...), " ... "...)
	} else {
		s.buf = append(s.buf, b...)
	}
	s.buf = append(s.buf, '"')
}

// fixed writes the fields of a body; those that the table marks as reserved
// are not shown.
func (s *perlSink) fixed(spec *wire.Spec, b []byte) {
	if len(b) != spec.BodyLen {
		s.buf = fmt.Appendf(s.buf, "{Malformed FCGI_%sBody (expected %d octets got %d)}", perlCamel(spec.Name), spec.BodyLen, len(b))
		return
	}
	s.buf = append(s.buf, '{')
	for i, f := range spec.Body {
		if f.Reserved {
			continue
		}
		if i > 0 {
			s.buf = append(s.buf, ", "...)
		}
		s.buf = perlField(s.buf, f, f.Uint(b))
	}
	s.buf = append(s.buf, '}')
}

// perlCamel turns BEGIN_REQUEST into BeginRequest.
func perlCamel(name string) string {
	var b []byte
	for i := range len(name) {
		switch {
		case name[i] == '_':
		case i == 0 || name[i-1] == '_':
			b = append(b, name[i])
		default:
			b = append(b, name[i]|0x20)
		}
	}
	return string(b)
}

// perlField writes a value: by name with the prefix FCGI_, a number without a
// name in hexadecimal with two digits a byte.
func perlField(dst []byte, f wire.Field, v uint32) []byte {
	switch {
	case f.Enum == nil:
		return strconv.AppendUint(dst, uint64(v), 10)
	case f.Enum.Mask:
		return perlFlags(dst, f, v)
	case f.Enum.Known(v):
		return append(append(dst, "FCGI_"...), f.Enum.Name(v)...)
	}
	return fmt.Appendf(dst, "0x%.*X", 2*f.Len, v)
}

// perlFlags writes the bits that have a name, then the others together.
func perlFlags(dst []byte, f wire.Field, v uint32) []byte {
	if v == 0 {
		return append(dst, '0')
	}
	rest := v
	for bit := uint32(1); bit != 0 && bit <= v; bit <<= 1 {
		if v&bit == 0 || !f.Enum.Known(bit) {
			continue
		}
		if rest != v {
			dst = append(dst, '|')
		}
		dst = append(append(dst, "FCGI_"...), f.Enum.Name(bit)...)
		rest &^= bit
	}
	if rest == 0 {
		return dst
	}
	if rest != v {
		dst = append(dst, '|')
	}
	return fmt.Appendf(dst, "0x%.2X", rest)
}

// pairs appends pairs: the bytes of the lengths in octal, name and value
// escaped.
func (s *perlSink) pairs(dst, b []byte) []byte {
	for at := 0; at < len(b) && at <= s.max; {
		p, n := wire.ParsePair(b[at:])
		for _, c := range b[at : at+n-len(p.Name)-len(p.Value)] {
			dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		}
		dst = perlEscape(perlEscape(dst, p.Name), p.Value)
		at += n
	}
	return dst
}

// perlBinary reports whether less than 70 % of b is text.
func perlBinary(b []byte) bool {
	n := 0
	for _, c := range b {
		if c >= ' ' && c <= '~' || c == '\t' || c == '\n' || c == '\r' {
			n++
		}
	}
	return n*10 < len(b)*7
}

func perlEscape(dst, b []byte) []byte {
	for i, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ' && c <= '~':
			dst = append(dst, c)
		case c >= '\a' && c <= '\r' && c != '\v':
			dst = append(dst, '\\', "abtnvfr"[c-'\a'])
		default:
			dst = perlHex(dst, b[i:i+1])
		}
	}
	return dst
}

func perlHex(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range b {
		dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
	}
	return dst
}
