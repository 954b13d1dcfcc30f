package replay

import (
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// An Ending says how an answer ended.
type Ending uint8

// The endings.
const (
	Missing     Ending = iota // it is not known, or not all of the answer is
	Complete                  // with END_REQUEST
	ClosedEarly               // the application closed the connection before
)

// An answer is one that was observed.
type answer struct {
	stdout, stderr spans
	header         int64 // bytes of stdout
	status         int
	how            Ending
	end            wire.EndRequest
	layout         []Shape
}

// A Shape is what a record is like without its content.
type Shape struct {
	Type             wire.Type
	Content, Padding int
}

func shapeOf(h wire.Header) Shape {
	return Shape{h.Type, int(h.ContentLength), int(h.PaddingLength)}
}

// learn finds out where the body begins.
func (a *answer) learn(s *store) error {
	var h cgi.Header
	for r := s.reader(a.stdout); !h.Done(); {
		p, err := r.piece(cgi.MaxHeader)
		if err != nil {
			return err
		}
		if len(p) == 0 {
			h.End()
			break
		}
		h.Feed(p)
	}
	a.header, a.status = int64(h.BodyStart()), statusOf(&h)
	return nil
}

// statusOf is the status of a header that is over; 0 where there is none.
func statusOf(h *cgi.Header) int {
	if h.BodyStart() == 0 {
		return 0
	}
	return h.Status()
}
