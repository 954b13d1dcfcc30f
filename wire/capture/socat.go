package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A socatSource reads what socat -x and socat -x -v print. The end that socat
// listens for is A.
type socatSource struct {
	lines lineReader
	conn  *flow.ConnInfo
	head  socatHead // of the block that is being read
	left  int64     // bytes of it still to come
	next  [2]int64  // offset of the next block, by side
	buf   []byte
	queue []Chunk
}

// A socatHead is the line before a block of bytes:
//
//	> 2026/11/20 20:51:38.000661350  length=672 from=0 to=671
type socatHead struct {
	side   Side
	at     time.Time
	length int64
	from   int64
}

func parseSocat(line []byte) (h socatHead, ok bool) {
	f := bytes.Fields(line)
	if len(f) != 6 || len(f[0]) != 1 || f[0][0] != '>' && f[0][0] != '<' {
		return h, false
	}
	if f[0][0] == '<' {
		h.side = B
	}
	var to int64
	if _, err := fmt.Sscanf(string(bytes.Join(f[3:], []byte(" "))), "length=%d from=%d to=%d", &h.length, &h.from, &to); err != nil {
		return h, false
	}
	clock, fraction, _ := bytes.Cut(f[2], []byte("."))
	at, err := time.Parse("2006/01/02 15:04:05", string(f[1])+" "+string(clock))
	if err != nil || h.length < 0 {
		return h, false
	}
	// Microseconds, in six or nine digits; of whatever time zone.
	micro, _ := strconv.Atoi(string(fraction))
	h.at = at.Add(time.Duration(micro) * time.Microsecond)
	return h, true
}

// Next implements Source.
func (s *socatSource) Next() (Chunk, error) {
	for {
		if len(s.queue) > 0 {
			ch := s.queue[0]
			s.queue = s.queue[1:]
			return ch, nil
		}
		line, err := s.lines.next()
		if err == io.EOF {
			return Chunk{}, err
		}
		if err == nil {
			err = s.line(line)
		}
		if err != nil {
			return Chunk{}, s.lines.where(err)
		}
	}
}

// Close implements Source.
func (s *socatSource) Close() error { return nil }

func (s *socatSource) line(line []byte) error {
	if h, ok := parseSocat(line); ok {
		return s.block(h)
	}
	if s.left <= 0 || len(line) == 0 || line[0] != ' ' {
		return nil // between two blocks, or what else socat has to say
	}
	s.buf = socatBytes(s.buf[:0], line, s.left)
	s.left -= int64(len(s.buf))
	if len(s.buf) > 0 {
		s.put(Chunk{Data: s.buf})
	}
	return nil
}

// block begins a block. It complains if the one before was cut.
func (s *socatSource) block(h socatHead) error {
	missing := s.left
	if missing > 0 {
		s.put(Chunk{Kind: ChunkGap, Lost: missing})
	}
	if h.from == 0 && s.next[h.side] > 0 { // another connection
		s.put(Chunk{Kind: ChunkEnd})
		s.conn, s.next = nil, [2]int64{}
	}
	s.head, s.left = h, h.length
	if ahead := h.from - s.next[h.side]; ahead > 0 {
		s.put(Chunk{Kind: ChunkGap, Lost: ahead})
	}
	s.next[h.side] = h.from + h.length
	if missing > 0 {
		return fmt.Errorf("%d bytes of the block before are missing", missing)
	}
	return nil
}

func (s *socatSource) put(ch Chunk) {
	if s.conn == nil {
		s.conn = bareConn()
	}
	ch.Conn, ch.Side, ch.At, ch.Frame = s.conn, s.head.side, s.head.at, s.lines.n
	s.queue = append(s.queue, ch)
}

// socatBytes reads bytes in hex with one space before each, at most n.
func socatBytes(dst, line []byte, n int64) []byte {
	for ; n > 0 && len(line) >= 3 && line[0] == ' '; n, line = n-1, line[3:] {
		hi, lo := hexDigit(line[1]), hexDigit(line[2])
		if hi < 0 || lo < 0 {
			break
		}
		dst = append(dst, byte(hi<<4|lo))
	}
	return dst
}

func matchSocat(head []byte) int {
	for _, line := range headLines(head) {
		if _, ok := parseSocat(line); ok && isText(head) {
			return scoreSure + 10
		}
	}
	return 0
}

func openSocat(r *bufio.Reader, o Options) (Source, error) {
	lines := headLines(peekHead(r))
	for i, line := range lines {
		if h, ok := parseSocat(line); ok && i+1 < len(lines) && h.length > 0 {
			if len(socatBytes(nil, lines[i+1], 1)) == 0 {
				return nil, errors.New("capture: socat -v is lossy: every byte that is no text became a dot; use socat -x")
			}
			break
		}
	}
	return &socatSource{lines: lineReader{in: r}}, nil
}
