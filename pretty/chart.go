package pretty

import (
	"bytes"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

const (
	chartArrow = 70 // columns of an arrow where the width is not known
	chartLanes = 16 // requests that have a lane of their own; others have the last
	chartRoom  = 3  // lanes for which there is room beside an arrow on a terminal
	chartTime  = 13 // columns of the time
)

// chart is the diagram of a connection.
type chart struct {
	o       Options
	palette palette
	info    flow.ConnInfo
	lines   []byte
	written bool // a part was written
	began   time.Time
	lanes   [chartLanes]bool // those that are in use
	lane    map[uint16]int   // of active requests, by id
	next    message
	valid   bool // next holds something
	under   place
}

// message is an arrow that is not drawn yet, as the next record may belong to
// it.
type message struct {
	dir      wire.Direction
	typ      wire.Type
	id       uint16
	at       time.Time
	lane     int // -1: the application's own line
	mark     byte
	records  int
	length   int
	pairs    int
	content  []byte // of a single record
	beneath  []byte // lines of comment
	mergable bool
}

func newChart(o Options, p palette, e *flow.Event) *chart {
	return &chart{o: o, palette: p, info: *e.Conn, began: e.At, lane: map[uint16]int{}, under: place{conn: -1}}
}

func (c *chart) event(e *flow.Event) {
	switch e.Kind {
	case flow.KindRecord:
		c.record(e)
	case flow.KindPair:
		c.next.pairs++
	case flow.KindRequestBegun:
		c.begin(e.Request.ID)
	case flow.KindRequestEnded:
		c.end(e.Request)
	case flow.KindFinding:
		c.finding(e)
	case flow.KindGap, flow.KindDesync, flow.KindTruncated:
		c.draw()
		c.note(appendDamage(append([]byte("# "), arrow(e.Dir)+" "...), e))
	case flow.KindClosed:
		c.draw()
		if e.Close != flow.CloseUnknown {
			c.note([]byte("# " + e.Close.String()))
		}
		if e.Err != nil {
			c.note(appendClean([]byte("# error: "), []byte(e.Err.Error())))
		}
	}
}

// record adds a record to the arrow that is not drawn yet, or begins another.
func (c *chart) record(e *flow.Event) {
	spec, h, m := e.Header.Type.Spec(), e.Header, &c.next
	mergable := spec != nil && spec.Stream && len(e.Data) > 0
	c.under = placeOf(e)
	if c.valid && m.mergable && mergable && m.dir == e.Dir && m.typ == h.Type && m.id == h.RequestID && len(m.beneath) == 0 {
		m.records++
		m.length += len(e.Data)
		return
	}
	c.draw()
	*m = message{
		dir: e.Dir, typ: h.Type, id: h.RequestID, at: e.At, lane: -1, mark: '|', records: 1, length: len(e.Data), mergable: mergable,
		content: appendBody(m.content[:0], spec, e.Data, fits(e.Data, c.arrow())), beneath: m.beneath[:0],
	}
	if lane, ok := c.lane[h.RequestID]; ok {
		m.lane = lane
	}
	c.valid = true
}

// begin gives a request a lane: the first that is free.
func (c *chart) begin(id uint16) {
	c.leave(id) // an id that is used again while it is active
	lane := 0
	for lane < chartLanes-1 && c.lanes[lane] {
		lane++
	}
	c.lanes[lane] = true
	c.lane[id] = lane
	c.next.lane, c.next.mark = lane, 'o'
}

// end gives the lane back, after the arrow that ended the request.
func (c *chart) end(r *flow.Request) {
	if r.Complete {
		c.next.mark = 'x'
	}
	c.draw()
	c.leave(r.ID)
}

// leave frees the lane of a request, if it has one.
func (c *chart) leave(id uint16) {
	lane, ok := c.lane[id]
	if !ok {
		return
	}
	delete(c.lane, id)
	c.lanes[lane] = false
	for _, other := range c.lane {
		c.lanes[other] = true // the last lane is shared
	}
}

func (c *chart) finding(e *flow.Event) {
	line := appendFinding([]byte("# "), e.Finding)
	if c.valid && c.under == placeOf(e) {
		c.next.beneath = append(append(c.next.beneath, line...), '\n')
		return
	}
	c.draw()
	c.note(line)
}

// arrow returns the columns between the lines of the two sides.
func (c *chart) arrow() int {
	if c.o.Width == 0 {
		return chartArrow
	}
	return max(30, c.o.Width-chartTime-3*chartRoom-6)
}

// head appends the line that names the two sides.
func (c *chart) head(dst []byte) []byte {
	dst = append(dst, "web server"...)
	return append(pad(dst, len(dst)-10, chartTime+2+c.arrow()-4), "application\n"...)
}

// pad appends spaces until dst has n bytes after from.
func pad(dst []byte, from, n int) []byte {
	for len(dst)-from < n {
		dst = append(dst, ' ')
	}
	return dst
}

// draw draws the arrow that is waiting, and what is beneath it.
func (c *chart) draw() {
	if !c.valid {
		return
	}
	c.valid = false
	m := &c.next
	c.time(m.at)
	label := m.label(c.arrow() - 6)
	st := c.palette.dir(m.dir)
	if m.dir == wire.ToApp {
		c.lines = append(c.lines, "|-- "...)
	} else {
		c.lines = append(c.lines, "|<- "...)
	}
	c.lines = append(st.append(c.lines, label), ' ')
	for n := width(label); n < c.arrow()-6; n++ {
		c.lines = append(c.lines, '-')
	}
	c.crossing(m)
	c.lines = append(c.lines, '\n')
	for line := range bytes.Lines(m.beneath) {
		c.note(bytes.TrimSuffix(line, []byte("\n")))
	}
	m.beneath = m.beneath[:0]
}

// crossing draws the end of an arrow from the application's line to its lane.
func (c *chart) crossing(m *message) {
	head := byte('-')
	if m.dir == wire.ToApp {
		head = '>'
	}
	if m.lane < 0 {
		c.lines = append(c.lines, '-', head, '|')
	} else {
		c.lines = append(c.lines, "--|"...)
	}
	for i := range c.lanes {
		line := byte(' ')
		if c.lanes[i] {
			line = '|'
		}
		switch {
		case i < m.lane && line == ' ':
			c.lines = append(c.lines, "---"...)
		case i < m.lane:
			c.lines = append(c.lines, '-', '-', line)
		case i == m.lane:
			c.lines = append(c.lines, '-', head, m.mark)
		default:
			c.lines = append(c.lines, ' ', ' ', line)
		}
	}
	c.lines = trimSpaces(c.lines)
}

// label says what an arrow is, in at most max columns.
func (m *message) label(max int) []byte {
	b, _ := m.typ.AppendText(nil)
	spec := m.typ.Spec()
	if m.id != 0 || spec == nil || !spec.Management {
		b = strconv.AppendUint(append(b, ' '), uint64(m.id), 10)
	}
	switch {
	case spec != nil && spec.Stream && m.length == 0:
		b = append(b, " end"...)
	case spec != nil && spec.Shape == wire.Pairs:
		b = append(appendCount(append(b, ' '), int64(m.pairs), "pair"), ", "...)
		b = appendCount(b, int64(m.length), "byte")
	case m.records > 1:
		b = append(appendCount(append(b, ' '), int64(m.records), "record"), ", "...)
		b = appendCount(b, int64(m.length), "byte")
	case spec == nil || spec.Shape == wire.Bytes:
		b = append(appendCount(append(b, ' '), int64(m.length), "byte"), ' ')
		b = append(b, m.content...)
	default:
		b = append(append(b, ' '), m.content...)
	}
	b = trimSpaces(b)
	if len(b) > max {
		b = append(clip(b, max-3), "..."...)
	}
	return b
}

// width is how many columns b takes, if each character takes one.
func width(b []byte) (n int) {
	for range string(b) {
		n++
	}
	return n
}

// time appends the first column: the time since the connection began.
func (c *chart) time(at time.Time) {
	start := len(c.lines)
	if !c.o.Stable && !at.IsZero() && !c.began.IsZero() {
		c.lines = appendMillis(append(c.lines, '+'), at.Sub(c.began))
	}
	c.lines = append(pad(c.lines, start, chartTime), ' ')
}

// note appends a line of comment.
func (c *chart) note(line []byte) {
	columns := 0
	if c.o.Width > 0 {
		columns = max(30, c.o.Width-chartTime-8)
	}
	for i, part := range Wrap(string(line), columns) {
		if i > 0 {
			part = "#   " + part
		}
		c.time(time.Time{})
		c.lines = append(c.lines, "|   "...)
		c.lines = append(c.palette.line(c.lines, []byte(part)), '\n')
	}
}
