package redact

import (
	"bytes"
	"strings"
)

// form hides the values of secret names in urlencoded fields: name=value&….
//
// A name begins behind anything that separates, and so is found in the query of
// a URL that is itself the value of a field, too. A value ends only where all
// agree that it does: strict, in what is known to be urlencoded, at &; otherwise
// at white space, quotes and angle brackets, too, unless it is in quotes.
type form struct {
	names  *patterns
	strict bool
	name   word
	state  formState
	quote  byte
	escape int  // hex digits still to come of %41
	code   byte // them
}

type formState uint8

const (
	formName formState = iota
	formStart
	formValue
	formQuoted
)

const (
	strictSeparators = "&?;#"
	looseSeparators  = "&?;#,:|\"'<>(){} \t\r\n"
	looseEnds        = "&\"'<> \t\r\n"
)

// separates says which bytes separate, in what is strict and in what is not.
var separates = [2][256]bool{bytesOf(looseSeparators), bytesOf(strictSeparators)}

func bytesOf(s string) (set [256]bool) {
	for _, c := range []byte(s) {
		set[c] = true
	}
	return set
}

func (f *form) separators() *[256]bool {
	if f.strict {
		return &separates[1]
	}
	return &separates[0]
}

func (f *form) run(dst, src []byte) {
	for i := 0; i < len(src); {
		if f.state == formName && f.escape == 0 {
			i += f.find(src[i:])
			continue
		}
		if shown := f.masked(src[i]); shown != src[i] {
			dst[i] = shown
		}
		i++
	}
}

// find goes on behind the next = or %, or to the end of b. Of all that is before
// it only the word right before it matters.
func (f *form) find(b []byte) int {
	end := bytes.IndexByte(b, '=')
	if end < 0 {
		end = len(b)
	}
	if i := bytes.IndexByte(b[:end], '%'); i >= 0 {
		end = i
	}
	separates := f.separators()
	begin := end
	for begin > 0 && !separates[b[begin-1]] {
		begin--
	}
	if begin > 0 {
		f.name.reset()
	}
	if name := b[begin:end]; end < len(b) && b[end] == '=' && f.name.empty() && len(name) <= maxWord { // the usual case needs no copy
		if f.names.field(name) {
			f.state = formStart
		}
		return end + 1
	}
	f.name.add(f.names, b[begin:end]...)
	if end < len(b) {
		f.gather(b[end])
		end++
	}
	return end
}

// masked deals with a byte of a secret value, right before it, or of an escape.
func (f *form) masked(c byte) byte {
	switch f.state {
	case formName: // in an escape
		f.gather(c)
		return c
	case formStart:
		if !f.strict && (c == '"' || c == '\'') {
			f.state, f.quote = formQuoted, c
			return c
		}
		f.state = formValue
	case formQuoted:
		if c == f.quote {
			f.end()
			return c
		}
		return hidden(c)
	}
	return f.value(c)
}

// value deals with a byte of a secret value.
func (f *form) value(c byte) byte {
	if c == '&' || !f.strict && strings.IndexByte(looseEnds, c) >= 0 {
		f.end()
		return c
	}
	return hidden(c)
}

func (f *form) end() {
	f.state, f.escape = formName, 0
	f.name.reset()
}

// gather takes a byte of what may be a name.
func (f *form) gather(c byte) {
	if f.escape > 0 {
		if v, ok := hexDigit(c); ok {
			f.code = f.code<<4 | v
			if f.escape--; f.escape == 0 {
				f.letter(f.code)
			}
			return
		}
		f.escape = 0
	}
	if c == '%' {
		f.escape, f.code = 2, 0
		return
	}
	f.letter(c)
}

func (f *form) letter(c byte) {
	switch {
	case c == '=':
		if f.name.field(f.names) {
			f.state = formStart
		}
		f.name.reset()
	case f.separators()[c]:
		f.name.reset()
	default:
		f.name.add(f.names, c)
	}
}

func hexDigit(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
