package redact

// header hides values in the header of a CGI response, and ends behind its
// empty line. See RFC 3875, section 6.
type header struct {
	names   *patterns
	done    bool
	encoded bool // there is a Content-Encoding
	name    word
	state   headerState
	value   scanner // of the current field; nil: it is shown
	one     [2]byte // what value is shown, and what it shows
}

type headerState uint8

const (
	headerName  headerState = iota
	headerSpace             // between the colon and the value
	headerValue
	headerLine // behind a line feed: the field may go on
)

func (h *header) step(c byte) byte {
	if h.done {
		return c
	}
	switch h.state {
	case headerLine:
		if c == '\n' || c == '\r' {
			h.done = c == '\n'
			return c
		}
		if c == ' ' || c == '\t' {
			h.state = headerValue
			return h.field(c)
		}
		h.state, h.value = headerName, nil
		h.name.reset()
	case headerSpace:
		if c == ' ' || c == '\t' {
			return c
		}
		h.state = headerValue
		return h.field(c)
	case headerValue:
		return h.field(c)
	}
	switch c {
	case ':':
		h.begin()
	case '\n':
		if len(h.name.buf) == 0 {
			h.done = true
		}
		h.state, h.value = headerLine, nil
	case '\r':
	default:
		h.name.add(h.names, c)
	}
	return c
}

// begin begins a value.
func (h *header) begin() {
	h.state, h.value = headerSpace, nil
	switch h.name.kind(h.names) {
	case secret:
		h.value = opaque{}
	case cookies:
		h.value = &cookie{}
	case setCookie:
		h.value = &cookie{once: true}
	case contentEncoding:
		h.encoded = true
	}
}

// field deals with a byte of a value.
func (h *header) field(c byte) byte {
	if c == '\n' {
		h.state = headerLine
	}
	if h.value == nil || c == '\n' || c == '\r' {
		return c
	}
	h.one = [2]byte{c, c}
	h.value.run(h.one[:1], h.one[1:])
	return h.one[0]
}
