package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
)

// maxRepeat bounds the lines that a * stands for, in bytes. No record is so
// long that it could hold more of the same.
const maxRepeat = 1 << 20

// A layout is how the lines of a dump with offsets are made.
type layout struct {
	colon bool // xxd: the offset ends in a colon
	bare  bool // od -A n: there are no offsets
	text  int  // xxd: column of the text behind the bytes, 0 if there is none
	cell  cell
	base  int // of the offsets
}

// split takes the offset off a line. It reports false for a line that has
// none: a prompt, a heading, an empty line.
func (l *layout) split(line []byte) (offset, rest []byte, ok bool) {
	line = bytes.TrimLeft(line, " \t")
	n := 0
	for n < len(line) && hexDigit(line[n]) >= 0 {
		n++
	}
	offset, rest = line[:n], line[n:]
	switch {
	case n < 6 || n > 16:
		return nil, nil, false
	case l.colon && (len(rest) == 0 || rest[0] != ':'), !l.colon && len(rest) > 0 && rest[0] != ' ':
		return nil, nil, false
	}
	if l.colon {
		rest = rest[1:]
		if l.text > 0 && len(rest) > l.text {
			rest = rest[:l.text]
		}
	}
	return offset, rest, true
}

// offsetDump decodes lines of a layout. A line is held back until the offset
// of the next one tells how much of it counts.
type offsetDump struct {
	layout
	line    []byte // held back
	at      int64  // its offset
	holding bool
	star    bool // a * came after it
}

// notBytes is said of a line that cannot be read. No message about damage quotes
// the input: it may hold what is to be masked.
const notBytes = "the line does not hold bytes as those before it do"

// decode implements decoder.
func (d *offsetDump) decode(dst, line []byte) ([]byte, error) {
	if string(bytes.TrimSpace(line)) == "*" {
		d.star = d.holding
		return dst, nil
	}
	if d.bare {
		n := len(dst)
		dst, ok := d.cell.parse(dst, line)
		if !ok {
			return dst[:n], &lossError{-1, notBytes}
		}
		return dst, nil
	}
	offset, rest, ok := d.split(line)
	if !ok {
		return dst, nil
	}
	at, err := strconv.ParseInt(string(offset), d.base, 64)
	if err != nil {
		return d.damaged(dst, "the offset is no number in base %d", d.base)
	}
	dst, err = d.settle(dst, at)
	d.line, ok = d.cell.parse(d.line[:0], rest)
	d.at, d.holding = at, true
	if !ok {
		d.holding = false
		return d.damaged(dst, notBytes)
	}
	return dst, err
}

func (d *offsetDump) damaged(dst []byte, format string, args ...any) ([]byte, error) {
	return d.release(dst), &lossError{-1, fmt.Sprintf(format, args...)}
}

// settle appends the line that was held back, now that the next one is known
// to begin at offset at.
func (d *offsetDump) settle(dst []byte, at int64) ([]byte, error) {
	if !d.holding {
		return dst, nil
	}
	n := at - d.at
	length := int64(len(d.line))
	switch {
	case d.star && n > maxRepeat:
		return d.damaged(dst, "a line repeated for %d bytes", n)
	case d.star && length > 0:
		for ; n > 0; n -= length {
			dst = append(dst, d.line[:min(n, length)]...)
		}
		d.holding, d.star = false, false
		return dst, nil
	case n > 0 && n < length && length-n < int64(d.cell.size):
		d.line = d.line[:n] // the last word was filled up
	case n > length:
		return d.release(dst), &lossError{n - length, fmt.Sprintf("%d bytes are missing before offset %d", n-length, at)}
	}
	return d.release(dst), nil
}

// end implements decoder.
func (d *offsetDump) end(dst []byte) ([]byte, error) { return d.release(dst), nil }

// release appends the line that was held back.
func (d *offsetDump) release(dst []byte) []byte {
	if d.holding {
		dst = append(dst, d.line...)
	}
	d.holding, d.star = false, false
	return dst
}

// learn finds the cell and the base of offsets with which the lines make sense,
// and says how sure it is: 0 if they make none.
func learn(lines [][]byte, l layout, cells []cell) (layout, int) {
	best, score := l, 0
	for _, c := range cells {
		l.cell = c
		for _, base := range []int{16, 8, 10} {
			l.base = base
			b, ok := l.fits(lines)
			if s := scoreLikes + 10*likely(b) + l.agrees(lines); ok && s > score {
				best, score = l, s
			}
		}
	}
	return best, score
}

// fits decodes the lines, if they can be.
func (l layout) fits(lines [][]byte) ([]byte, bool) {
	d := offsetDump{layout: l}
	var b []byte
	for _, line := range lines {
		var err error
		if b, err = d.decode(b, line); err != nil {
			return nil, false
		}
	}
	b = d.release(b)
	return b, len(b) > 0
}

// agrees tells by the text behind the bytes whether these are right.
func (l layout) agrees(lines [][]byte) int {
	for _, line := range lines {
		if _, rest, ok := l.split(line); ok && l.text > 0 {
			b, _ := l.cell.parse(nil, rest)
			at := bytes.IndexByte(line, ':') + 1 + l.text
			if at >= len(line) {
				continue
			}
			text := bytes.TrimLeft(line[at:], " ")
			if off := len(line[at:]) - len(text); off > 1 || len(b) > 0 && b[0] == ' ' {
				continue
			}
			if len(text) != len(b) {
				return 0
			}
			for i, c := range b {
				if c >= ' ' && c < 0x7f && text[i] != c {
					return 0
				}
			}
		}
	}
	if l.text > 0 {
		return 5
	}
	return 0
}

func learnXxd(head []byte) (layout, int) {
	lines := headLines(head)
	l := layout{colon: true}
	for _, line := range lines {
		offset, rest, ok := l.split(line)
		if !ok || len(offset) < 8 {
			continue
		}
		// Two spaces end the bytes of a line; a short one is filled up.
		if i := bytes.Index(rest, []byte("  ")); i > 0 {
			l.text = i + 1
		}
		return learn(lines, l, groups)
	}
	return l, 0
}

func matchXxd(head []byte) int {
	if !isText(head) {
		return 0
	}
	_, score := learnXxd(head)
	return score
}

func openXxd(r *bufio.Reader, o Options) (Source, error) {
	l, score := learnXxd(peekHead(r))
	if score == 0 {
		return nil, fmt.Errorf("capture: no output of xxd")
	}
	return newLineStream(r, &offsetDump{layout: l}), nil
}

func learnHexdump(head []byte) (layout, int) {
	lines := headLines(head)
	l, score := learn(lines, layout{}, cells)
	if score == 0 && len(lines) > 0 && len(lines[0]) > 0 && lines[0][0] == ' ' {
		// Without offsets, single bytes in hex are any hex.
		if l, score = learn(lines, layout{bare: true}, cells[1:]); score > 0 {
			score -= 5
		}
	}
	return l, score
}

func matchHexdump(head []byte) int {
	if !isText(head) {
		return 0
	}
	_, score := learnHexdump(head)
	return score
}

func openHexdump(r *bufio.Reader, o Options) (Source, error) {
	l, score := learnHexdump(peekHead(r))
	if score == 0 {
		return nil, fmt.Errorf("capture: no output of hexdump or od")
	}
	return newLineStream(r, &offsetDump{layout: l}), nil
}
