package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// followStyles are the ways in which Wireshark and tshark write a stream that
// they followed. The first one that finds its mark in a line is taken.
var followStyles = []struct {
	mark string
	line func(*followSource, []byte) error
}{
	{"Follow: tcp,raw", (*followSource).rawLine},
	{"Follow: tcp,hex", (*followSource).hexLine},
	{"Follow: tcp,yaml", (*followSource).yamlLine},
	{"Follow: tcp,ascii", nil}, // every byte that cannot be printed is a dot
	{"Follow: tcp,utf-8", nil},
	{"Follow: tcp,ebcdic", nil},
	{"peers:", (*followSource).yamlLine},
	{"char peer0_", (*followSource).arrayLine},
	{"char peer1_", (*followSource).arrayLine},
}

// A followSource reads followed streams, one after the other.
type followSource struct {
	lines lineReader
	style func(*followSource, []byte) error
	conn  *flow.ConnInfo
	side  Side
	at    time.Time
	out   []byte
	ended bool
	inYML bool // the lines are base64
	b64   base64Decoder
	lit   literal
}

// Next implements Source.
func (s *followSource) Next() (Chunk, error) {
	for !s.ended {
		line, err := s.lines.next()
		if err == io.EOF {
			s.ended = true
			break
		}
		s.out = s.out[:0]
		if err == nil {
			if bytes.HasPrefix(line, []byte("Follow: ")) && s.conn != nil {
				end := Chunk{Conn: s.conn, Kind: ChunkEnd}
				s.conn = nil
				return end, nil
			}
			err = s.style(s, line)
		}
		if err != nil {
			return Chunk{}, s.lines.where(err)
		}
		if len(s.out) > 0 {
			s.begin()
			return Chunk{Conn: s.conn, Side: s.side, At: s.at, Frame: s.lines.n, Data: s.out}, nil
		}
	}
	if s.conn == nil {
		return Chunk{}, io.EOF
	}
	end := Chunk{Conn: s.conn, Kind: ChunkEnd}
	s.conn = nil
	return end, nil
}

// Close implements Source.
func (s *followSource) Close() error { return nil }

func (s *followSource) begin() {
	if s.conn == nil {
		s.conn = bareConn()
	}
}

// node reads the heading lines with the addresses of both ends.
func (s *followSource) node(line []byte) bool {
	for i, p := range []string{"Node 0: ", "Node 1: "} {
		if rest, ok := bytes.CutPrefix(line, []byte(p)); ok {
			s.begin()
			s.conn.Network = "tcp"
			if i == 0 {
				s.conn.Client = string(rest)
			} else {
				s.conn.Server = string(rest)
			}
			return true
		}
	}
	return bytes.HasPrefix(line, []byte("===")) || bytes.HasPrefix(line, []byte("Follow: ")) || bytes.HasPrefix(line, []byte("Filter: "))
}

// indented tells by what a line begins with which side sent it.
func (s *followSource) indented(line []byte) []byte {
	s.side = A
	if len(line) > 0 && (line[0] == '\t' || line[0] == ' ') {
		s.side = B
	}
	return bytes.TrimSpace(line)
}

func (s *followSource) rawLine(line []byte) (err error) {
	if s.node(line) {
		return nil
	}
	s.out, err = new(bareHex).decode(s.out, s.indented(line))
	return err
}

func (s *followSource) hexLine(line []byte) error {
	if s.node(line) {
		return nil
	}
	data, ok := followHex(s.indented(line))
	if !ok && len(bytes.TrimSpace(line)) > 0 {
		return &lossError{-1, fmt.Sprintf("not the bytes of a line: %.60q", line)}
	}
	s.out = append(s.out, data...)
	return nil
}

// followHex reads the bytes of a line like hexdump -C's, but without bars.
func followHex(line []byte) ([]byte, bool) {
	const area = 50 // columns of sixteen bytes, with the gap in their middle
	if len(line) < 12 || line[8] != ' ' || line[9] != ' ' {
		return nil, false
	}
	for _, c := range line[:8] {
		if hexDigit(c) < 0 {
			return nil, false
		}
	}
	line = line[10:min(len(line), 10+area)]
	return words(1, 16, 2, true)(nil, line)
}

func (s *followSource) yamlLine(line []byte) (err error) {
	key, value, isKey := strings.Cut(strings.TrimLeft(string(line), " -"), ": ")
	if !isKey {
		if s.inYML {
			s.out, err = s.b64.decode(s.out, line)
		}
		return err
	}
	s.inYML = key == "data"
	switch key {
	case "peer":
		s.side = A
		if value == "1" {
			s.side = B
		}
	case "host", "port":
		s.yamlAddress(key, value)
	case "timestamp":
		s.at = lineTime([]byte(value))
	case "data":
		s.b64 = base64Decoder{}
		if rest, ok := strings.CutPrefix(value, "!!binary "); ok && !strings.HasPrefix(rest, "|") {
			s.out, err = s.b64.decode(s.out, []byte(rest))
		}
	}
	return err
}

// yamlAddress notes a part of the address of the peer that was named last.
func (s *followSource) yamlAddress(key, value string) {
	s.begin()
	s.conn.Network = "tcp"
	end := &s.conn.Client
	if s.side == B {
		end = &s.conn.Server
	}
	switch {
	case key == "port":
		*end += ":" + value
	case strings.Contains(value, ":"):
		*end = "[" + value + "]"
	default:
		*end = value
	}
}

func (s *followSource) arrayLine(line []byte) (err error) {
	if rest, ok := bytes.CutPrefix(line, []byte("char peer")); ok && len(rest) > 0 {
		s.side = A
		if rest[0] == '1' {
			s.side = B
		}
		s.lit = literal{numbers: braces}
	}
	s.out, err = s.lit.decode(s.out, append(line[:len(line):len(line)], '\n'))
	return err
}

// followStyle finds out how a stream is written; known is false if it is none,
// and line nil where bytes were lost in writing it.
func followStyle(head []byte) (mark string, line func(*followSource, []byte) error, known bool) {
	sure := 0
	for _, l := range headLines(head) {
		for _, style := range followStyles {
			if bytes.HasPrefix(bytes.TrimSpace(l), []byte(style.mark)) {
				return style.mark, style.line, true
			}
		}
		if b, ok := followHex(bytes.TrimSpace(l)); ok && len(b) > 0 && bytes.IndexByte(l, '|') < 0 && len(bytes.TrimSpace(l)) > 60 {
			sure++
		}
	}
	return "", (*followSource).hexLine, sure > 0
}

func matchFollow(head []byte) int {
	if _, _, known := followStyle(head); known && isText(head) {
		return scoreSure + 5
	}
	return 0
}

func openFollow(r *bufio.Reader, o Options) (Source, error) {
	mark, line, known := followStyle(peekHead(r))
	switch {
	case !known:
		return nil, fmt.Errorf("capture: no stream that Wireshark or tshark followed")
	case line == nil:
		return nil, fmt.Errorf("capture: %s is lossy: every byte that is no text became a dot; export it with follow,tcp,raw", strconv.Quote(mark))
	}
	return &followSource{lines: lineReader{in: r}, style: line}, nil
}
