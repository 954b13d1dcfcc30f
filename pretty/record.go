package pretty

import (
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// This file says on one line what a record holds, going by the table of
// package wire. Formats that show records in a form of their own use it.

// appendBody appends the content of a record: fields, pairs or a string of at
// most max bytes (0: all).
func appendBody(dst []byte, spec *wire.Spec, content []byte, max int) []byte {
	switch {
	case spec != nil && spec.Shape == wire.Fixed && len(content) == spec.BodyLen:
		return appendFields(dst, spec, content)
	case len(content) == 0:
		return dst
	}
	return appendQuote(dst, content, max)
}

// appendFields appends the fields of a fixed body as name=value, the reserved
// ones if they are not 0.
func appendFields(dst []byte, spec *wire.Spec, body []byte) []byte {
	start := len(dst)
	for _, f := range spec.Body {
		part := body[f.Off : f.Off+f.Len]
		if f.Reserved && zeros(part) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, f.Name...), '=')
		switch {
		case f.Reserved:
			dst = appendHex(dst, part)
		case f.Enum != nil:
			dst = f.Enum.Append(dst, f.Uint(body))
		default:
			dst = strconv.AppendUint(dst, uint64(f.Uint(body)), 10)
		}
	}
	return dst
}

// appendPair appends name=value, each of at most max bytes (0: all).
func appendPair(dst []byte, p wire.Pair, max int) []byte {
	name, value := clip(p.Name, max), clip(p.Value, max)
	dst = text.AppendPair(dst, wire.Pair{Name: name, Value: value, WideName: p.WideName, WideValue: p.WideValue})
	if len(name) < len(p.Name) || len(value) < len(p.Value) {
		dst = append(dst, "..."...)
	}
	return dst
}

func appendHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// appendASCII appends b with a dot for everything that is not printable ASCII.
func appendASCII(dst, b []byte) []byte {
	for _, c := range b {
		if c < ' ' || c > '~' {
			c = '.'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendHexInt appends v in hexadecimal, with at least width digits.
func appendHexInt(dst []byte, v int64, width int) []byte {
	digits := strconv.FormatInt(v, 16)
	for range width - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// fits returns how many bytes of b take at most width columns when they are
// quoted; 0, which means all, if b fits.
func fits(b []byte, width int) int {
	width -= 2
	for i := 0; i < len(b); {
		n := 1
		if b[i] < ' ' || b[i] > '~' || b[i] == '"' || b[i] == '\\' {
			piece := text.Escape(nil, b[i:i+1])
			n = len(piece)
		}
		if width -= n; width < 0 {
			return max(i-3, 1)
		}
		i++
	}
	return 0
}

// trimSpaces takes the spaces off the end of a line.
func trimSpaces(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}
