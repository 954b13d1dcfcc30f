package redact

import "strings"

// form hides the values of secret names in urlencoded fields: name=value&….
//
// A name begins behind anything that separates, and so is found in the query of
// a URL that is itself the value of a field, too. A value ends only where all
// agree that it does: strict, in what is known to be urlencoded, at &; otherwise
// at white space, quotes and angle brackets, too, unless it is in quotes.
type form struct {
	names  names
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

func (f *form) step(c byte) byte {
	switch f.state {
	case formStart:
		if !f.strict && (c == '"' || c == '\'') {
			f.state, f.quote = formQuoted, c
			return c
		}
		f.state = formValue
		return f.value(c)
	case formValue:
		return f.value(c)
	case formQuoted:
		if c == f.quote {
			f.end()
			return c
		}
		return hidden(c)
	}
	f.gather(c)
	return c
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
	separators := looseSeparators
	if f.strict {
		separators = strictSeparators
	}
	switch {
	case c == '=':
		if f.name.secret(f.names) {
			f.state = formStart
		}
		f.name.reset()
	case strings.IndexByte(separators, c) >= 0:
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
