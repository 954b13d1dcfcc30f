package redact

import "bytes"

const (
	maxDelimiter = 256     // bytes of the line between parts; the standard allows 72
	maxPartLine  = 1 << 10 // bytes of a line of a part's header; a longer one may name anything
)

// multipart hides the parts of multipart/form-data that have secret names. Its
// first line is the delimiter. What could be the beginning of the delimiter is
// shown, and so are line ends.
type multipart struct {
	names  *patterns
	state  partState
	delim  []byte
	line   []byte
	secret bool // the current part
	match  int  // bytes of delim at the beginning of this line; -1: it is another line
}

type partState uint8

const (
	partFirst partState = iota // in the first line
	partHeader
	partBody
	partDelimiter // behind the delimiter: it may be the beginning of something else
	partRest      // of the line of the delimiter
	partNone      // this is no multipart
)

func (m *multipart) run(dst, src []byte) {
	for i := 0; i < len(src); {
		switch {
		case m.state == partNone:
			return
		case m.state == partBody && m.match < 0: // nothing but the line's end matters
			n := bytes.IndexByte(src[i:], '\n')
			if n < 0 {
				n = len(src) - i
			}
			if m.secret {
				each(m.body, dst[i:i+n], src[i:i+n])
			}
			if i += n; i < len(src) {
				m.match = 0
				i++
			}
		default:
			if shown := m.step(src[i]); shown != src[i] {
				dst[i] = shown
			}
			i++
		}
	}
}

func (m *multipart) step(c byte) byte {
	switch m.state {
	case partFirst:
		m.first(c)
	case partHeader:
		m.header(c)
	case partBody:
		return m.body(c)
	case partDelimiter:
		if c != '\r' && c != '\n' && c != '-' && c != ' ' && c != '\t' {
			m.state, m.match = partBody, -1
			return m.body(c)
		}
		m.state = partRest
		if c == '\n' {
			m.part()
		}
	case partRest:
		if c == '\n' {
			m.part()
		}
	}
	return c
}

// first gathers the delimiter.
func (m *multipart) first(c byte) {
	switch {
	case c == '\n' && len(m.delim) > 2:
		m.part()
	case c == '\r', c == '\n' && len(m.delim) == 0:
	case len(m.delim) < 2 && c != '-' || len(m.delim) == maxDelimiter:
		m.state, m.delim = partNone, nil
	default:
		m.delim = append(m.delim, c)
	}
}

// part begins the header of a part.
func (m *multipart) part() { m.state, m.secret, m.line = partHeader, false, m.line[:0] }

// header gathers a line of a part's header.
func (m *multipart) header(c byte) {
	if c != '\n' {
		if len(m.line) < maxPartLine {
			m.line = append(m.line, c)
		}
		return
	}
	line := bytes.TrimSuffix(m.line, []byte("\r"))
	if len(line) == 0 {
		m.state, m.match = partBody, 0
	}
	m.secret = m.secret || len(m.line) == maxPartLine || secretPart(m.names, line)
	m.line = m.line[:0]
}

// secretPart reports whether there is a secret name in a line such as
//
//	Content-Disposition: form-data; name="a"; filename="b"
//
// Of several names, applications do not agree which counts.
func secretPart(n *patterns, line []byte) bool {
	field, rest, ok := bytes.Cut(line, []byte(":"))
	if !ok || !bytes.EqualFold(bytes.TrimSpace(field), []byte("content-disposition")) {
		return false
	}
	for at := 0; at < len(rest); at++ {
		tail := rest[at:]
		if len(tail) < 5 || !bytes.EqualFold(tail[:4], []byte("name")) || at > 0 && bytes.IndexByte([]byte("; \t"), rest[at-1]) < 0 {
			continue
		}
		value, ok := bytes.CutPrefix(bytes.TrimLeft(tail[4:], "* \t"), []byte("="))
		if ok && n.field(unquote(bytes.TrimLeft(value, " \t"))) {
			return true
		}
	}
	return false
}

// unquote returns the value at the beginning of b, in quotes or not.
func unquote(b []byte) (name []byte) {
	if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
		if i := bytes.IndexAny(b, "; \t"); i >= 0 {
			b = b[:i]
		}
		return append(name, b...)
	}
	for i := 1; i < len(b) && b[i] != b[0]; i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		name = append(name, b[i])
	}
	return name
}

// body deals with a byte of a part.
func (m *multipart) body(c byte) byte {
	switch {
	case c == '\n':
		m.match = 0
		return c
	case c == '\r':
		m.match = -1
		return c
	case m.match >= 0 && c == m.delim[m.match]:
		if m.match++; m.match == len(m.delim) {
			m.state = partDelimiter
		}
		return c
	}
	m.match = -1
	if m.secret {
		return hidden(c)
	}
	return c
}
