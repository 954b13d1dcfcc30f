package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// matchText claims a text the first entry of which is one of the text form.
func matchText(head []byte) int {
	for _, line := range headLines(head) {
		word := bytes.Fields(line)
		if len(word) == 0 || word[0][0] == '#' {
			continue
		}
		switch first := string(word[0]); {
		case first == "@conn", first == "@at", first == "@cut":
			return scoreSure + 10
		case (first == ">" || first == "<") && len(word) > 1:
			second := string(word[1])
			if _, err := wire.ParseType(second); err == nil || second == "raw" || second == "!" {
				return scoreSure + 10
			}
		}
		return 0
	}
	return 0
}

func openText(r *bufio.Reader, o Options) (Source, error) {
	return &scriptSource{in: text.NewReader(r), numbered: numbered{}}, nil
}

// numbered are connections that the input numbers.
type numbered map[int]*flow.ConnInfo

// get returns a connection; it is nil when there are too many.
func (n numbered) get(i int) *flow.ConnInfo {
	c := n[i]
	if c == nil && len(n) < maxConnections {
		c = bareConn()
		n[i] = c
	}
	return c
}

// A scriptSource yields what the text form tells.
type scriptSource struct {
	in *text.Reader
	numbered
	conn *flow.ConnInfo
	n    int        // number of conn
	over *Chunk     // the end of conn, unless more of it follows
	late bool       // @at was the last line
	line *text.Line // that was read ahead, with err
	err  error
	side Side
	at   time.Time
	base time.Time // what @at + is relative to: the first time, or else 1970
	buf  []byte
}

// Next implements Source.
func (s *scriptSource) Next() (Chunk, error) {
	for {
		line, err := s.next()
		if s.late && (err != nil || line.Kind == text.KindComment || line.Kind == text.KindConn) {
			// Nothing was sent at that time, but the connection was still there.
			s.late, s.line, s.err = false, &line, err
			return Chunk{Conn: s.conn, Side: s.side, At: s.at, Given: true}, nil
		}
		s.late = false
		var syntax *text.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return Chunk{}, &InputError{Where: fmt.Sprintf("line %d", syntax.Line), Err: err}
		case err != nil:
			return Chunk{}, err
		}
		if ch, ok := s.ends(&line); ok {
			return ch, nil
		}
		if err := s.take(&line); err != nil {
			return Chunk{}, &InputError{Where: fmt.Sprintf("line %d", line.Number), Err: err}
		}
		ch := Chunk{Conn: s.conn, Side: s.side, At: s.at, Frame: line.Number, Given: true}
		switch line.Kind {
		case text.KindRecord, text.KindRaw:
			s.buf = line.AppendWire(s.buf[:0])
			ch.Data = s.buf
		case text.KindFin, text.KindRst:
			end := ch
			end.Kind = ChunkEnd
			s.over = &end
			ch.Kind = ChunkFin
			if line.Kind == text.KindRst {
				ch.Kind = ChunkRst
			}
		case text.KindGap:
			ch.Kind, ch.Lost = ChunkGap, line.Count
		default:
			continue
		}
		return ch, nil
	}
}

// next returns the next line, which may have been looked at already.
func (s *scriptSource) next() (text.Line, error) {
	if line := s.line; line != nil {
		s.line = nil
		return *line, s.err
	}
	return s.in.Next()
}

// ends reports whether a connection that was closed on one side is over, because
// line is about another one. dump prints nothing behind it; what people write may
// go on with what the other side sends.
func (s *scriptSource) ends(line *text.Line) (end Chunk, ok bool) {
	switch {
	case s.over == nil:
		return end, false
	case line.Kind == text.KindAt, line.Kind == text.KindCut, line.Kind == text.KindComment, line.Kind == text.KindConn && line.Conn == s.n:
		return end, false
	case line.Kind != text.KindConn:
		s.over = nil
		return end, false
	}
	end, s.over = *s.over, nil
	delete(s.numbered, s.n)
	s.line, s.err = line, nil
	return end, true
}

// take notes which connection, side and time a line tells.
func (s *scriptSource) take(line *text.Line) error {
	switch line.Kind {
	case text.KindConn:
		if s.conn = s.get(line.Conn); s.conn == nil {
			return fmt.Errorf("more than %d connections", maxConnections)
		}
		s.n = line.Conn
		s.conn.Client, s.conn.Server = line.Client, line.Server
		s.conn.Network = networkOf(line.Server)
	case text.KindAt:
		if !line.Time.IsZero() {
			s.at = line.Time
		}
		if s.base.IsZero() {
			s.base = time.Unix(0, 0).UTC()
			if !line.Time.IsZero() {
				s.base = line.Time
			}
		}
		if line.Time.IsZero() {
			s.at = s.base.Add(line.After)
		}
		s.late = s.conn != nil
	case text.KindCut:
		return fmt.Errorf("the content of records was cut to %d bytes when this was printed", line.Count)
	case text.KindRecord, text.KindRaw, text.KindFin, text.KindRst, text.KindGap:
		if s.conn == nil {
			s.conn = s.get(0)
		}
		if line.Directed || line.Kind == text.KindRecord || line.Kind == text.KindRaw {
			s.side = Side(line.Dir)
		}
	}
	return nil
}

// networkOf tells an address of a socket in the file system from others.
func networkOf(address string) string {
	switch {
	case address == "":
		return ""
	case strings.HasPrefix(address, "unix:"), strings.HasPrefix(address, "@"), strings.Contains(address, "/"):
		return "unix"
	}
	return "tcp"
}

// Close implements Source.
func (s *scriptSource) Close() error { return nil }
