package capture

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

func matchJSONL(head []byte) int {
	for _, line := range headLines(head) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if bytes.HasPrefix(line, []byte(`{"event":"`)) {
				return scoreMagic
			}
			return 0
		}
	}
	return 0
}

func openJSONL(r *bufio.Reader, o Options) (Source, error) {
	return &jsonlSource{lines: lineReader{in: r}, numbered: numbered{}}, nil
}

// A jsonlSource yields the bytes that our own machine-readable output tells of.
type jsonlSource struct {
	lines lineReader
	numbered
	ended *Chunk // the end of a connection, of which it was told how it came
}

// A jsonEvent is what of an event it takes to have its bytes again. The rest
// is derived from them.
type jsonEvent struct {
	Event         string    `json:"event"`
	Conn          int       `json:"conn"`
	Dir           string    `json:"dir"`
	At            time.Time `json:"at"`
	Network       string    `json:"network"`
	Client        string    `json:"client"`
	Server        string    `json:"server"`
	Pid           int       `json:"pid"`
	Fd            *int      `json:"fd"`
	OpenedAt      time.Time `json:"opened_at"`
	Version       uint8     `json:"version"`
	TypeNumber    uint8     `json:"type"`
	RequestID     uint16    `json:"request_id"`
	ContentLength uint16    `json:"content_length"`
	PaddingLength uint8     `json:"padding_length"`
	Reserved      uint8     `json:"reserved"`
	Content       []byte    `json:"content"`
	Padding       []byte    `json:"padding"`
	Length        int64     `json:"length"`
	How           string    `json:"how"`
}

// Next implements Source.
func (s *jsonlSource) Next() (Chunk, error) {
	if ch := s.ended; ch != nil {
		s.ended = nil
		return *ch, nil
	}
	for {
		line, err := s.lines.next()
		if err == io.EOF {
			return Chunk{}, err
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var e jsonEvent
		if err == nil {
			if json.Unmarshal(line, &e) != nil {
				err = errors.New("no event as dump -f jsonl prints it")
			}
		}
		if err != nil {
			return Chunk{}, s.lines.where(err)
		}
		ch, ok, err := s.chunk(&e)
		if err != nil {
			return Chunk{}, s.lines.where(err)
		}
		if ok {
			return ch, nil
		}
	}
}

func (s *jsonlSource) chunk(e *jsonEvent) (ch Chunk, ok bool, err error) {
	conn := s.get(e.Conn)
	if conn == nil {
		return ch, false, fmt.Errorf("more than %d connections", maxConnections)
	}
	ch = Chunk{Conn: conn, At: e.At, Frame: s.lines.n, Given: true}
	if e.Dir == wire.ToServer.String() {
		ch.Side = B
	}
	switch e.Event {
	case "connection":
		*conn = flow.ConnInfo{Network: e.Network, Client: e.Client, Server: e.Server, Pid: e.Pid, Fd: -1, Opened: e.OpenedAt}
		if e.Fd != nil {
			conn.Fd = *e.Fd
		}
		return ch, false, nil
	case "record":
		ch.Data, err = e.record()
		return ch, err == nil, err
	case "desync", "truncated":
		ch.Data = e.Content
		return ch, len(ch.Data) > 0, nil
	case "gap":
		ch.Kind, ch.Lost = ChunkGap, e.Length
		if e.Length == 0 {
			ch.Lost = -1
		}
		return ch, true, nil
	case "closed":
		delete(s.numbered, e.Conn)
		ch.Kind = ChunkEnd
		if side, kind, told := closing(e.How); told {
			end := ch
			s.ended = &end
			ch.Side, ch.Kind = side, kind
		}
		return ch, true, nil
	}
	return ch, false, nil
}

// closing returns what ends a connection in the way that is told.
func closing(how string) (side Side, kind ChunkKind, told bool) {
	switch how {
	case flow.CloseByServer.String():
		return A, ChunkFin, true
	case flow.CloseByApp.String():
		return B, ChunkFin, true
	case flow.ResetByServer.String():
		return A, ChunkRst, true
	case flow.ResetByApp.String():
		return B, ChunkRst, true
	}
	return 0, 0, false
}

// record puts the bytes of a record together.
func (e *jsonEvent) record() ([]byte, error) {
	h := wire.Header{
		Version: e.Version, Type: wire.Type(e.TypeNumber), RequestID: e.RequestID,
		ContentLength: e.ContentLength, PaddingLength: e.PaddingLength, Reserved: e.Reserved,
	}
	if len(e.Content) != int(e.ContentLength) {
		return nil, errors.New("the content of the record is not as long as it says: it was cut when this was printed")
	}
	b := append(h.Append(make([]byte, 0, h.Len())), e.Content...)
	if len(e.Padding) == int(e.PaddingLength) {
		return append(b, e.Padding...), nil
	}
	return append(b, make([]byte, e.PaddingLength)...), nil
}

// Close implements Source.
func (s *jsonlSource) Close() error { return nil }
