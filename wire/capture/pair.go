package capture

import (
	"bufio"
	"io"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// OpenPair reads two byte streams, the two directions of one conversation;
// either may be nil. They have no times: what is sent to the app comes first,
// but a request that uses an id again waits until the one before it has ended.
func OpenPair(toApp, toServer io.Reader) Source {
	s := &pairSource{info: bareConn(), active: make(map[uint16]bool)}
	for side, r := range []io.Reader{toApp, toServer} {
		if r != nil {
			s.in[side].r = bufio.NewReaderSize(r, readLen)
		}
	}
	return s
}

// A pairSource yields two streams in turn.
type pairSource struct {
	in     [2]pairStream
	info   *flow.ConnInfo // nil when the end is out
	side   Side
	active map[uint16]bool // ids of requests that did not end yet
	until  uint16          // side B: change sides behind the END_REQUEST of this id
}

// A pairStream is one of them.
type pairStream struct {
	r     *bufio.Reader // nil at its end
	taken int           // bytes of the buffer that the last chunk holds
	left  int           // bytes of the current record still to come
	last  bool          // the side changes behind the current record
	lost  bool          // there are no more records
}

// Next implements Source.
func (s *pairSource) Next() (Chunk, error) {
	for s.in[A].r != nil || s.in[B].r != nil {
		in := &s.in[s.side]
		if in.r == nil {
			s.side = s.side.Other()
			continue
		}
		in.r.Discard(in.taken) // cannot fail: they are in the buffer
		in.taken = 0
		n, err := s.due(in)
		if n > 0 {
			b, _ := in.r.Peek(n)
			in.taken = n
			return Chunk{Conn: s.info, Side: s.side, Data: b, Given: true}, nil
		}
		if err != nil {
			in.r = nil
			if err != io.EOF {
				return Chunk{}, &InputError{Where: []string{"to-app", "to-server"}[s.side], Err: err}
			}
		}
	}
	if s.info == nil {
		return Chunk{}, io.EOF
	}
	end := Chunk{Conn: s.info, Kind: ChunkEnd, Given: true}
	s.info = nil
	return end, nil
}

// due returns how many bytes of the current side come next; 0 without an error
// when it is the other side's turn.
func (s *pairSource) due(in *pairStream) (int, error) {
	if in.left == 0 && in.last {
		in.last = false
		s.side = s.side.Other()
		return 0, nil
	}
	if in.left == 0 && !in.lost {
		b, err := in.r.Peek(wire.HeaderLen)
		if len(b) < wire.HeaderLen {
			if err == io.EOF && len(b) > 0 {
				err = nil
			}
			return len(b), err
		}
		head := wire.ParseHeader((*[wire.HeaderLen]byte)(b))
		if s.waits(head) {
			s.side = B
			return 0, nil
		}
		in.left, in.lost = head.Len(), head.Version != wire.Version1
	}
	if _, err := in.r.Peek(1); err != nil {
		return 0, err
	}
	n := in.r.Buffered()
	if !in.lost {
		n = min(n, in.left)
		in.left -= n
	}
	return n, nil
}

// waits reports whether a record to the app has to wait, and notes what begins
// and ends.
func (s *pairSource) waits(head wire.Header) bool {
	switch {
	case s.side == A && head.Type == wire.TypeBeginRequest:
		if s.active[head.RequestID] && s.in[B].r != nil {
			s.until = head.RequestID
			return true
		}
		s.active[head.RequestID] = true
	case s.side == B && head.Type == wire.TypeEndRequest:
		delete(s.active, head.RequestID)
		s.in[B].last = head.RequestID == s.until && s.in[A].r != nil
	}
	return false
}

// Close implements Source.
func (s *pairSource) Close() error { return nil }
