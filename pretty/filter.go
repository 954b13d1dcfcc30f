package pretty

import (
	"errors"
	"slices"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A Choice says which events a user wants to see. The zero value is all. What
// it names has to be true together; of a list one is enough.
//
// Conns chooses connections. IDs and Types choose records, with what is derived
// from them. Failed, and Where if it has fields of requests, choose requests
// with their records, which are held until it is known whether a request is
// wanted: Where with the fields of BEGIN_REQUEST and PARAMS knows at the end of
// PARAMS, everything else at the end of the request. Where with fields of
// records chooses records among those of the requests it chooses, or among all.
//
// The beginning and the end of a connection are shown where something of it
// is. What belongs to no request, such as gaps, is shown unless records or
// requests are chosen; with Failed always, as it is a failure itself.
type Choice struct {
	Conns  []int
	IDs    []uint16
	Types  []wire.Type
	Failed bool
	Where  *Condition
}

// All reports whether nothing is left out.
func (c *Choice) All() bool {
	return c.Conns == nil && c.IDs == nil && c.Types == nil && !c.Failed && c.Where == nil
}

// Records reports whether records are chosen, and not requests or connections:
// a format that shows requests has nothing to show then.
func (c *Choice) Records() bool {
	return c.Types != nil || c.Where != nil && c.Where.records
}

// NeedsWhole reports whether records have to come whole (flow.Conn.Whole).
func (c *Choice) NeedsWhole() bool { return c.Failed || c.Where != nil }

// stage is the one from which on a request can be judged; always: there is
// nothing to judge.
func (c *Choice) stage() stage {
	switch {
	case c.Failed:
		return ended
	case c.Where == nil:
		return always
	case c.Where.records:
		return c.Where.stage
	}
	return max(begun, c.Where.stage)
}

// A Chooser is a sink that passes on what is chosen.
type Chooser struct {
	Requests int64 // requests that ended
	Chosen   int64 // of these, and of records if they are chosen
	Cut      int64 // chosen requests that are shown without a part
	// Unclear counts where Where could not be evaluated, Err says why the first
	// time: it is not met then.
	Unclear int64
	Err     error

	choice Choice
	stage  stage
	sink   Sink
	err    error
	conns  map[int]*chosenConn
	open   map[requestKey]*chosenRequest
	free   []*chosenRequest
	held   int // bytes of events
	known  int // bytes of parameters
	none   flow.Request
}

// chosenConn is what is kept of a connection.
type chosenConn struct {
	begun flow.Event // its first event
	shown bool       // that was passed on
	last  bool       // the last record was
}

// Choose returns a sink that passes on to s what is chosen.
func Choose(c Choice, s Sink) *Chooser {
	return &Chooser{choice: c, stage: c.stage(), sink: s, conns: map[int]*chosenConn{}, open: map[requestKey]*chosenRequest{}}
}

// Event implements Sink.
func (c *Chooser) Event(e *flow.Event) error {
	switch {
	case e.Conn == nil:
		return c.pass(e)
	case c.choice.Conns != nil && !slices.Contains(c.choice.Conns, e.Conn.N):
		return c.err
	}
	conn := c.conns[e.Conn.N]
	if conn == nil {
		conn = &chosenConn{}
		c.conns[e.Conn.N] = conn
	}
	switch e.Kind {
	case flow.KindConnection:
		conn.begun = e.Clone()
		if c.stage == always && c.choice.IDs == nil && !c.choice.Records() {
			c.show(conn, e)
		}
	case flow.KindClosed:
		if conn.shown {
			c.pass(e)
		}
		delete(c.conns, e.Conn.N)
	case flow.KindLost:
		return c.pass(e)
	case flow.KindGap, flow.KindDesync:
		c.stray(conn, e)
	default:
		c.ofRequest(conn, e)
	}
	return c.err
}

// ofRequest deals with what belongs to a request, or could.
func (c *Chooser) ofRequest(conn *chosenConn, e *flow.Event) {
	if e.Kind == flow.KindRequestEnded {
		c.Requests++
	}
	switch {
	case c.choice.IDs != nil && !slices.Contains(c.choice.IDs, idOf(e)):
	case c.stage == always:
		c.record(conn, e, nil)
	case e.Request == nil:
		c.stray(conn, e)
	default:
		c.judge(conn, e)
	}
}

// idOf returns the request id that an event belongs to.
func idOf(e *flow.Event) uint16 {
	switch {
	case e.Kind == flow.KindFinding:
		return e.Finding.RequestID
	case e.Request != nil:
		return e.Request.ID
	}
	return e.Header.RequestID
}

// stray deals with what belongs to no request.
func (c *Chooser) stray(conn *chosenConn, e *flow.Event) {
	bytes := e.Kind == flow.KindGap || e.Kind == flow.KindDesync
	switch {
	case c.choice.Failed:
		if c.choice.IDs == nil && (bytes || e.Kind == flow.KindTruncated || e.Kind == flow.KindFinding && !isNote(e.Finding)) {
			c.show(conn, e)
		}
	case bytes:
		if c.stage == always && c.choice.IDs == nil && !c.choice.Records() {
			c.show(conn, e)
		}
	case c.choice.Records():
		c.record(conn, e, nil)
	}
}

func isNote(f *flow.Finding) bool {
	r := f.Rule.Rule()
	return r != nil && r.Level == wire.Note
}

// record passes e on if its record is chosen, or none has to be. q is its
// request, nil where it was not held.
func (c *Chooser) record(conn *chosenConn, e *flow.Event, q *chosenRequest) {
	if !c.choice.Records() || c.wanted(conn, e, q) {
		c.show(conn, e)
	}
}

// wanted reports whether the record that e is, or belongs to, is chosen.
func (c *Chooser) wanted(conn *chosenConn, e *flow.Event, q *chosenRequest) bool {
	switch e.Kind {
	case flow.KindLost:
		return true
	case flow.KindPair, flow.KindFinding:
		return conn.last // they come behind their record
	case flow.KindRequestBegun, flow.KindResponse, flow.KindRequestEnded:
		return false
	}
	conn.last = c.choice.Types == nil || slices.Contains(c.choice.Types, e.Header.Type)
	if w := c.choice.Where; w != nil && w.records && conn.last {
		conn.last = c.holds(c.subject(e, q))
	}
	if conn.last && e.Kind == flow.KindRecord {
		c.Chosen++
	}
	return conn.last
}

// subject is what the condition is asked about a record, or a request where
// q's request is over.
func (c *Chooser) subject(e *flow.Event, q *chosenRequest) *subject {
	s := &subject{conn: e.Conn.N, record: e, request: e.Request}
	if s.request == nil {
		s.request = &c.none
	}
	if q != nil {
		s.params, s.rules = q.params, q.rules
	}
	return s
}

// holds evaluates the condition.
func (c *Chooser) holds(s *subject) bool {
	met, err := c.choice.Where.holds(s)
	if err != nil {
		c.unclear(whereError(err))
	}
	return met
}

func (c *Chooser) unclear(err error) {
	if c.Unclear == 0 {
		c.Err = err
	}
	c.Unclear++
}

// show passes e on, behind the beginning of its connection.
func (c *Chooser) show(conn *chosenConn, e *flow.Event) {
	if !conn.shown {
		conn.shown = true
		if e.Kind != flow.KindConnection && conn.begun.Conn != nil {
			c.pass(&conn.begun)
		}
	}
	if e.Kind == flow.KindRequestEnded && !c.choice.Records() {
		c.Chosen++
	}
	c.pass(e)
}

func (c *Chooser) pass(e *flow.Event) error {
	c.err = errors.Join(c.err, c.sink.Event(e))
	return c.err
}

// Flush writes what the sink behind it holds back.
func (c *Chooser) Flush() error { return Flush(c.sink) }

// Close closes the sink behind it.
func (c *Chooser) Close() error { return c.sink.Close() }
