package pretty

import (
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// diagramHeld is how many bytes of all diagrams are held back.
const diagramHeld = 1 << 20

// diagramSink draws a sequence diagram of each connection: the web server on
// the left, the application on the right, and beside it a lane for each active
// request. Records of one stream that follow each other are one arrow.
//
// A connection is drawn when it closes; or as far as it has come, when the
// input pauses or much is held back.
type diagramSink struct {
	output
	o       Options
	palette palette
	charts  map[int]*chart
	held    int // bytes of all charts
}

func newDiagram(w io.Writer, o Options) Sink {
	return &diagramSink{output: output{w: w}, o: o, palette: newPalette(o.Color), charts: map[int]*chart{}}
}

func (s *diagramSink) Event(e *flow.Event) error {
	if e.Conn == nil {
		s.buf = s.palette.lines(s.buf, appendAside(nil, e))
		return s.spill()
	}
	c := s.charts[e.Conn.N]
	if c == nil {
		c = newChart(s.o, s.palette, e)
		s.charts[e.Conn.N] = c
	}
	before := len(c.lines)
	c.event(e)
	s.held += len(c.lines) - before
	switch {
	case e.Kind == flow.KindClosed:
		s.write(c)
		delete(s.charts, e.Conn.N)
	case s.held > diagramHeld:
		s.writeAll()
	}
	return s.spill()
}

// write passes on what was drawn of a connection.
func (s *diagramSink) write(c *chart) {
	if len(c.lines) == 0 {
		return
	}
	b := strconv.AppendInt(append(append(s.buf, s.palette.typ.on...), "connection "...), int64(c.info.N), 10)
	switch {
	case c.written:
		b = append(b, " (continued)"...)
	case !s.o.Stable && c.info.Server != "":
		b = appendKnown(append(b, ' '), []byte(c.info.Client), 0)
		b = appendKnown(append(b, " > "...), []byte(c.info.Server), 0)
	}
	b = append(append(b, s.palette.typ.off...), '\n')
	b = append(c.head(b), c.lines...)
	s.buf = append(b, '\n')
	s.held -= len(c.lines)
	c.lines, c.written = c.lines[:0], true
}

func (s *diagramSink) writeAll() {
	for _, n := range slices.Sorted(maps.Keys(s.charts)) {
		s.write(s.charts[n])
	}
}

// Flush writes all connections as far as they have come.
func (s *diagramSink) Flush() error {
	for _, c := range s.charts {
		before := len(c.lines)
		c.draw()
		s.held += len(c.lines) - before
	}
	s.writeAll()
	return s.output.Flush()
}

// Close writes what is left.
func (s *diagramSink) Close() error { return s.Flush() }
