package pretty

import (
	"io"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// textSink writes the form of package text, which can be read back. What that
// form has no words for (findings, joined pairs, hints) is in comments: those
// about a record are indented beneath it.
type textSink struct {
	output
	o       Options
	palette palette
	plain   []byte // the lines of one event, before they are coloured
	cut     []byte // content that was cut for Options.MaxBody
	begun   bool
	conn    int // what the last @conn said, -1 for none
	began   time.Time
	at      time.Time // what the last @at said
	tails   tails
	under   place // of the last record that was written
}

// place says where in the conversation something is.
type place struct {
	conn   int
	dir    wire.Direction
	offset int64
}

func placeOf(e *flow.Event) place {
	if e.Conn == nil {
		return place{conn: -1}
	}
	return place{e.Conn.N, e.Dir, e.Offset}
}

func newText(w io.Writer, o Options) Sink {
	return &textSink{output: output{w: w}, o: o, palette: newPalette(o.Color), conn: -1, tails: tails{}, under: place{conn: -1}}
}

func (s *textSink) Event(e *flow.Event) error {
	s.plain = s.plain[:0]
	s.render(e)
	s.buf = s.palette.lines(s.buf, s.plain)
	return s.spill()
}

func (s *textSink) render(e *flow.Event) {
	if !s.begun && s.o.MaxBody > 0 {
		s.line(text.Line{Kind: text.KindCut, Count: int64(s.o.MaxBody)})
	}
	s.begun = true
	switch e.Kind {
	case flow.KindConnection:
		s.connection(e)
	case flow.KindRecord:
		s.where(e)
		s.record(e)
	case flow.KindPair:
		if e.Split {
			s.plain = text.AppendPair(append(s.plain, "    # joined: "...), e.Pair)
			s.plain = append(s.plain, '\n')
		}
	case flow.KindFinding:
		s.finding(e)
	case flow.KindGap:
		s.where(e)
		s.tails.forget(e.Conn.N)
		s.line(text.Line{Kind: text.KindGap, Dir: e.Dir, Directed: true, Count: e.Length})
	case flow.KindDesync:
		s.where(e)
		s.desync(e)
	case flow.KindTruncated:
		s.where(e)
		s.truncated(e)
	case flow.KindClosed:
		s.closed(e)
	case flow.KindLost:
		s.plain = appendAside(s.plain, e)
	}
}

// line appends a line of the form.
func (s *textSink) line(l text.Line) { s.plain = l.Append(s.plain) }

// comment appends a comment line that begins with mark.
func (s *textSink) comment(mark, words string) {
	s.plain = appendClean(append(s.plain, mark...), []byte(words))
	s.plain = append(s.plain, '\n')
}

func (s *textSink) connection(e *flow.Event) {
	s.conn = e.Conn.N
	l := text.Line{Kind: text.KindConn, Conn: e.Conn.N}
	if !s.o.Stable {
		l.Client, l.Server = e.Conn.Client, e.Conn.Server
	}
	s.line(l)
}

// where says which connection the next lines belong to, and when they
// happened, if that is news.
func (s *textSink) where(e *flow.Event) {
	if e.Conn.N != s.conn {
		s.conn = e.Conn.N
		s.line(text.Line{Kind: text.KindConn, Conn: s.conn})
	}
	if s.o.Stable || e.At.IsZero() || e.At.Equal(s.at) {
		return
	}
	s.at = e.At
	if s.began.IsZero() || e.At.Before(s.began) {
		s.began = e.At
		s.line(text.Line{Kind: text.KindAt, Time: e.At})
		return
	}
	s.line(text.Line{Kind: text.KindAt, After: e.At.Sub(s.began)})
}

func (s *textSink) record(e *flow.Event) {
	s.under = placeOf(e)
	rec := wire.Record{Header: e.Header, Content: e.Data, Padding: e.Padding}
	tail := s.tails.next(e)
	if s.o.MaxBody > 0 && len(e.Data) > s.o.MaxBody {
		if spec := e.Header.Type.Spec(); spec == nil || spec.Shape != wire.Fixed {
			s.cutRecord(e, rec, tail)
			return
		}
	}
	s.plain = text.AppendSplit(s.plain, e.Dir, rec, tail)
}

// cutRecord writes a record with its body, or each value, cut, and a comment
// for each cut.
func (s *textSink) cutRecord(e *flow.Event, rec wire.Record, tail int) {
	var notes []byte
	if spec := e.Header.Type.Spec(); spec == nil || spec.Shape != wire.Pairs {
		rec.Content = clip(e.Data, s.o.MaxBody)
		notes = appendCut(notes, "not shown", len(e.Data)-len(rec.Content))
	} else {
		s.cut, notes = cutPairs(s.cut[:0], notes, e.Data[tail:], s.o.MaxBody)
		head := clip(e.Data[:tail], s.o.MaxBody)
		notes = appendCut(notes, "not shown, of the end of a pair", tail-len(head))
		rec.Content = append(head[:len(head):len(head)], s.cut...)
		tail = len(head)
	}
	rec.ContentLength = uint16(len(rec.Content))
	s.plain = text.AppendSplit(s.plain, e.Dir, rec, tail)
	s.plain = append(s.plain, notes...)
}

// cutPairs appends pairs with their values cut to max bytes to dst, and what
// was left out to notes.
func cutPairs(dst, notes, b []byte, max int) (pairs, said []byte) {
	for len(b) > 0 {
		p, n := wire.ParsePair(b)
		if n == 0 {
			rest := clip(b, max)
			return append(dst, rest...), appendCut(notes, "not shown, of the beginning of a pair", len(b)-len(rest))
		}
		value := clip(p.Value, max)
		notes = appendCut(notes, "not shown, of "+Clean(string(clip(p.Name, max))), len(p.Value)-len(value))
		p.Value = value
		dst = p.Append(dst)
		b = b[n:]
	}
	return dst, notes
}

func appendCut(dst []byte, what string, n int) []byte {
	if n <= 0 {
		return dst
	}
	dst = append(append(dst, "    # "...), what...)
	dst = append(dst, ": "...)
	return append(appendCount(dst, int64(n), "byte"), '\n')
}

// finding is indented beneath its record, if that is the last one.
func (s *textSink) finding(e *flow.Event) {
	mark := "    # "
	if s.under != placeOf(e) {
		mark = "# "
	}
	s.plain = append(s.plain, mark...)
	s.plain = appendFinding(s.plain, e.Finding)
	s.plain = append(s.plain, '\n')
}

func (s *textSink) desync(e *flow.Event) {
	s.under = placeOf(e)
	s.tails.forget(e.Conn.N)
	shown := clip(e.Data, s.o.MaxBody)
	s.plain = text.AppendRaw(s.plain, e.Dir, shown)
	s.plain = appendCut(s.plain, "not shown", len(e.Data)-len(shown))
	s.damage(e)
}

// truncated writes what there is of a record as a record that promises more,
// which is what it is on the wire.
func (s *textSink) truncated(e *flow.Event) {
	s.under = placeOf(e)
	if len(e.Data) < wire.HeaderLen {
		s.plain = text.AppendRaw(s.plain, e.Dir, e.Data)
	} else {
		body := e.Data[wire.HeaderLen:]
		n := min(len(body), int(e.Header.ContentLength))
		shown := clip(body[:n], s.o.MaxBody)
		rec := wire.Record{Header: e.Header, Content: shown, Padding: body[n:]}
		s.plain = text.Append(s.plain, e.Dir, rec)
		s.plain = appendCut(s.plain, "not shown", n-len(shown))
	}
	s.damage(e)
}

// damage says beneath bytes what is wrong with them.
func (s *textSink) damage(e *flow.Event) {
	s.plain = appendDamage(append(s.plain, "    # "...), e)
	s.plain = append(s.plain, '\n')
}

// closed says how the connection ended, where that was seen.
func (s *textSink) closed(e *flow.Event) {
	s.tails.forget(e.Conn.N)
	s.under = place{conn: -1}
	if len(e.Open) > 0 {
		s.where(e)
		words := "not ended: request"
		for _, id := range e.Open {
			words += " " + strconv.Itoa(int(id))
		}
		s.comment("# ", words)
	}
	if kind, dir := closing(e.Close); kind != 0 {
		s.where(e)
		s.line(text.Line{Kind: kind, Dir: dir, Directed: true})
	}
	if e.Err != nil {
		s.comment("# ", "error: "+e.Err.Error())
	}
}

// closing returns the line that tells how a connection ended; 0 for none.
func closing(c flow.CloseKind) (text.Kind, wire.Direction) {
	switch c {
	case flow.CloseByServer:
		return text.KindFin, wire.ToApp
	case flow.CloseByApp:
		return text.KindFin, wire.ToServer
	case flow.ResetByServer:
		return text.KindRst, wire.ToApp
	case flow.ResetByApp:
		return text.KindRst, wire.ToServer
	}
	return 0, 0
}
