package pretty

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// appendView shows the beginning of a body of total bytes, of which b is here:
// at most max bytes of it (0: all). A text is shown line by line, escaped
// where it has to be, anything else in hexadecimal. What is left out is said.
func appendView(dst, b []byte, max int, total int64) []byte {
	b = clip(b, max)
	if looksLikeText(b) {
		for line := range bytes.Lines(b) {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			dst = append(appendTextLine(dst, line), '\n')
		}
	} else {
		dst = appendDump(dst, b, 0)
	}
	if rest := total - int64(len(b)); rest > 0 {
		dst = append(appendCount(append(dst, "... "...), rest, "byte"), " more\n"...)
	}
	return dst
}

// appendTextLine appends a line with tabs kept and everything else escaped
// that is not printable.
func appendTextLine(dst, line []byte) []byte {
	for i, part := range bytes.Split(line, []byte("\t")) {
		if i > 0 {
			dst = append(dst, '\t')
		}
		dst = appendClean(dst, part)
	}
	return dst
}

// looksLikeText reports whether b is UTF-8, but for a character that is cut at
// its end, and has few control characters.
func looksLikeText(b []byte) bool {
	odd := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n == 1 && utf8.FullRune(b[i:]):
			odd += 4
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
			odd++
		}
		i += n
	}
	return odd*10 <= len(b)
}

// appendDump appends rows of 16 bytes in hexadecimal with their offset, from
// base on, and what of them is printable ASCII.
func appendDump(dst, b []byte, base int64) []byte {
	for len(b) > 0 {
		row := b[:min(16, len(b))]
		dst = appendHexInt(dst, base, 8)
		for i := range 16 {
			if i%8 == 0 {
				dst = append(dst, ' ')
			}
			if i < len(row) {
				dst = append(dst, ' ', hexDigits[row[i]>>4], hexDigits[row[i]&15])
			} else {
				dst = append(dst, "   "...)
			}
		}
		dst = append(appendASCII(append(dst, "  "...), row), '\n')
		base += int64(len(row))
		b = b[len(row):]
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
