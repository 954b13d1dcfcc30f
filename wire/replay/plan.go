package replay

import (
	"slices"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The bounds of what a Plan keeps beside the bytes themselves.
const (
	MaxRequests = 1 << 20  // requests, and pieces of what is sent and was answered
	maxParams   = 16 << 20 // bytes of the parameters of a request that is built anew
	maxName     = 512      // bytes of a method and of a URI
)

// A Plan is what is to be sent, and what was answered. Its fields must be set
// before the first event. It is not safe for concurrent use.
type Plan struct {
	// Exact sends the bytes that were sent: records as they were cut, padding,
	// management records, and what is no record at all. Otherwise each request is
	// built anew, from its parameters and streams.
	Exact bool
	// Edit changes the parameters of requests that are built anew; nil does not.
	Edit func([]wire.Pair) []wire.Pair
	// Fresh gives each request a connection of its own, and no KEEP_CONN where it
	// is built anew.
	Fresh bool
	// All sends requests whose answer is missing, too, and those that were
	// aborted.
	All bool
	// Unsafe sends requests that may change something.
	Unsafe bool
	// Layout keeps the records of the answers, to be compared.
	Layout bool
	// Chosen tells whether the request number seq of connection conn is wanted,
	// when it has ended; nil: all are.
	Chosen func(conn, seq int) bool

	store    store
	open     map[int]*talk // connections, by their numbers
	talks    []*talk       // those that are planned, in the order in which they began
	requests []*Request    // likewise
	ended    []*Request    // in the order in which they ended
	left     []Left
	unchosen int
	records  int // that belong to no request and were left out
	pieces   int
}

// A Request is one that was observed.
type Request struct {
	Conn, Seq   int       // of its connection, and on it
	ID          uint16    // request id
	Type        wire.Type // BEGIN_REQUEST, or that of a management record
	Role        wire.Role
	Method, URI string        // as observed, and cut; "" where there is none
	Began       time.Time     // zero where the input has no times
	Took        time.Duration // until END_REQUEST; -1 where that is not known

	keep      bool
	aborted   bool
	want      answer
	end       int // number among Plan.ended, and on its connection
	endOwn    int
	first     *step
	planned   bool
	wireBytes int64 // of it, towards the application
}

// A Reason says why a request is not sent.
type Reason uint8

// The reasons.
const (
	Incomplete Reason = iota // a part of it is missing in the capture
	Unsafe                   // it may change something
	Unanswered               // its answer is missing in the capture, or a part of it
	Aborted                  // the web server aborted it
)

// A Left is a request that is not sent.
type Left struct {
	*Request
	Why Reason
}

// A talk is a connection.
type talk struct {
	conn    int
	open    map[int]*making
	waiting []*making // ended without END_REQUEST: how tells the end of the connection
	asked   []*making // management records without an answer yet
	steps   []*step
	over    map[uint16]*making // the last one with each id that ended
	ends    int                // that ended
	holes   [2]bool
}

// A step is sent at once.
type step struct {
	request *Request // that it belongs to; nil: none
	bytes   spans
	after   int  // of the plan's requests, as many had ended
	own     int  // of its connection's, likewise
	heard   bool // something of the request's answer had come
	at      time.Time
}

// Finish ends the making of the plan. No more events may come.
func (p *Plan) Finish() error {
	for _, t := range p.open {
		// An input whose end nobody has told.
		if err := p.closed(t, flow.CloseUnknown); err != nil {
			return err
		}
	}
	p.requests = slices.DeleteFunc(p.requests, func(r *Request) bool { return !r.planned })
	// What is left out is not waited for.
	planned := make([]int, len(p.ended)+1)
	kept := p.ended[:0:0]
	own := map[int][]int{}
	for i, r := range p.ended {
		planned[i+1] = planned[i]
		before := own[r.Conn]
		if before == nil {
			before = []int{0}
		}
		n := before[len(before)-1]
		if r.planned {
			planned[i+1]++
			r.end, r.endOwn = len(kept), n
			kept = append(kept, r)
			n++
		}
		own[r.Conn] = append(before, n)
	}
	p.ended = kept
	talks := p.talks[:0]
	for _, t := range p.talks {
		t.steps = slices.DeleteFunc(t.steps, func(s *step) bool {
			return s.request != nil && !s.request.planned || s.bytes.size() == 0
		})
		for _, s := range t.steps {
			s.after = planned[s.after]
			if before := own[t.conn]; before != nil {
				s.own = before[s.own]
			}
			if s.request != nil {
				s.request.wireBytes += s.bytes.size()
			}
		}
		if len(t.steps) > 0 {
			talks = append(talks, t)
		}
	}
	p.talks = talks
	if p.Fresh {
		p.separate()
	}
	return nil
}

// separate gives each request a connection of its own.
func (p *Plan) separate() {
	var talks []*talk
	of := map[*Request]*talk{}
	for _, t := range p.talks {
		for _, s := range t.steps {
			alone := of[s.request]
			if alone == nil || s.request == nil {
				alone = &talk{conn: t.conn}
				of[s.request] = alone
				talks = append(talks, alone)
			}
			s.own = 0
			alone.steps = append(alone.steps, s)
		}
	}
	for _, r := range p.requests {
		r.endOwn = 0
	}
	slices.SortStableFunc(talks, func(a, b *talk) int { return a.steps[0].after - b.steps[0].after })
	p.talks = talks
}

// Requests returns the requests that are sent, in the order in which they began.
func (p *Plan) Requests() []*Request { return p.requests }

// Left returns the requests that are not sent although they were chosen.
func (p *Plan) Left() []Left { return p.left }

// Unchosen returns how many requests were not chosen.
func (p *Plan) Unchosen() int { return p.unchosen }

// Records returns how many records that belong to no request are not sent.
func (p *Plan) Records() int { return p.records }

// Sends reports whether there is anything to send.
func (p *Plan) Sends() bool { return len(p.talks) > 0 }

// Close gives up what the plan keeps.
func (p *Plan) Close() { p.store.close() }

// Name says which request it is in a few words, all of it from a peer.
func (r *Request) Name() string {
	if r.Type != wire.TypeBeginRequest {
		return r.Type.String()
	}
	name := strings.TrimSpace(r.Method + " " + r.URI)
	if r.Role != wire.Responder {
		name = strings.TrimSpace(r.Role.String() + " " + name)
	}
	return name
}

// Unsure reports whether there is no answer to compare with.
func (r *Request) Unsure() bool { return r.want.how == Missing }
