package capture

import (
	"bufio"
	"errors"
	"io"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

const readLen = 32 << 10 // bytes that a byte stream is read in

func matchRaw(head []byte) int {
	switch g := walk(head); {
	case g.strong:
		return scoreSure
	case g.records > 0 || g.framed:
		return scoreLikes
	case isText(head):
		return 0
	}
	if g, _ := search(head, 0); g.strong {
		return scoreWeak
	}
	return 0
}

func openRaw(r *bufio.Reader, o Options) (Source, error) { return newStream(r), nil }

// bareConn is the connection of bytes of which nothing else is known.
func bareConn() *flow.ConnInfo { return &flow.ConnInfo{Fd: -1} }

// A streamSource yields a byte stream that does not tell who sent what. It
// goes by the records: each type has its direction, so a recording of both
// sides in one comes apart, too. What is no record stays with the side before.
type streamSource struct {
	in   io.Reader
	info *flow.ConnInfo
	buf  [readLen]byte
	rest []byte // read, but not yielded yet
	err  error  // of in, once nothing more can be read
	harm error  // damage behind rest

	side Side
	left int  // bytes of the current record still to come
	lost bool // there are no more records
	sent [2]bool
	gap  bool // what side B sent before the record that is due is missing

	begun bool // the first record has been looked for
	tail  bool // the stream begins inside a record
}

func newStream(r io.Reader) *streamSource { return &streamSource{in: r, info: bareConn()} }

// Next implements Source.
func (s *streamSource) Next() (Chunk, error) {
	for {
		n := s.due()
		if s.tail {
			s.tail = false
			return Chunk{Conn: s.info, Side: s.side, Kind: ChunkGap, Lost: -1}, nil
		}
		if s.gap {
			s.gap = false
			return Chunk{Conn: s.info, Side: B, Kind: ChunkGap, Lost: -1}, nil
		}
		if n > 0 {
			data := s.rest[:n]
			s.rest = s.rest[n:]
			s.left = max(0, s.left-n)
			return Chunk{Conn: s.info, Side: s.side, Data: data}, nil
		}
		if s.harm != nil {
			return s.damaged()
		}
		if s.err != nil {
			return s.ended()
		}
		// What is left is the beginning of a header.
		have := copy(s.buf[:], s.rest)
		n, err := s.in.Read(s.buf[have:])
		s.rest = s.buf[:have+n]
		var damage *InputError
		if errors.As(err, &damage) {
			s.harm = damage
		} else {
			s.err = err
		}
	}
}

// begin looks for the first record, which the stream may begin before: the rest
// of another one is taken to have the same sender. false: read more.
func (s *streamSource) begin() bool {
	last := s.err != nil || s.harm != nil || len(s.rest) == len(s.buf)
	g := walk(s.rest)
	s.begun = last || g.strong || g.records > 0 || g.framed
	if g.short && !last || g.strong || g.records > 0 || g.framed {
		return s.begun
	}
	if first, at := search(s.rest, 0); first.strong {
		s.begun, s.tail, s.left, s.side = true, true, at, Side(first.dir)
	}
	return s.begun
}

// due returns how many bytes of rest have the current side, and makes the
// sender of the next record the current side if one is due. 0: read more.
func (s *streamSource) due() int {
	if !s.begun && !s.begin() {
		return 0
	}
	if s.left == 0 && !s.lost {
		if len(s.rest) < wire.HeaderLen {
			if s.err == nil && s.harm == nil {
				return 0
			}
			return len(s.rest)
		}
		head := wire.ParseHeader((*[wire.HeaderLen]byte)(s.rest))
		s.left = head.Len()
		s.lost = head.Version != wire.Version1 && !begins(s.rest)
		if spec := head.Type.Spec(); spec != nil && !s.lost {
			s.side = Side(spec.Dir)
			// A recording of one direction lacks the END_REQUEST before this.
			s.gap = head.Type == wire.TypeBeginRequest && s.sent[A] && !s.sent[B]
			s.sent[s.side] = true
		}
	}
	if s.lost {
		return len(s.rest)
	}
	return min(len(s.rest), s.left)
}

// damaged yields the gap that damage to the input makes, then the damage.
func (s *streamSource) damaged() (Chunk, error) {
	var loss *lossError
	if errors.As(s.harm, &loss) && loss.n != 0 {
		n := loss.n
		loss.n = 0
		s.left = max(0, s.left-int(min(n, wire.MaxRecord)))
		if n < 0 {
			s.left = 0
		}
		return Chunk{Conn: s.info, Side: s.side, Kind: ChunkGap, Lost: n}, nil
	}
	err := s.harm
	s.harm = nil
	return Chunk{}, err
}

// ended yields the end of the connection, then that of the input.
func (s *streamSource) ended() (Chunk, error) {
	err := s.err
	s.err = io.EOF
	if err != io.EOF {
		return Chunk{}, &InputError{Where: "input", Err: err}
	}
	if s.info == nil {
		return Chunk{}, io.EOF
	}
	end := Chunk{Conn: s.info, Kind: ChunkEnd}
	s.info = nil
	return end, nil
}

// Close implements Source.
func (s *streamSource) Close() error { return nil }
