package pretty

import (
	"errors"
	"unsafe"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The bounds of what is held of requests that are not judged yet. What goes
// beyond them is left out, and where the request is chosen an event of kind
// KindLost says so; the request is judged rightly all the same, and its end is
// shown.
const (
	MaxHeld    = 4 << 20  // bytes of a request
	MaxHeldAll = 16 << 20 // bytes of all requests
	heldEnd    = 4 << 10  // bytes of an END_REQUEST that are held beyond them
	maxParams  = 1 << 20  // bytes of the parameters of a request that Where asks for
	maxKnown   = 8 << 20  // bytes of all such parameters
	heldBlock  = 8 << 10  // bytes that are taken at once
	heldRules  = 64       // different rules of a request that are remembered
	freeEvents = 128      // events of a request whose memory is used again
	freeBlocks = 8        // and blocks
	freeMost   = 64       // requests whose memory is
	heldEvent  = int(unsafe.Sizeof(flow.Event{}))
)

// leftOut is what a KindLost event says about them.
const leftOut = "for which there was no room until the request was judged: see --conn and --id"

var errParams = errors.New("pretty: the parameters are too long to be looked at")

// chosenRequest is a request that is followed.
type chosenRequest struct {
	judged, wanted bool
	events         []flow.Event
	blocks         [][]byte // the rest of the last one is free
	bytes          int      // what it adds to Chooser.held
	lost           int      // 1 + place of the KindLost event among events
	omitted        int64    // events
	params         map[string]string
	known          int // bytes of them, of Chooser.known
	rules          []string
}

// judge deals with what belongs to a request.
func (c *Chooser) judge(conn *chosenConn, e *flow.Event) {
	key := requestKey{e.Conn.N, e.Request.Seq}
	q := c.open[key]
	if q == nil {
		q = c.fresh()
		c.open[key] = q
	}
	if !q.judged {
		c.hold(conn, q, e)
		c.learn(q, e)
		if c.ripe(e) {
			c.decide(conn, q, e)
		}
	} else if q.wanted {
		c.record(conn, e, q)
	}
	if e.Kind == flow.KindRequestEnded {
		c.known -= q.known
		delete(c.open, key)
		c.recycle(q)
	}
}

// ripe reports whether e brings its request to the stage at which it is judged.
func (c *Chooser) ripe(e *flow.Event) bool {
	switch {
	case e.Kind == flow.KindRequestEnded:
		return true
	case c.stage == begun:
		return e.Kind == flow.KindRequestBegun
	case c.stage == asked:
		// The record that ends them comes before the request knows of it.
		return e.Request.ParamsEnded || e.Kind == flow.KindRecord && e.Header.Type == wire.TypeParams && e.Header.ContentLength == 0
	}
	return false
}

// decide judges a request and passes on what was held of it.
func (c *Chooser) decide(conn *chosenConn, q *chosenRequest, e *flow.Event) {
	q.judged = true
	w := c.choice.Where
	q.wanted = !c.choice.Failed || failed(e.Request)
	if q.wanted && w != nil && !w.records {
		s := c.subject(e, q)
		s.record = nil
		q.wanted = c.holds(s)
	}
	if q.wanted {
		c.release(conn, q, e.Request)
	}
	c.held -= q.bytes
	q.bytes, q.events, q.blocks = 0, reuse(q.events, freeEvents), reuse(q.blocks, freeBlocks)
}

// reuse returns s for other elements, or nil where that would keep too much.
func reuse[E any](s []E, most int) []E {
	if cap(s) > most {
		return nil
	}
	return s[:0]
}

// fresh returns a request of which nothing is known.
func (c *Chooser) fresh() *chosenRequest {
	n := len(c.free)
	if n == 0 {
		return &chosenRequest{}
	}
	q := c.free[n-1]
	c.free = c.free[:n-1]
	return q
}

// recycle keeps the memory of a request that is over for another one.
func (c *Chooser) recycle(q *chosenRequest) {
	if len(c.free) < freeMost {
		*q = chosenRequest{events: q.events, blocks: q.blocks}
		c.free = append(c.free, q)
	}
}

func (c *Chooser) release(conn *chosenConn, q *chosenRequest, r *flow.Request) {
	if q.lost > 0 {
		q.events[q.lost-1].Length = q.omitted
		c.Cut++
	}
	for i := range q.events {
		e := &q.events[i]
		if e.Kind != flow.KindLost {
			e.Request = r
		}
		c.record(conn, e, q)
	}
}

// learn notes what the condition needs to know beside the request itself.
func (c *Chooser) learn(q *chosenRequest, e *flow.Event) {
	w := c.choice.Where
	switch {
	case w == nil:
	case e.Kind == flow.KindPair && e.Header.Type == wire.TypeParams && w.wants(e.Pair.Name):
		c.param(q, e.Pair)
	case e.Kind == flow.KindFinding && len(q.rules) < heldRules:
		q.rules = append(q.rules, string(e.Finding.Rule))
	}
}

func (c *Chooser) param(q *chosenRequest, p wire.Pair) {
	n := len(p.Name) + len(p.Value) + heldEvent
	if q.known+n > maxParams || c.known+n > maxKnown {
		c.unclear(errParams)
		return
	}
	q.known += n
	c.known += n
	if q.params == nil {
		q.params = map[string]string{}
	}
	q.params[string(p.Name)] = string(p.Value)
}

// hold keeps e, without its request, until that is judged.
func (c *Chooser) hold(conn *chosenConn, q *chosenRequest, e *flow.Event) {
	limit := MaxHeld
	switch {
	case e.Kind == flow.KindRequestEnded:
		limit = 0 // there is one, it is held for a moment
	case e.Header.Type == wire.TypeEndRequest:
		limit += heldEnd
	}
	n := heldEvent + len(e.Data) + len(e.Padding) + len(e.Pair.Name) + len(e.Pair.Value)
	if limit > 0 && !c.room(q, n, limit) {
		if q.lost == 0 {
			q.events = append(q.events, flow.Event{Kind: flow.KindLost, Dir: e.Dir, Conn: conn.begun.Conn, At: e.At, Hint: leftOut})
			q.lost = len(q.events)
		}
		q.omitted++
		return
	}
	k := *e
	k.Data, k.Padding = q.keep(e.Data), q.keep(e.Padding)
	k.Pair.Name, k.Pair.Value = q.keep(e.Pair.Name), q.keep(e.Pair.Value)
	if e.Finding != nil {
		f := *e.Finding
		k.Finding = &f
	}
	if conn.begun.Conn != nil {
		k.Conn = conn.begun.Conn
	}
	q.events = append(q.events, k)
}

// room reports whether n more bytes may be held of q, and counts them.
func (c *Chooser) room(q *chosenRequest, n, limit int) bool {
	if q.lost > 0 && limit <= MaxHeld || q.bytes+n > limit || c.held+n > MaxHeldAll+limit-MaxHeld {
		return false
	}
	q.bytes += n
	c.held += n
	return true
}

// keep returns a copy of b.
func (q *chosenRequest) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	if len(b) >= heldBlock {
		return append([]byte{}, b...)
	}
	last := len(q.blocks) - 1
	if last < 0 || len(b) > heldBlock-len(q.blocks[last]) {
		last++
		if last < cap(q.blocks) && q.blocks[:last+1][last] != nil {
			q.blocks = q.blocks[:last+1] // of a request before
			q.blocks[last] = q.blocks[last][:0]
		} else {
			q.blocks = append(q.blocks, make([]byte, 0, heldBlock))
		}
	}
	block := q.blocks[last]
	n := len(block)
	q.blocks[last] = append(block, b...)
	return q.blocks[last][n:len(q.blocks[last]):len(q.blocks[last])]
}
