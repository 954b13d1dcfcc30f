package pretty

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

const (
	tableRows = 500 // rows that are held back to find the widths of columns
	tableWhat = 100 // columns of the last cell where the width is not known
)

var tableHead = []string{"conn", "dir", "#", "offset", "type", "id", "length", "pad", "what"}

// tableSink writes one row a record. The rows that are held back are written
// together; widths are kept from one such block to the next and only grow.
type tableSink struct {
	output
	o       Options
	palette palette
	rows    [][]string
	widths  []int
	head    bool // the head was written

	// The last cell of the last record's row is gathered in what, because its
	// pairs come after it, between its findings.
	what   []byte
	prefix int   // bytes of what before the content
	pairs  bool  // what holds pairs
	open   int   // number of that row, -1 for none
	under  place // of that record
}

func newTable(w io.Writer, o Options) Sink {
	return &tableSink{output: output{w: w}, o: o, palette: newPalette(o.Color), widths: make([]int, len(tableHead)-1), open: -1}
}

func (s *tableSink) Event(e *flow.Event) error {
	switch e.Kind {
	case flow.KindRecord:
		s.record(e)
	case flow.KindPair:
		s.pair(e)
	case flow.KindFinding:
		s.finding(e)
	case flow.KindGap:
		s.place(e, "gap", e.Length, strings.TrimPrefix(string(appendDamage(nil, e)), "gap: "))
	case flow.KindDesync:
		words := appendQuote(nil, e.Data, s.limit(e.Data))
		if e.Hint != "" {
			words = appendClean(append(words, ' '), []byte(e.Hint))
		}
		s.place(e, "no record", int64(len(e.Data)), string(words))
	case flow.KindTruncated:
		s.truncated(e)
	case flow.KindClosed:
		s.closed(e)
	case flow.KindLost:
		s.begin()
		s.rows = append(s.rows, []string{"", "", "", "", "lost", "", strconv.FormatInt(e.Length, 10), "", "events " + lostWhy(e)})
	}
	return s.err
}

// begin ends the last record's row, and writes the rows if there are many.
func (s *tableSink) begin() {
	s.finish()
	if len(s.rows) >= tableRows {
		s.Flush()
	}
}

// finish puts the last cell of the last record's row in its place.
func (s *tableSink) finish() {
	if s.open >= 0 {
		s.rows[s.open][len(tableHead)-1] = string(s.what)
		s.open = -1
	}
}

// place adds a row for something that has a place but is no whole record.
// length is -1 if it has none.
func (s *tableSink) place(e *flow.Event, what string, length int64, words string) {
	s.begin()
	n := ""
	if length >= 0 {
		n = strconv.FormatInt(length, 10)
	}
	s.under = placeOf(e)
	s.rows = append(s.rows, []string{
		strconv.Itoa(e.Conn.N), arrow(e.Dir), "", strconv.FormatInt(e.Offset, 10), what, "", n, "", words,
	})
}

// finding is shown beneath its record, if that is the last one.
func (s *tableSink) finding(e *flow.Event) {
	line := string(appendFinding(nil, e.Finding))
	if s.under != placeOf(e) {
		s.place(e, "", -1, line)
		return
	}
	cells := make([]string, len(tableHead))
	cells[len(cells)-1] = "  " + line
	s.rows = append(s.rows, cells)
}

func arrow(d wire.Direction) string {
	if d == wire.ToApp {
		return ">"
	}
	return "<"
}

func (s *tableSink) record(e *flow.Event) {
	s.begin()
	h := e.Header
	s.open, s.under, s.what = len(s.rows), placeOf(e), s.what[:0]
	s.rows = append(s.rows, []string{
		strconv.Itoa(e.Conn.N), arrow(e.Dir), strconv.Itoa(e.Index), strconv.FormatInt(e.Offset, 10), h.Type.String(),
		strconv.Itoa(int(h.RequestID)), strconv.Itoa(int(h.ContentLength)), strconv.Itoa(int(h.PaddingLength)), "",
	})
	if h.Version != wire.Version1 {
		s.what = append(s.what, "version="...)
		s.what = append(strconv.AppendUint(s.what, uint64(h.Version), 10), ' ')
	}
	if h.Reserved != 0 {
		s.what = append(s.what, "reserved="...)
		s.what = append(strconv.AppendUint(s.what, uint64(h.Reserved), 10), ' ')
	}
	if !zeros(e.Padding) {
		s.what = append(s.what, "padding="...)
		s.what = append(appendHex(s.what, e.Padding), ' ')
	}
	s.prefix = len(s.what)
	s.pairs = false
	s.what = appendBody(s.what, h.Type.Spec(), e.Data, s.limit(e.Data))
}

// pair adds a pair to the row of the record that completes it. The content as
// bytes is shown for records that complete none.
func (s *tableSink) pair(e *flow.Event) {
	if s.open >= 0 && !s.pairs {
		s.pairs, s.what = true, s.what[:s.prefix]
	}
	width := s.prefix + s.whatWidth()
	if s.open < 0 || len(s.what) > width {
		return // there is no room
	}
	if len(s.what) > s.prefix {
		s.what = append(s.what, ' ')
	}
	s.what = appendPair(s.what, e.Pair, s.o.MaxBody)
	if len(s.what) > width {
		s.what = append(clip(s.what, width-3), "..."...)
	}
}

func (s *tableSink) truncated(e *flow.Event) {
	s.place(e, "truncated", e.Length, strings.TrimPrefix(string(appendDamage(nil, e)), "truncated: "))
}

func (s *tableSink) closed(e *flow.Event) {
	s.begin()
	s.under = place{conn: -1}
	var words []string
	if e.Close != flow.CloseUnknown {
		words = append(words, e.Close.String())
	}
	for i, id := range e.Open {
		if i == 0 {
			words = append(words, "not ended: request")
		}
		words = append(words, strconv.Itoa(int(id)))
	}
	if e.Err != nil {
		words = append(words, Clean(e.Err.Error()))
	}
	if len(words) > 0 {
		s.rows = append(s.rows, []string{strconv.Itoa(e.Conn.N), "", "", "", "closed", "", "", "", strings.Join(words, " ")})
	}
}

// whatWidth is how many columns the last cell has at most; fit cuts it to
// those that the others leave, which is known when it is written.
func (s *tableSink) whatWidth() int {
	if s.o.Width == 0 {
		return tableWhat
	}
	return s.o.Width
}

// fit cuts the last cells of records, and breaks notes, so that rows fit the
// terminal.
func (s *tableSink) fit() {
	if s.o.Width == 0 {
		return
	}
	rest := s.o.Width
	for _, w := range s.widths {
		rest -= w + 2
	}
	rest = max(rest, 20)
	var rows [][]string
	for _, row := range s.rows {
		last := len(row) - 1
		if row[4] != "" {
			row[last] = Clip(row[last], rest)
			rows = append(rows, row)
			continue
		}
		for _, part := range Wrap(row[last], rest) {
			rows = append(rows, append(slices.Clone(row[:last]), part))
		}
	}
	s.rows = rows
}

// limit is how many bytes of b, quoted, fit the last cell.
func (s *tableSink) limit(b []byte) int {
	n := s.whatWidth()
	if s.o.MaxBody > 0 {
		n = min(n, s.o.MaxBody)
	}
	return fits(b, n)
}

// Flush writes the rows that are held back.
func (s *tableSink) Flush() error {
	if len(s.rows) == 0 {
		return s.output.Flush()
	}
	s.finish()
	head := tableHead
	if s.head {
		head = nil
	}
	s.widen(head)
	s.fit()
	var b bytes.Buffer
	if err := Table(&b, head, s.rows); err != nil && s.err == nil {
		s.err = err
	}
	s.colour(b.Bytes(), head != nil)
	s.head = true
	s.rows = s.rows[:0]
	return s.output.Flush()
}

// widen makes the columns of this block at least as wide as those of the last.
func (s *tableSink) widen(head []string) {
	for c := range s.widths {
		if head != nil {
			s.widths[c] = max(s.widths[c], len(head[c]))
		}
		for _, row := range s.rows {
			s.widths[c] = max(s.widths[c], len(row[c]))
		}
		first := s.rows[0]
		first[c] += strings.Repeat(" ", s.widths[c]-len(first[c]))
	}
}

// colour appends the lines of a block. Whole lines are coloured, because
// escape sequences within them would count as columns.
func (s *tableSink) colour(lines []byte, head bool) {
	row := -1
	if head {
		row--
	}
	for line := range bytes.Lines(lines) {
		row++
		line = bytes.TrimSuffix(line, []byte("\n"))
		var st style
		switch {
		case row < 0:
			st = s.palette.typ
		default:
			st = s.style(s.rows[row])
		}
		s.buf = append(st.append(s.buf, line), '\n')
	}
}

func (s *tableSink) style(row []string) style {
	what := strings.TrimLeft(row[len(row)-1], " ")
	if l, ok := levelOf(what); ok && strings.TrimSpace(row[4]) == "" {
		return s.palette.levels[l]
	}
	switch strings.TrimSpace(row[4]) {
	case "gap", "no record", "truncated", "lost":
		return s.palette.levels[wire.Should]
	}
	return style{}
}

// Close writes what is held back.
func (s *tableSink) Close() error { return s.Flush() }
