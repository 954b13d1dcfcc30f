package capture

import (
	"bytes"
	"strconv"
)

// A cell is a way to print bytes in a line of a dump.
type cell struct {
	size int // the last line is filled up to a multiple of so many bytes
	// parse appends the bytes that s, the part of a line behind its offset,
	// holds to dst; false: it cannot be read so.
	parse func(dst, s []byte) ([]byte, bool)
}

// cells lists what hexdump and od print, the likelier before the less likely.
var cells = []cell{
	{1, words(1, 16, 2, true)},
	{2, words(2, 16, 4, true)},
	{4, words(4, 16, 8, true)},
	{8, words(8, 16, 16, true)},
	{2, words(2, 16, 4, false)},
	{4, words(4, 16, 8, false)},
	{8, words(8, 16, 16, false)},
	{1, words(1, 8, 3, true)},
	{2, words(2, 8, 6, true)},
	{4, words(4, 8, 11, true)},
	{1, words(1, 10, 0, true)},
	{2, words(2, 10, 0, true)},
	{4, words(4, 10, 0, true)},
	{16, characters}, // hexdump -c fills up with spaces
}

// groups lists what xxd prints.
var groups = []cell{
	{1, hexGroups(false)},
	{1, hexGroups(true)},
	{1, bitGroups},
}

// words reads numbers of size bytes in a base. With a width they have exactly
// that many digits, otherwise as many as it takes, and perhaps a sign.
func words(size, base, width int, little bool) func(dst, s []byte) ([]byte, bool) {
	return func(dst, s []byte) ([]byte, bool) {
		for _, word := range bytes.Fields(s) {
			if word[0] == '|' || word[0] == '>' {
				break // the same as text follows
			}
			if width > 0 && len(word) != width {
				return dst, false
			}
			v, err := strconv.ParseUint(string(word), base, size*8)
			if width == 0 && word[0] == '-' {
				var signed int64
				signed, err = strconv.ParseInt(string(word), base, size*8)
				v = uint64(signed)
			}
			if err != nil {
				return dst, false
			}
			dst = appendWord(dst, v, size, little)
		}
		return dst, true
	}
}

func appendWord(dst []byte, v uint64, size int, little bool) []byte {
	for i := range size {
		shift := 8 * i
		if !little {
			shift = 8 * (size - 1 - i)
		}
		dst = append(dst, byte(v>>shift))
	}
	return dst
}

// hexGroups reads groups of any even number of digits; reversed, each group
// begins with its last byte.
func hexGroups(reversed bool) func(dst, s []byte) ([]byte, bool) {
	return func(dst, s []byte) ([]byte, bool) {
		for _, word := range bytes.Fields(s) {
			if len(word)%2 != 0 {
				return dst, false
			}
			start := len(dst)
			for i := 0; i < len(word); i += 2 {
				hi, lo := hexDigit(word[i]), hexDigit(word[i+1])
				if hi < 0 || lo < 0 {
					return dst, false
				}
				dst = append(dst, byte(hi<<4|lo))
			}
			if reversed {
				for i, j := start, len(dst)-1; i < j; i, j = i+1, j-1 {
					dst[i], dst[j] = dst[j], dst[i]
				}
			}
		}
		return dst, true
	}
}

func bitGroups(dst, s []byte) ([]byte, bool) {
	for _, word := range bytes.Fields(s) {
		for ; len(word) > 0; word = word[8:] {
			if len(word)%8 != 0 {
				return dst, false
			}
			v, err := strconv.ParseUint(string(word[:8]), 2, 8)
			if err != nil {
				return dst, false
			}
			dst = append(dst, byte(v))
		}
	}
	return dst, true
}

// escapes are those of C.
var escapes = map[byte]byte{'0': 0, 'a': 7, 'b': 8, 't': 9, 'n': 10, 'v': 11, 'f': 12, 'r': 13, 'e': 27}

// characters reads what od -c and hexdump -c print: cells four wide, each with
// a character, an escape or three octal digits.
func characters(dst, s []byte) ([]byte, bool) {
	for ; len(s) >= 4; s = s[4:] {
		c := bytes.TrimLeft(s[:4], " ")
		switch {
		case s[0] != ' ':
			return dst, false
		case len(c) == 0:
			dst = append(dst, ' ')
		case len(c) == 1:
			dst = append(dst, c[0])
		case len(c) == 2 && c[0] == '\\':
			v, ok := escapes[c[1]]
			if !ok {
				return dst, false
			}
			dst = append(dst, v)
		default:
			v, err := strconv.ParseUint(string(c), 8, 8)
			if err != nil || len(c) != 3 {
				return dst, false
			}
			dst = append(dst, byte(v))
		}
	}
	return dst, len(bytes.TrimLeft(s, " ")) == 0
}

// hexDigit returns the value of a digit, -1 for another character.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
