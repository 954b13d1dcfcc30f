package capture

import (
	"io"
	"time"
)

// sequelSlack is how much earlier than the last packet of a recording the first
// one of the next file may be: packets are not captured in perfect order.
const sequelSlack = 100 * time.Millisecond

// Chain has src, if it is a capture of packets, go on with another one when it
// has come to its end, so that a recording in several files is one capture: what
// begins in one of them ends in another. more is asked for the next file, and
// returns nil if there is none for which Follows is true; what it returns is taken
// over, and src is what is to be closed. Other sources are left as they are, and
// more is not called.
func Chain(src Source, more func() Source) {
	if s, ok := src.(*packetSource); ok {
		s.more = more
	}
}

// Follows reports whether next may be the file behind src, which has been read to
// its end: both are captures of packets, and next begins when src ends, or later.
// Without packets there is nothing that speaks against it; packets without a time
// do. It reads the first packet of next.
func Follows(src, next Source) bool {
	s, ok := src.(*packetSource)
	if !ok {
		return false
	}
	n, ok := next.(*packetSource)
	if !ok {
		return false
	}
	n.peek()
	first := n.p.at
	switch {
	case n.aheadErr == io.EOF || s.last.IsZero() && !s.timeless:
		return true
	case n.aheadErr != nil || first.IsZero() || s.timeless:
		return false
	}
	// The same file once more is no sequel, however short it is.
	return !first.Before(s.last) || first.After(s.first) && !first.Before(s.last.Add(-sequelSlack))
}

// peek reads the first packet, for the time when it is asked for.
func (s *packetSource) peek() {
	if !s.ahead {
		s.ahead, s.aheadErr = true, s.in.next(&s.p)
	}
}

// sequel goes on with the next file, if there is one.
func (s *packetSource) sequel() bool {
	if s.more == nil {
		return false
	}
	next, ok := s.more().(*packetSource)
	if !ok {
		return false
	}
	s.in, s.p, s.ahead, s.aheadErr = next.in, next.p, next.ahead, next.aheadErr
	s.tcp.file++
	return true
}

// clock notes the time of a packet.
func (s *packetSource) clock(at time.Time) {
	switch {
	case at.IsZero():
		s.timeless = true
	case s.last.IsZero():
		s.first, s.last = at, at
	case at.After(s.last):
		s.last = at
	}
}
