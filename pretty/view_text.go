package pretty

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// claimText: UTF-8, but for a character that is cut at its end, and few
// control characters.
func claimText(m Meta, b []byte) int {
	odd := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n == 1 && (utf8.FullRune(b[i:]) || !m.Cut):
			odd += 4
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
			odd++
		}
		i += n
	}
	if odd*10 > len(b) {
		return 0
	}
	return claimContent
}

func renderText(dst []byte, _ Meta, b []byte) []byte { return appendTextLines(dst, b) }

// claimCharset: a text that says that it is in one of the usual encodings of
// old, or that begins with the mark of UTF-16.
func claimCharset(m Meta, b []byte) int {
	if utf16Order(m, b) != nil {
		return claimType
	}
	if _, ok := singleByte(m.Charset); ok && !utf8.Valid(b) && claimLatin(b) {
		return claimType
	}
	return 0
}

// claimLatin: few control characters.
func claimLatin(b []byte) bool {
	odd := 0
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			odd++
		}
	}
	return odd*10 <= len(b)
}

func renderCharset(dst []byte, m Meta, b []byte) []byte {
	var text []byte
	if order := utf16Order(m, b); order != nil {
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = order.Uint16(b[2*i:])
		}
		for _, r := range utf16.Decode(units) {
			text = utf8.AppendRune(text, r)
		}
		return appendTextLines(dst, bytes.TrimPrefix(text, []byte("\ufeff")))
	}
	high, _ := singleByte(m.Charset)
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 && c < 0xa0 {
			r = high[c-0x80]
		}
		text = utf8.AppendRune(text, r)
	}
	return appendTextLines(dst, text)
}

// utf16Order returns the byte order of a text in UTF-16, nil if it is none.
func utf16Order(m Meta, b []byte) binary.ByteOrder {
	switch {
	case len(b) < 2:
		return nil
	case b[0] == 0xff && b[1] == 0xfe || m.Charset == "utf-16le":
		return binary.LittleEndian
	case b[0] == 0xfe && b[1] == 0xff || m.Charset == "utf-16be" || m.Charset == "utf-16":
		return binary.BigEndian
	}
	return nil
}

// singleByte returns what an encoding that is like ISO 8859-1 otherwise has
// from 0x80 to 0x9f. What browsers call ISO 8859-1 is Windows-1252.
func singleByte(charset string) (high [32]rune, ok bool) {
	switch charset {
	case "iso-8859-1", "latin1", "windows-1252", "cp1252", "us-ascii":
		return windows1252, true
	}
	return high, false
}

// windows1252 has U+FFFD where nothing is assigned.
var windows1252 = [32]rune{
	'€', 0xfffd, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0xfffd, 'Ž', 0xfffd,
	0xfffd, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0xfffd, 'ž', 'Ÿ',
}
