package pretty

import (
	"bytes"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// This file colours the text form after it was rendered, so that there is one
// rendering, and what it says does not depend on colours. In the text form a
// quote or line feed of a peer is always escaped: lines, words and strings can
// be told apart by their bytes.

// lines appends lines of the text form to dst, coloured.
func (p *palette) lines(dst, lines []byte) []byte {
	if !p.on {
		return append(dst, lines...)
	}
	for line := range bytes.Lines(lines) {
		dst = p.line(dst, bytes.TrimSuffix(line, []byte("\n")))
		dst = append(dst, '\n')
	}
	return dst
}

func (p *palette) line(dst, line []byte) []byte {
	words := bytes.TrimLeft(line, " ")
	dst = append(dst, line[:len(line)-len(words)]...)
	if len(words) == 0 {
		return dst
	}
	switch words[0] {
	case '#':
		return p.comment(words).append(dst, words)
	case '@', '!':
		return p.note.append(dst, words)
	case '>', '<':
		dir := wire.ToApp
		if words[0] == '<' {
			dir = wire.ToServer
		}
		typ := wordLen(words[2:])
		dst = p.dir(dir).append(dst, words[:2])
		if words[2] == '!' {
			return p.levels[wire.Should].append(dst, words[2:])
		}
		dst = p.typ.append(dst, words[2:2+typ])
		words = words[2+typ:]
	}
	return p.arguments(dst, words)
}

// comment returns the style of a comment: findings have that of their level.
func (p *palette) comment(line []byte) style {
	if l, ok := levelOf(strings.TrimPrefix(string(line[:min(len(line), 16)]), "# ")); ok {
		return p.levels[l]
	}
	return p.note
}

// arguments colours names and values.
func (p *palette) arguments(dst, b []byte) []byte {
	for len(b) > 0 {
		n := wordLen(b)
		switch {
		case n == 0:
			dst = append(dst, b[0])
			n = 1
		case n < len(b) && b[n] == '=':
			dst = append(p.name.append(dst, b[:n]), '=')
			n++
		default:
			dst = p.value.append(dst, b[:n])
		}
		b = b[n:]
	}
	return dst
}

// wordLen returns how many bytes b has before a space or = that is not within
// quotes.
func wordLen(b []byte) int {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '=') && !quoted:
			return i
		}
	}
	return len(b)
}
