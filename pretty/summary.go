package pretty

import (
	"io"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// summaryURI is how many bytes of a URI a line shows, unless MaxBody says
// otherwise.
const summaryURI = 2000

// summarySink writes one line a request, when it ends, as an access log does:
//
//	time conn/id method uri status stdout= stderr= stdin= time= first= app=
//
// and then what is out of the ordinary. What was not seen is "-".
type summarySink struct {
	output
	o       Options
	palette palette
	clock   clock
}

func newSummary(w io.Writer, o Options) Sink {
	if o.MaxBody == 0 {
		o.MaxBody = summaryURI
	}
	return &summarySink{output: output{w: w}, o: o, palette: newPalette(o.Color)}
}

func (s *summarySink) Event(e *flow.Event) error {
	if e.Kind == flow.KindRequestEnded {
		s.request(e)
	}
	return s.spill()
}

func (s *summarySink) request(e *flow.Event) {
	r, b := e.Request, s.buf
	if !s.o.Stable {
		if r.BeganAt.IsZero() {
			b = append(b, '-')
		} else {
			b = append(s.clock.append(b, r.BeganAt, 6), 'Z')
		}
		b = append(b, ' ')
	}
	b = append(appendRequestName(b, e.Conn.N, r.ID), ' ')
	b = append(b, s.palette.typ.on...)
	b = append(appendKnown(b, r.Method, s.o.MaxBody), s.palette.typ.off...)
	b = append(appendKnown(append(b, ' '), r.URI, s.o.MaxBody), ' ')
	b = s.status(b, r.Status)
	b = strconv.AppendInt(append(b, " stdout="...), r.Stdout, 10)
	b = strconv.AppendInt(append(b, " stderr="...), r.Stderr, 10)
	b = strconv.AppendInt(append(b, " stdin="...), r.Stdin, 10)
	if r.Data > 0 {
		b = strconv.AppendInt(append(b, " data="...), r.Data, 10)
	}
	if !s.o.Stable {
		b = appendSpan(append(b, " time="...), r.BeganAt, r.EndedAt)
		b = appendSpan(append(b, " first="...), r.BeganAt, r.FirstByteAt)
	}
	switch {
	case r.EndCut:
		b = append(b, " app=?"...)
	case r.Complete:
		b = strconv.AppendUint(append(b, " app="...), uint64(r.AppStatus), 10)
	}
	s.buf = append(s.unusual(b, r), '\n')
}

func (s *summarySink) status(b []byte, status int) []byte {
	if status == 0 {
		return append(b, '-')
	}
	st := s.palette.status(status)
	b = append(b, st.on...)
	return append(strconv.AppendInt(b, int64(status), 10), st.off...)
}

// status returns the style of a CGI status.
func (p *palette) status(status int) style {
	switch {
	case status >= 500:
		return p.levels[wire.Must]
	case status >= 400:
		return p.levels[wire.Should]
	}
	return p.good
}

// unusual appends what most requests do not have.
func (s *summarySink) unusual(b []byte, r *flow.Request) []byte {
	if r.Role != wire.Responder {
		b = append(append(b, " role="...), r.Role.String()...)
	}
	b = append(b, s.palette.levels[wire.Must].on...)
	if r.Complete && r.ProtocolStatus != wire.RequestComplete {
		b = append(append(b, ' '), r.ProtocolStatus.String()...)
	}
	if r.Aborted {
		b = append(b, " aborted"...)
	}
	if !r.Complete {
		b = append(b, " not-ended"...)
	}
	if r.Findings > 0 {
		b = strconv.AppendInt(append(b, " findings="...), int64(r.Findings), 10)
	}
	return append(b, s.palette.levels[wire.Must].off...)
}

// appendRequestName appends what identifies a request: connection and id.
func appendRequestName(dst []byte, conn int, id uint16) []byte {
	dst = strconv.AppendInt(dst, int64(conn), 10)
	return strconv.AppendUint(append(dst, '/'), uint64(id), 10)
}

// appendKnown appends a word from a peer: as it is if it is visible ASCII,
// quoted if not, "-" if it was not seen.
func appendKnown(dst, b []byte, max int) []byte {
	if len(b) == 0 {
		return append(dst, '-')
	}
	for _, c := range b {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return appendQuote(dst, b, max)
		}
	}
	cut := clip(b, max)
	dst = append(dst, cut...)
	if len(cut) < len(b) {
		dst = append(dst, "..."...)
	}
	return dst
}

// appendSpan appends the time from one moment to another, "-" where one of
// them is not known.
func appendSpan(dst []byte, from, to time.Time) []byte {
	if from.IsZero() || to.IsZero() {
		return append(dst, '-')
	}
	return appendMillis(dst, to.Sub(from))
}

// appendMillis appends d in milliseconds with three decimals: one unit, so
// that lines can be compared and sorted.
func appendMillis(dst []byte, d time.Duration) []byte {
	if d < 0 {
		dst = append(dst, '-')
		d = -d
	}
	us := d.Microseconds()
	dst = strconv.AppendInt(dst, us/1000, 10)
	us %= 1000
	dst = append(dst, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
	return append(dst, "ms"...)
}
