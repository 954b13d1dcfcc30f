package pretty

import (
	"io"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// Bytes of a response, and of all responses, that are held back until the
// header is complete. A response that has none by then is taken for a body.
const (
	rawHeld    = 128 << 10
	rawHeldAll = 16 << 20
)

// A Part names what of a conversation the format raw writes: PartBody,
// PartHeader, or a stream in lower case, such as "stdin".
type Part string

// The parts that are no stream.
const (
	PartBody   Part = "body"   // responses without their CGI header
	PartHeader Part = "header" // the CGI headers of responses
)

// Parts returns all parts.
func Parts() []Part {
	parts := []Part{PartBody, PartHeader}
	for _, s := range wire.Specs() {
		if s.Stream {
			parts = append(parts, Part(strings.ToLower(s.Name)))
		}
	}
	return parts
}

// ParsePart reads the name of a part. The error names the nearest one.
func ParsePart(name string) (Part, error) {
	var names []string
	for _, p := range Parts() {
		if string(p) == name {
			return p, nil
		}
		names = append(names, string(p))
	}
	return "", unknown("part", name, names)
}

// rawSink writes the bytes of one part as they are: the one format in which
// bytes from a peer come out raw. Where several requests have that part, they
// come one after the other, in the order in which the bytes came.
type rawSink struct {
	output
	part Part
	typ  wire.Type                 // the stream that is written, or looked into
	held map[requestKey]*rawHeader // responses whose header is not complete
	kept int                       // bytes of them
}

// rawHeader is the beginning of a response.
type rawHeader struct {
	kept []byte
	done bool // the header is complete, or there is none
}

func newRaw(w io.Writer, o Options) Sink {
	s := &rawSink{output: output{w: w}, part: o.Part, typ: wire.TypeStdout, held: map[requestKey]*rawHeader{}}
	if s.part == "" {
		s.part = PartBody
	}
	if t, err := wire.ParseType(string(s.part)); err == nil {
		s.typ = t
	}
	return s
}

func (s *rawSink) Event(e *flow.Event) error {
	switch e.Kind {
	case flow.KindRecord, flow.KindChunk:
		if e.Header.Type == s.typ && !e.Pieces {
			s.content(e)
		}
	case flow.KindResponse:
		s.response(e)
	case flow.KindRequestEnded:
		s.ended(e)
	}
	return s.spill()
}

// whole reports whether the part is a stream and not a piece of one.
func (s *rawSink) whole() bool { return s.part != PartBody && s.part != PartHeader }

func (s *rawSink) content(e *flow.Event) {
	if s.whole() || e.Request == nil && s.part == PartBody {
		s.buf = append(s.buf, e.Data...)
		return
	}
	if s.part == PartHeader || e.Request == nil {
		return
	}
	h := s.header(e)
	if h.done {
		s.buf = append(s.buf, e.Data...)
		return
	}
	h.kept = append(h.kept, e.Data...)
	s.kept += len(e.Data)
	if len(h.kept) > rawHeld || s.kept > rawHeldAll {
		s.release(h)
	}
}

func (s *rawSink) header(e *flow.Event) *rawHeader {
	key := requestKey{e.Conn.N, e.Request.Seq}
	h := s.held[key]
	if h == nil {
		h = &rawHeader{}
		s.held[key] = h
	}
	return h
}

// release writes what was held back.
func (s *rawSink) release(h *rawHeader) {
	s.buf = append(s.buf, h.kept...)
	s.kept -= len(h.kept)
	h.kept, h.done = nil, true
}

// response writes the header, or what follows it.
func (s *rawSink) response(e *flow.Event) {
	switch s.part {
	case PartHeader:
		s.buf = append(s.buf, e.Data...)
	case PartBody:
		h := s.header(e)
		n := min(len(e.Data), len(h.kept))
		s.kept -= n
		h.kept = h.kept[n:]
		s.release(h)
	}
}

func (s *rawSink) ended(e *flow.Event) {
	key := requestKey{e.Conn.N, e.Request.Seq}
	if h := s.held[key]; h != nil {
		s.release(h)
		delete(s.held, key)
	}
}
