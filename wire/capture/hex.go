package capture

import (
	"bufio"
	"bytes"

	"github.com/fcgiscope/fcgiscope/wire"
)

// bareHex decodes hex digits with whatever is usual between them: nothing,
// spaces, colons, commas, 0x.
type bareHex struct {
	half    int // the first digit of a byte, -1 if there is none
	prefix  bool
	started bool
}

// decode implements decoder.
func (d *bareHex) decode(dst, p []byte) ([]byte, error) {
	if !d.started {
		d.half, d.started = -1, true
	}
	for _, c := range p {
		switch v := hexDigit(c); {
		case v >= 0 && d.half < 0:
			d.half = v
		case v >= 0:
			dst = append(dst, byte(d.half<<4|v))
			d.half, d.prefix = -1, false
		case (c == 'x' || c == 'X') && d.half == 0 && !d.prefix:
			d.half, d.prefix = -1, true
		case bytes.IndexByte([]byte(" \t\r\n,:;-"), c) < 0:
			return dst, &lossError{-1, "something that is no hex"}
		case d.half >= 0 && d.prefix:
			dst = append(dst, byte(d.half))
			d.half, d.prefix = -1, false
		case d.half >= 0 && c != '\n' && c != '\r':
			d.half = -1
			return dst, &lossError{-1, "a byte with one digit"}
		}
	}
	return dst, nil
}

// end implements decoder.
func (d *bareHex) end(dst []byte) ([]byte, error) {
	half, prefix := d.half, d.prefix
	d.half, d.prefix = -1, false
	switch {
	case half < 0 || !d.started:
		return dst, nil
	case prefix:
		return append(dst, byte(half)), nil
	}
	return dst, &lossError{-1, "the last byte has one digit"}
}

func matchHex(head []byte) int {
	head = wholeWords(head)
	if len(bytes.TrimSpace(head)) < 2 {
		return 0
	}
	b, err := new(bareHex).decode(nil, head)
	if err != nil {
		return 0
	}
	// Any number is hex: it has to make sense.
	if n := likely(b); n > 0 {
		return scoreLikes + 10*n
	}
	return 0
}

// looksHex says what head looks like if it is hex digits and nothing else.
func looksHex(head []byte) string {
	b, err := new(bareHex).decode(nil, wholeWords(head))
	if err != nil || len(b) == 0 {
		return ""
	}
	if hint := wire.Hint(b); hint != "" {
		return "looks like hex of what " + hint
	}
	return "looks like hex, but not of FastCGI"
}

func openHex(r *bufio.Reader, o Options) (Source, error) {
	return newTextStream(r, new(bareHex)), nil
}

// wholeWords cuts off what may be the first part of a word, of a head that is
// as long as a head can be.
func wholeWords(head []byte) []byte {
	if len(head) < detectLen {
		return head
	}
	if i := bytes.LastIndexAny(head, " ,\n"); i > 0 {
		return head[:i]
	}
	return head
}

// A base64Decoder decodes both alphabets, in lines or in one, padded or not.
type base64Decoder struct {
	bits uint32
	n    int // bits in bits
}

// decode implements decoder.
func (d *base64Decoder) decode(dst, p []byte) ([]byte, error) {
	for _, c := range p {
		v := sixBits(c)
		switch {
		case v >= 0:
			d.bits, d.n = d.bits<<6|uint32(v), d.n+6
			if d.n >= 8 {
				d.n -= 8
				dst = append(dst, byte(d.bits>>d.n))
			}
		case c == '=':
			d.n = 0 // the next one may begin here
		case bytes.IndexByte([]byte(" \t\r\n"), c) < 0:
			return dst, &lossError{-1, "something that is no base64"}
		}
	}
	return dst, nil
}

// end implements decoder.
func (d *base64Decoder) end(dst []byte) ([]byte, error) {
	n := d.n
	d.n = 0
	if n == 6 {
		return dst, &lossError{-1, "the last character is only a part of a byte"}
	}
	return dst, nil
}

func sixBits(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+' || c == '-':
		return 62
	case c == '/' || c == '_':
		return 63
	}
	return -1
}

func matchBase64(head []byte) int {
	b, err := new(base64Decoder).decode(nil, head)
	if err != nil {
		return 0
	}
	// Any word is base64: it has to make sense.
	if n := likely(b); n > 0 {
		return scoreLikes + 10*n - 5
	}
	return 0
}

func openBase64(r *bufio.Reader, o Options) (Source, error) {
	return newTextStream(r, new(base64Decoder)), nil
}
