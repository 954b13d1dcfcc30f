package text

import (
	"bytes"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire"
)

const (
	indent    = "    "
	shortLen  = 80  // content up to so many bytes stands on the record's line
	stringLen = 256 // longest string on an indented line, in bytes it stands for
	rawPerRow = 32  // bytes in a row of hexadecimal digits
	wideMark  = "wide:"
	rawWord   = "raw"
	reserved  = "body-reserved" // key of a body's reserved bytes
)

// Append appends r, travelling in direction dir, to dst in canonical form. The
// last byte is a line feed.
func Append(dst []byte, dir wire.Direction, r wire.Record) []byte {
	return AppendSplit(dst, dir, r, 0)
}

// AppendSplit is like Append for a record whose content begins with the last
// tail bytes of a name-value pair that began in an earlier record.
func AppendSplit(dst []byte, dir wire.Direction, r wire.Record, tail int) []byte {
	dst = appendHeader(dst, dir, &r)
	shape := wire.Bytes
	spec := r.Type.Spec()
	if spec != nil {
		shape = spec.Shape
	}
	switch {
	case shape == wire.Fixed && len(r.Content) == spec.BodyLen:
		dst = append(appendFields(dst, spec, r.Content), '\n')
	case shape == wire.Fixed && len(r.Content) == 0:
		dst = append(dst, ` ""`+"\n"...) // no field at all, not even zeros
	case shape == wire.Pairs && len(r.Content) > 0:
		dst = appendPairs(append(dst, '\n'), r.Content, tail)
	default:
		dst = appendBytes(dst, r.Content)
	}
	return dst
}

// appendHeader appends the direction, the type, and of the header what does
// not go without saying.
func appendHeader(dst []byte, dir wire.Direction, r *wire.Record) []byte {
	dst = appendDir(dst, dir)
	dst, _ = r.Type.AppendText(dst)
	if s := r.Type.Spec(); s == nil || !s.Management || r.RequestID != 0 {
		dst = appendNumber(dst, " id=", int64(r.RequestID))
	}
	if r.Version != wire.Version1 {
		dst = appendNumber(dst, " version=", int64(r.Version))
	}
	if r.Reserved != 0 {
		dst = appendNumber(dst, " reserved=", int64(r.Reserved))
	}
	if int(r.ContentLength) != len(r.Content) {
		dst = appendNumber(dst, " len=", int64(r.ContentLength))
	}
	lies := int(r.PaddingLength) != len(r.Padding)
	zero := allZero(r.Padding)
	if lies || zero && len(r.Padding) > 0 {
		dst = appendNumber(dst, " pad=", int64(r.PaddingLength))
	}
	if lies || !zero {
		dst = append(dst, " padding="...)
		if len(r.Padding) == 0 {
			dst = append(dst, `""`...)
		}
		dst = appendHex(dst, r.Padding)
	}
	return dst
}

func appendDir(dst []byte, dir wire.Direction) []byte {
	if dir == wire.ToApp {
		return append(dst, "> "...)
	}
	return append(dst, "< "...)
}

func appendNumber(dst []byte, key string, v int64) []byte {
	return strconv.AppendInt(append(dst, key...), v, 10)
}

func appendHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// appendFields appends the fields of a fixed body, the reserved ones if they
// are not 0.
func appendFields(dst []byte, spec *wire.Spec, body []byte) []byte {
	for i := range spec.Body {
		f := &spec.Body[i]
		switch {
		case f.Reserved:
			if part := body[f.Off : f.Off+f.Len]; !allZero(part) {
				dst = appendHex(append(dst, " "+reserved+"="...), part)
			}
			continue
		case f.Enum != nil:
			dst = append(append(append(dst, ' '), f.Name...), '=')
			dst = f.Enum.Append(dst, f.Uint(body))
		default:
			dst = append(append(append(dst, ' '), f.Name...), '=')
			dst = strconv.AppendUint(dst, uint64(f.Uint(body)), 10)
		}
	}
	return dst
}

// appendPairs appends whole pairs, one a line, and as strings what is before
// and behind them.
func appendPairs(dst, content []byte, tail int) []byte {
	tail = min(tail, len(content))
	dst = appendStrings(dst, content[:tail])
	for at := tail; at < len(content); {
		p, n := wire.ParsePair(content[at:])
		if n == 0 {
			return appendStrings(dst, content[at:])
		}
		dst = append(AppendPair(append(dst, indent...), p), '\n')
		at += n
	}
	return dst
}

// AppendPair appends p to dst as it stands on an indented line.
func AppendPair(dst []byte, p wire.Pair) []byte {
	if p.WideName && len(p.Name) < 128 {
		dst = append(dst, wideMark...)
	}
	dst = append(appendSide(dst, p.Name), '=')
	if p.WideValue && len(p.Value) < 128 {
		dst = append(dst, wideMark...)
	}
	return appendSide(dst, p.Value)
}

// appendSide appends b as a word if it holds plain characters only.
func appendSide(dst, b []byte) []byte {
	if len(b) == 0 {
		return append(dst, `""`...)
	}
	for _, c := range b {
		if c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return Quote(dst, b)
		}
	}
	return append(dst, b...)
}

// appendBytes appends content as a string on the same line, or as several on
// lines of their own.
func appendBytes(dst, content []byte) []byte {
	if len(content) > shortLen {
		return appendStrings(append(dst, '\n'), content)
	}
	if len(content) > 0 {
		dst = Quote(append(dst, ' '), content)
	}
	return append(dst, '\n')
}

// appendStrings appends content as strings on indented lines. They end where
// the lines of a text end, and between characters.
func appendStrings(dst, content []byte) []byte {
	for len(content) > 0 {
		n := min(len(content), stringLen)
		if i := bytes.IndexByte(content[:n], '\n'); i >= 0 {
			n = i + 1
		} else if n < len(content) {
			n = runeStart(content, n)
		}
		dst = append(Quote(append(dst, indent...), content[:n]), '\n')
		content = content[n:]
	}
	return dst
}

// runeStart moves n back to the start of a character, if one is near.
func runeStart(b []byte, n int) int {
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			return i
		}
	}
	return n
}

// AppendRaw appends bytes that are no record to dst: as strings where they are
// a text in ASCII, otherwise in hexadecimal.
func AppendRaw(dst []byte, dir wire.Direction, b []byte) []byte {
	dst = append(appendDir(dst, dir), rawWord...)
	if isText(b) {
		return appendBytes(dst, b)
	}
	long := len(b) > rawPerRow
	if long {
		dst = append(dst, '\n')
	}
	for len(b) > 0 {
		row := b[:min(len(b), rawPerRow)]
		if long {
			dst = append(dst, indent[1:]...)
		}
		for _, c := range row {
			dst = append(dst, ' ', hexDigits[c>>4], hexDigits[c&15])
		}
		dst = append(dst, '\n')
		b = b[len(row):]
	}
	return dst
}

func isText(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// Append appends the line to dst in canonical form.
func (l *Line) Append(dst []byte) []byte {
	switch l.Kind {
	case KindRecord:
		return Append(dst, l.Dir, l.Record)
	case KindRaw:
		return AppendRaw(dst, l.Dir, l.Raw)
	case KindConn:
		dst = appendNumber(dst, "@conn ", int64(l.Conn))
		if l.Client != "" {
			dst = appendWord(dst, l.Client)
		}
		if l.Client != "" || l.Server != "" {
			dst = appendWord(dst, l.Server)
		}
	case KindAt:
		dst = l.appendAt(dst)
	case KindCut:
		dst = appendNumber(dst, "@cut ", l.Count)
	case KindFin, KindRst, KindGap:
		dst = l.appendEvent(dst)
	case KindComment:
		dst = appendComment(dst, l.Comment)
	}
	return append(dst, '\n')
}

// appendAt appends @at, a duration in seconds or milliseconds: Duration.String
// allocates.
func (l *Line) appendAt(dst []byte) []byte {
	dst = append(dst, "@at "...)
	if !l.Time.IsZero() {
		return l.Time.AppendFormat(dst, time.RFC3339Nano)
	}
	after, sign := max(l.After, -math.MaxInt64), byte('+')
	if after < 0 {
		after, sign = -after, '-'
	}
	unit, name := time.Second, "s"
	if after > 0 && after < time.Second {
		unit, name = time.Millisecond, "ms"
	}
	dst = strconv.AppendInt(append(dst, sign), int64(after/unit), 10)
	if part := after % unit; part > 0 {
		dst = append(dst, '.')
		for scale := unit / 10; part > 0; scale /= 10 {
			dst = append(dst, byte('0'+part/scale))
			part %= scale
		}
	}
	return append(dst, name...)
}

func (l *Line) appendEvent(dst []byte) []byte {
	if l.Directed {
		dst = appendDir(dst, l.Dir)
	}
	switch l.Kind {
	case KindFin:
		return append(dst, "! fin"...)
	case KindRst:
		return append(dst, "! rst"...)
	}
	dst = append(dst, "! gap"...)
	if l.Count >= 0 {
		dst = appendNumber(dst, " ", l.Count)
	}
	return dst
}

// appendWord appends an address: as it is, or quoted if it holds anything but
// visible ASCII.
func appendWord(dst []byte, s string) []byte {
	dst = append(dst, ' ')
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '#' || c == '=' || c == '\\' {
			return strconv.AppendQuoteToASCII(dst, s)
		}
	}
	if s == "" {
		return append(dst, `""`...)
	}
	return append(dst, s...)
}

// appendComment appends a comment, which must not end before it ends.
func appendComment(dst []byte, s string) []byte {
	dst = append(dst, '#')
	for _, r := range s {
		switch {
		case r == '\t':
			r = ' '
		case r == utf8.RuneError || r < ' ' || r == '\x7f' || r > '~' && !visible(r, utf8.UTFMax):
			r = '?'
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
