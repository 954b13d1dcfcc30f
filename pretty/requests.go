package pretty

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The bounds of what the format requests keeps of requests that have not
// ended. What goes beyond them is counted and said to be left out.
const (
	requestsBody     = 4 << 10   // bytes of each body that are shown, unless MaxBody says otherwise
	requestsHeader   = 16 << 10  // bytes of a response header
	requestsParams   = 256 << 10 // bytes of names and values of a request, as they are shown
	requestsPair     = 64        // bytes that a pair takes besides
	requestsFindings = 32        // findings of a request
	requestsName     = 100       // bytes of a name that are shown
	requestsType     = 200       // bytes of a content type
	requestsHeld     = 16 << 20  // bytes of all requests
)

// requestsSink writes one block a request, when it ends.
type requestsSink struct {
	output
	o       Options
	palette palette
	clock   clock
	open    map[requestKey]*requestBlock
	held    int
}

type requestKey struct{ conn, seq int }

// requestBlock is what is kept of a request.
type requestBlock struct {
	params   [][]string // name and value, quoted
	pairs    int        // bytes of them
	streams  map[wire.Type]*heldStream
	header   []byte // of the response, with its empty line
	headed   int    // bytes of it
	in, out  Meta   // of the bodies to and from the application
	findings [][]byte
	omitted  int // params and findings that were not kept
	bytes    int // what it adds to requestsSink.held
}

// heldStream is the beginning of a stream.
type heldStream struct {
	kept  []byte
	total int64
}

func newRequests(w io.Writer, o Options) Sink {
	if o.MaxBody == 0 {
		o.MaxBody = requestsBody
	}
	return &requestsSink{output: output{w: w}, o: o, palette: newPalette(o.Color), open: map[requestKey]*requestBlock{}}
}

func (s *requestsSink) Event(e *flow.Event) error {
	if e.Request == nil {
		s.buf = s.palette.lines(s.buf, appendAside(nil, e))
		return s.spill()
	}
	key := requestKey{e.Conn.N, e.Request.Seq}
	b := s.open[key]
	if b == nil {
		if e.Kind != flow.KindRequestBegun && e.Kind != flow.KindRequestEnded {
			return s.err // the record that begins a request comes before it
		}
		b = &requestBlock{streams: map[wire.Type]*heldStream{}}
		s.open[key] = b
	}
	switch e.Kind {
	case flow.KindRecord, flow.KindChunk:
		s.content(b, e)
	case flow.KindPair:
		s.pair(b, e.Pair)
		if string(e.Pair.Name) == "CONTENT_TYPE" {
			b.in = newMeta(clip(e.Pair.Value, requestsType), nil)
		}
	case flow.KindResponse:
		s.response(b, e.Data)
	case flow.KindFinding:
		if len(b.findings) < requestsFindings {
			b.findings = append(b.findings, appendFinding(nil, e.Finding))
		} else {
			b.omitted++
		}
	case flow.KindRequestEnded:
		s.block(e, b)
		s.held -= b.bytes
		delete(s.open, key)
	}
	return s.spill()
}

// room returns how many of n bytes may be kept for a request, and counts them.
func (s *requestsSink) room(b *requestBlock, n int) int {
	n = max(0, min(n, requestsHeld-s.held))
	s.held += n
	b.bytes += n
	return n
}

// content keeps the beginning of a stream of bytes.
func (s *requestsSink) content(b *requestBlock, e *flow.Event) {
	spec := e.Header.Type.Spec()
	if e.Pieces || spec == nil || !spec.Stream || spec.Shape != wire.Bytes {
		return
	}
	h := b.streams[e.Header.Type]
	if h == nil {
		h = &heldStream{}
		b.streams[e.Header.Type] = h
	}
	h.total += int64(len(e.Data))
	limit := s.o.MaxBody + requestsHeader
	if e.Header.Type.Spec().Dir == wire.ToApp || b.header != nil {
		limit = s.o.MaxBody
	}
	n := s.room(b, min(len(e.Data), max(0, limit-len(h.kept))))
	h.kept = append(h.kept, e.Data[:n]...)
}

func (s *requestsSink) pair(b *requestBlock, p wire.Pair) {
	name, value := string(appendValue(nil, p.Name, requestsName)), string(appendValue(nil, p.Value, s.o.MaxBody))
	n := len(name) + len(value) + requestsPair
	if b.pairs+n > requestsParams || s.room(b, n) < n {
		b.omitted++
		return
	}
	b.pairs += n
	b.params = append(b.params, []string{name, value})
}

// appendValue is appendKnown for what may be empty.
func appendValue(dst, b []byte, max int) []byte {
	if len(b) == 0 {
		return append(dst, `""`...)
	}
	return appendKnown(dst, b, max)
}

// response takes the response header off the body.
func (s *requestsSink) response(b *requestBlock, header []byte) {
	n := s.room(b, min(len(header), requestsHeader))
	b.header, b.headed = append([]byte{}, header[:n]...), len(header)
	var fields cgi.Header
	fields.Feed(header)
	typ, _ := fields.Get("content-type")
	encoding, _ := fields.Get("content-encoding")
	b.out = newMeta(clip(typ, requestsType), clip(encoding, requestsType))
	if out := b.streams[wire.TypeStdout]; out != nil {
		out.kept = out.kept[min(len(header), len(out.kept)):]
		out.total -= int64(len(header))
	}
}

// block writes a request.
func (s *requestsSink) block(e *flow.Event, b *requestBlock) {
	r := e.Request
	s.title(e.Conn.N, r)
	s.times(r)
	if len(b.params) > 0 {
		s.section("params", strconv.Itoa(r.Params))
		var t bytes.Buffer
		if err := Table(&t, nil, b.params); err != nil && s.err == nil {
			s.err = err
		}
		s.indent(t.Bytes())
	}
	s.streams(b, wire.ToApp)
	if b.header != nil {
		s.section("response header", string(appendCount(nil, int64(b.headed), "byte")))
		lines := bytes.TrimRight(b.header, "\r\n")
		s.indent(appendView(nil, Meta{}, lines, 0, int64(b.headed-len(b.header)+len(lines))))
	}
	s.streams(b, wire.ToServer)
	s.end(r)
	for _, f := range b.findings {
		s.buf = append(s.buf, "  "...)
		st := s.palette.note
		if l, ok := levelOf(string(f)); ok {
			st = s.palette.levels[l]
		}
		s.buf = append(st.append(s.buf, f), '\n')
	}
	if b.omitted > 0 {
		s.buf = strconv.AppendInt(append(s.buf, "  not shown: "...), int64(b.omitted), 10)
		s.buf = append(s.buf, " params or findings, there are too many\n"...)
	}
	s.buf = append(s.buf, '\n')
}

// title is the first line: which request, and what was asked and answered.
func (s *requestsSink) title(conn int, r *flow.Request) {
	b := append(s.buf, s.palette.typ.on...)
	b = appendRequestName(append(b, "request "...), conn, r.ID)
	b = appendKnown(append(b, ' '), r.Method, s.o.MaxBody)
	b = appendKnown(append(b, ' '), r.URI, s.o.MaxBody)
	b = append(b, s.palette.typ.off...)
	b = append(append(b, ' '), r.Role.String()...)
	if r.Flags != 0 {
		b = append(append(b, ' '), r.Flags.String()...)
	}
	if r.Status != 0 {
		st := s.palette.status(r.Status)
		b = append(append(b, " status "...), st.on...)
		b = append(strconv.AppendInt(b, int64(r.Status), 10), st.off...)
	}
	s.buf = append(b, '\n')
}

func (s *requestsSink) times(r *flow.Request) {
	if s.o.Stable || r.BeganAt.IsZero() {
		return
	}
	b := append(s.buf, "  began "...)
	b = append(s.clock.append(b, r.BeganAt, 6), 'Z')
	for _, t := range []struct {
		name string
		at   time.Time
	}{{", first byte after ", r.FirstByteAt}, {", ended after ", r.EndedAt}} {
		if !t.at.IsZero() {
			b = appendMillis(append(b, t.name...), t.at.Sub(r.BeganAt))
		}
	}
	s.buf = append(b, '\n')
}

// section is the line above a part of a block.
func (s *requestsSink) section(name, size string) {
	s.buf = s.palette.name.appendString(append(s.buf, "  "...), name)
	s.buf = append(append(append(s.buf, " ("...), size...), ")\n"...)
}

// indent appends lines, each with four spaces before it.
func (s *requestsSink) indent(lines []byte) {
	for line := range bytes.Lines(lines) {
		s.buf = append(append(s.buf, "    "...), bytes.TrimSuffix(line, []byte("\n"))...)
		s.buf = append(s.buf, '\n')
	}
}

// streams shows the streams of bytes of a direction.
func (s *requestsSink) streams(b *requestBlock, dir wire.Direction) {
	for _, spec := range wire.Specs() {
		h := b.streams[spec.Type]
		if h == nil || spec.Dir != dir || h.total == 0 {
			continue
		}
		meta, size, kept, total := b.meta(spec.Type), string(appendCount(nil, h.total, "byte")), h.kept, h.total
		if s.o.Inflate {
			if text, whole := inflate(meta, kept, s.o.MaxBody); text != nil {
				size += " of gzip, inflated"
				kept, total = text, int64(len(text))
				if !whole || h.total > int64(len(h.kept)) {
					size += ", its beginning"
				}
			}
		}
		s.section(spec.Name, size)
		s.indent(appendView(nil, meta, kept, s.o.MaxBody, total))
	}
}

// meta returns what is known about the body that a stream carries.
func (b *requestBlock) meta(t wire.Type) Meta {
	switch t {
	case wire.TypeStdin:
		return b.in
	case wire.TypeStdout:
		return b.out
	}
	return Meta{}
}

// end says how the request ended.
func (s *requestsSink) end(r *flow.Request) {
	b := append(s.buf, "  "...)
	if r.Aborted {
		b = append(b, "aborted, "...)
	}
	if !r.Complete {
		s.buf = s.palette.levels[wire.Must].appendString(b, "not ended")
		s.buf = append(s.buf, '\n')
		return
	}
	if r.EndCut {
		s.buf = append(b, "appStatus and protocolStatus are not known\n"...)
		return
	}
	b = strconv.AppendUint(append(b, "appStatus="...), uint64(r.AppStatus), 10)
	b = append(append(b, " protocolStatus="...), r.ProtocolStatus.String()...)
	s.buf = append(b, '\n')
}
