package pretty

import (
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// maxTails is how many unfinished pairs are followed at once. Where there are
// more, the rest of a split pair may be shown as if a pair began there.
const maxTails = 4096

// tails knows how much of a record's content belongs to a name-value pair that
// began in an earlier record of the same stream.
type tails map[stream]*partial

// stream is a stream of pairs of a connection.
type stream struct {
	conn int
	id   uint16
	typ  wire.Type
}

// partial is a pair of which some bytes have come.
type partial struct {
	head [8]byte // its first bytes: they hold both lengths
	have uint64
}

// next returns how many bytes at the start of a record's content belong to an
// earlier pair.
func (t tails) next(e *flow.Event) (tail int) {
	s := e.Header.Type.Spec()
	if s == nil || s.Shape != wire.Pairs {
		return 0
	}
	key := stream{e.Conn.N, e.Header.RequestID, e.Header.Type}
	p := t[key]
	if !s.Stream || len(e.Data) == 0 {
		p = nil // pairs end where the stream or the management record ends
	}
	if p != nil {
		tail = p.take(e.Data)
	}
	rest := e.Data[tail:]
	rest = rest[wholePairs(rest):]
	switch {
	case p != nil && p.have > 0: // still not whole
	case !s.Stream || len(rest) == 0 || len(t) >= maxTails && p == nil:
		delete(t, key)
	default:
		p = &partial{}
		p.take(rest)
		t[key] = p
	}
	return tail
}

// forget is for a direction in which bytes are missing, and for its end.
func (t tails) forget(conn int) {
	for key := range t {
		if key.conn == conn {
			delete(t, key)
		}
	}
}

// wholePairs returns how many bytes of b are whole pairs.
func wholePairs(b []byte) (n int) {
	for n < len(b) {
		_, size := wire.ParsePair(b[n:])
		if size == 0 {
			break
		}
		n += size
	}
	return n
}

// take adds as much of b as belongs to the pair and returns how much that is.
// have is 0 when the pair is whole.
func (p *partial) take(b []byte) (n int) {
	for {
		want := wire.PairLen(p.head[:min(p.have, 8)])
		if p.have >= want {
			p.have = 0
			return n
		}
		if n == len(b) {
			return n
		}
		k := int(min(want-p.have, uint64(len(b)-n)))
		if p.have < 8 {
			copy(p.head[p.have:], b[n:n+k])
		}
		p.have += uint64(k)
		n += k
	}
}
