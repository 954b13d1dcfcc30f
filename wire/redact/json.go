package redact

import "bytes"

// json hides the values of secret names in JSON, and in what has JSON in it: a
// name is what stands between two quotes before a colon. All scalars of a value
// that is an object or an array are hidden.
type json struct {
	names  *patterns
	name   word // since the last quote
	hot    bool // the name before the last quote is secret
	state  jsonState
	depth  int  // of objects and arrays in a secret value
	escape int  // 1 behind a backslash; 5 to 2: hex digits to come of \u0041
	code   rune // them
}

type jsonState uint8

const (
	jsonName   jsonState = iota
	jsonQuote            // behind a closing quote: a colon makes it a name
	jsonStart            // behind the colon of a secret name
	jsonValue            // in an object or an array
	jsonString           // in a string
	jsonBare             // in a number or a word
)

func (j *json) run(dst, src []byte) {
	for i := 0; i < len(src); {
		if j.state == jsonName && j.escape == 0 {
			i += j.find(src[i:])
			continue
		}
		if shown := j.step(src[i]); shown != src[i] {
			dst[i] = shown
		}
		i++
	}
}

// find goes on behind the next quote or backslash, or to the end of b.
func (j *json) find(b []byte) int {
	end := bytes.IndexByte(b, '"')
	if end < 0 {
		end = len(b)
	}
	if i := bytes.IndexByte(b[:end], '\\'); i >= 0 {
		end = i
	} else if end+1 < len(b) && b[end+1] != ':' && !isSpace(b[end+1]) {
		// What is before this quote is no name.
		j.name.reset()
		return end + 1
	}
	j.name.add(j.names, b[:end]...)
	if end < len(b) {
		j.gather(b[end])
		end++
	}
	return end
}

func (j *json) step(c byte) byte {
	switch j.state {
	case jsonQuote:
		if isSpace(c) {
			return c
		}
		j.state = jsonName
		if c == ':' && j.hot {
			j.state = jsonStart
			return c
		}
	case jsonStart:
		return j.start(c)
	case jsonString:
		return j.text(c)
	case jsonValue:
		return j.nested(c)
	case jsonBare:
		if c == ',' || c == '}' || c == ']' || isSpace(c) {
			j.end()
			return c
		}
		return bare(c)
	}
	j.gather(c)
	return c
}

// start deals with the bytes before a value, and its first.
func (j *json) start(c byte) byte {
	switch {
	case isSpace(c):
	case c == '"':
		j.state = jsonString
	case c == '{' || c == '[':
		j.state, j.depth = jsonValue, 1
	case c == ',' || c == '}' || c == ']':
		j.end()
	default:
		j.state = jsonBare
		return bare(c)
	}
	return c
}

// text deals with a byte of a secret string.
func (j *json) text(c byte) byte {
	switch {
	case j.escape > 0:
		j.escape = 0
	case c == '\\':
		j.escape = 1
	case c == '"':
		if j.depth == 0 {
			j.end()
		} else {
			j.state = jsonValue
		}
		return c
	}
	return hidden(c)
}

// nested deals with a byte of a secret object or array, outside of strings.
func (j *json) nested(c byte) byte {
	switch c {
	case '"':
		j.state = jsonString
	case '{', '[':
		j.depth++
	case '}', ']':
		if j.depth--; j.depth == 0 {
			j.end()
		}
	case ',', ':':
	default:
		if !isSpace(c) {
			return bare(c)
		}
	}
	return c
}

// bare hides a byte of a number or a word; a number remains one.
func bare(c byte) byte {
	if '0' <= c && c <= '9' {
		return digit
	}
	if c == '-' || c == '.' {
		return c
	}
	return hidden(c)
}

func (j *json) end() {
	j.state, j.depth, j.escape = jsonName, 0, 0
	j.name.reset()
}

// gather takes a byte of what may be a name.
func (j *json) gather(c byte) {
	switch {
	case j.escape > 1:
		if v, ok := hexDigit(c); ok {
			j.code = j.code<<4 | rune(v)
		}
		if j.escape--; j.escape == 1 {
			j.escape = 0
			j.name.add(j.names, byte(min(j.code, 0xff)))
		}
	case j.escape == 1:
		j.escape = 0
		if c == 'u' {
			j.escape, j.code = 5, 0
			return
		}
		j.name.add(j.names, c)
	case c == '\\':
		j.escape = 1
	case c == '"':
		j.hot, j.state = j.name.field(j.names), jsonQuote
		j.name.reset()
	default:
		j.name.add(j.names, c)
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
