package cgi

import (
	"bytes"
	"fmt"
	"iter"
)

// MaxHeader is the most bytes of a response header that are looked at.
const MaxHeader = 64 << 10

// A Header takes in the header of a CGI response, which is the beginning of
// STDOUT, in pieces of any size. The zero value is ready; Reset makes it ready
// again and keeps its memory. It allocates nothing when the whole header comes
// in one piece. See RFC 3875, section 6.
//
// Nothing that an app sends is an error here: what is wrong is told by Problem,
// and all bytes that were taken are in Bytes. The body of the response is
//
//	Bytes()[BodyStart():]   and then what Feed did not take.
type Header struct {
	buf       []byte // what was taken; the caller's memory if it came at once
	own       []byte // our memory, for reuse
	line      int    // where the current line begins
	start     int    // where the body begins
	fields    int    // lines that are fields
	status    int
	problem   Problem
	problemAt int
	location  bool
	done      bool
}

// A Problem is what is wrong with a response header. Of several it is the
// first that was found.
type Problem uint8

// The problems of a response header.
const (
	OK         Problem = iota
	NoOutput           // the output ended without a byte
	NotAHeader         // the first line is no header field: it all is body
	BadLine            // a later line is none
	BadStatus          // Status has no number of three digits in front
	StatusLine         // it begins with a status line, as only nph- programs may
	NoFields           // an empty line comes first
	TooLong            // no empty line within MaxHeader bytes
	Unfinished         // the output ended before the empty line
)

var problems = [...]string{
	OK:         "ok",
	NoOutput:   "the output is empty",
	NotAHeader: "the output does not begin with a header",
	BadLine:    "a line is not a header field",
	BadStatus:  "Status is not a number of three digits",
	StatusLine: "it begins with an HTTP status line instead of a Status field",
	NoFields:   "the header is empty",
	TooLong:    "no empty line within 65536 bytes",
	Unfinished: "the output ended inside the header",
}

// String says it in words.
func (p Problem) String() string { return problems[p] }

// Reset makes h ready for another response.
func (h *Header) Reset() { *h = Header{own: h.own[:0]} }

// Feed takes the next piece of STDOUT. It returns how many bytes of p were
// taken, and whether the header is over; after that it takes nothing. Bytes
// may point into p if the header was complete in the first piece.
func (h *Header) Feed(p []byte) (n int, done bool) {
	if h.done {
		return 0, true
	}
	before := len(h.buf)
	p = p[:min(len(p), MaxHeader-before)]
	if before == 0 {
		h.buf = p
	} else {
		h.own = append(h.own, p...)
		h.buf = h.own
	}
	for at := before; !h.done; {
		i := bytes.IndexByte(h.buf[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
		h.endLine(h.line, at)
		h.line = at
	}
	switch {
	case h.done:
		// The rest of p is body; if there is no header, all of it is.
		h.buf = h.buf[:max(h.start, before)]
	case len(h.buf) == MaxHeader:
		h.fail(TooLong, h.line)
		h.finish(MaxHeader)
	case before == 0:
		h.own = append(h.own[:0], p...)
		h.buf = h.own
	}
	return len(h.buf) - before, h.done
}

// End says that STDOUT has ended. It changes nothing if the header is over.
func (h *Header) End() {
	switch {
	case h.done:
	case len(h.buf) == 0:
		h.fail(NoOutput, 0)
		h.finish(0)
	default:
		if h.line < len(h.buf) {
			h.endLine(h.line, len(h.buf))
		}
		if !h.done {
			h.fail(Unfinished, len(h.buf))
			h.finish(len(h.buf))
		}
	}
}

// endLine looks at the line buf[from:to], its line end included.
func (h *Header) endLine(from, to int) {
	line := trimEnd(h.buf[from:to])
	first := from == 0
	if len(line) == 0 {
		if h.fields == 0 && h.problem == OK {
			h.fail(NoFields, 0)
		}
		h.finish(to)
		return
	}
	name, value, ok := splitField(line)
	switch {
	case ok:
		h.field(name, value, from)
	case first && bytes.HasPrefix(line, []byte("HTTP/")):
		h.fail(StatusLine, 0)
		if i := bytes.IndexByte(line, ' '); i > 0 {
			h.setStatus(bytes.TrimLeft(line[i:], " "), 0)
		}
	case first:
		h.fail(NotAHeader, 0)
		h.finish(0)
	default:
		h.fail(BadLine, from)
	}
}

func (h *Header) field(name, value []byte, at int) {
	h.fields++
	switch {
	case equalFold(name, "status"):
		h.setStatus(value, at)
	case equalFold(name, "location"):
		h.location = true
	}
}

// setStatus takes the first status there is, as nginx does.
func (h *Header) setStatus(value []byte, at int) {
	if h.status != 0 {
		return
	}
	code := 0
	for i := 0; i < 3 && i < len(value) && value[i] >= '0' && value[i] <= '9'; i++ {
		code = code*10 + int(value[i]-'0')
	}
	if code < 100 || len(value) > 3 && value[3] != ' ' {
		h.fail(BadStatus, at)
		return
	}
	h.status = code
}

func (h *Header) fail(p Problem, at int) {
	if h.problem == OK {
		h.problem, h.problemAt = p, at
	}
}

func (h *Header) finish(start int) {
	h.done, h.start = true, start
	if h.status != 0 || h.problem == BadStatus {
		return
	}
	h.status = 200
	if h.location {
		h.status = 302
	}
}

// Done reports whether the header is over.
func (h *Header) Done() bool { return h.done }

// Status returns the status code, 100 to 999: 200 where there is no Status, 302
// where there is a Location and no Status. It is 0 before the header is over,
// and where Status makes no sense (BadStatus).
func (h *Header) Status() int {
	if !h.done {
		return 0
	}
	return h.status
}

// Reason returns what follows the number of Status, often nothing.
func (h *Header) Reason() []byte {
	value, ok := h.Get("status")
	if h.problem == StatusLine {
		line, _, _ := bytes.Cut(h.buf, []byte("\n"))
		_, value, ok = bytes.Cut(trimEnd(line), []byte(" "))
	}
	if !ok || len(value) < 4 || value[3] != ' ' {
		return nil
	}
	return bytes.TrimSpace(value[3:])
}

// Problem returns what is wrong with the header, OK if nothing is.
func (h *Header) Problem() Problem { return h.problem }

// Err returns Problem as an error, with its place: nil if nothing is wrong.
func (h *Header) Err() error {
	if h.problem == OK {
		return nil
	}
	line, _, _ := bytes.Cut(h.buf[min(h.problemAt, len(h.buf)):], []byte("\n"))
	if len(line) > 60 {
		line = line[:60]
	}
	return fmt.Errorf("cgi: response header, offset %d: %v: %q", h.problemAt, h.problem, line)
}

// Bytes returns the bytes that were taken, the empty line included. They are
// valid until Reset, and if they came at once as long as the caller's memory.
func (h *Header) Bytes() []byte { return h.buf }

// Detach copies what Bytes returns if it is the caller's memory.
func (h *Header) Detach() {
	if len(h.own) < len(h.buf) || len(h.buf) > 0 && &h.own[0] != &h.buf[0] {
		h.own = append(h.own[:0], h.buf...)
		h.buf = h.own
	}
}

// BodyStart returns the offset in STDOUT where the body begins: the length of
// the header, or 0 if there is none.
func (h *Header) BodyStart() int { return h.start }

// Fields returns the fields in order, duplicates included: the name as it came
// and the value without the white space around it. Lines that are no fields are
// left out. The slices point into Bytes.
func (h *Header) Fields() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for rest := h.buf[:h.start]; len(rest) > 0; {
			line := rest
			if i := bytes.IndexByte(rest, '\n'); i >= 0 {
				line = rest[:i+1]
			}
			rest = rest[len(line):]
			if name, value, ok := splitField(trimEnd(line)); ok && !yield(name, value) {
				return
			}
		}
	}
}

// Get returns the value of the first field of that name, in either case, and
// whether there is one.
func (h *Header) Get(name string) ([]byte, bool) {
	for n, v := range h.Fields() {
		if equalFold(n, name) {
			return v, true
		}
	}
	return nil, false
}

func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// splitField splits name: value. A name is a token of RFC 9110, section 5.6.2.
func splitField(line []byte) (name, value []byte, ok bool) {
	i := 0
	for i < len(line) && isToken(line[i]) {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return nil, nil, false
	}
	return line[:i], bytes.Trim(line[i+1:], " \t"), true
}

func isToken(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		return true
	}
	return bytes.IndexByte([]byte("!#$%&'*+.^`|~"), c) >= 0
}

// equalFold compares ASCII without regard to case; strings.EqualFold would
// need a conversion, and knows of letters that are no ASCII.
func equalFold[A, B []byte | string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
