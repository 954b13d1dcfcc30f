package flow

import (
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// The bounds of what a Conn keeps, whatever the peers send.
const (
	MaxActive     = 4096    // requests followed at once; more are seen, not followed
	MaxPair       = 1 << 20 // bytes of a pair that is split over records
	MaxPairs      = 4 << 20 // bytes of all such pairs of a connection
	MaxNames      = 256     // names of a request that are checked for duplicates
	MaxAsked      = 64      // names of GET_VALUES that are remembered
	maxIdleBuffer = 4 << 10 // bytes of a buffer that is kept for the next record
)

// A Conn observes one connection. The zero value is ready.
//
// It promises: every byte that was fed is covered by exactly one KindRecord,
// KindDesync or KindTruncated event; a record's event comes before everything
// derived from it (with pieces: KindHeader does); each KindRequestBegun is
// followed by one KindRequestEnded; KindConnection comes first and KindClosed
// last, each once. With Whole, the events are the same for every way of cutting
// the input.
type Conn struct {
	// Info is passed on with every event.
	Info *ConnInfo
	// Whole gathers the content of every record, up to 64 KiB a direction, and
	// passes it on with KindRecord. Otherwise the content of a stream that does
	// not come in one piece is passed on as it comes, in KindChunk events.
	// Records of pairs and with fixed bodies are whole always.
	Whole bool

	emit   func(*Event)
	ev     Event
	find   Finding
	opened bool
	closed bool
	blind  bool // something was not seen: what looks missing may have been there
	over   bool // more than MaxActive requests: some are not followed
	halves [2]half

	active   []*Request     // in the order in which they began
	begun    map[uint16]int // how often an id was used
	seq      int
	kept     bool              // the last request that ended had KEEP_CONN
	due      bool              // the application has to close: no request is left, and the last had no KEEP_CONN
	mayClose bool              // the application may: a request has ended that had no KEEP_CONN, or whose flags were not seen
	released uint16            // the id of the last request with which it was told so; 0: none
	pairs    int               // bytes in the pair buffers of all requests
	asked    map[string]int    // names of GET_VALUES that were not answered yet
	asks     int               // GET_VALUES that were not answered yet
	unknowns map[wire.Type]int // unknown management types that were not answered yet
}

// Feed tells that the bytes p travel in direction dir, at a time that may be
// zero. Events about them are passed to emit before it returns.
func (c *Conn) Feed(dir wire.Direction, at time.Time, p []byte, emit func(*Event)) {
	if c.closed || len(p) == 0 {
		return
	}
	h := c.open(dir, at, emit)
	h.now = at
	c.frame(h, p)
	c.emit = nil
}

// Lost tells that n bytes of direction dir are missing at this place; -1 when
// it is not known how many. Called with -1 before anything of a direction was
// fed, it tells that the direction's beginning was not seen. What follows is
// searched for the next plausible header, unless the missing bytes end inside
// a record whose length is known.
func (c *Conn) Lost(dir wire.Direction, n int64, at time.Time, emit func(*Event)) {
	if c.closed || n == 0 {
		return
	}
	h := c.open(dir, at, emit)
	h.now = at
	c.blind = true
	for _, r := range c.active {
		r.partial = true
	}
	c.gap(h, n)
	for _, r := range c.active {
		if dir == wire.ToApp {
			c.dropPairs(&r.pairs) // the rest of a pair is not what comes next
		}
	}
	c.emit = nil
}

// Close tells that the connection ended, and how. It is the end of c: further
// calls do nothing.
func (c *Conn) Close(at time.Time, how CloseKind, err error, emit func(*Event)) {
	if c.closed {
		return
	}
	for dir := range c.halves {
		h := c.open(wire.Direction(dir), at, emit)
		h.now = at
		c.cut(h, false)
	}
	h := &c.halves[closer(how)]
	h.cur = current{at: at, offset: h.offset}
	var open []uint16
	for len(c.active) > 0 {
		r := c.active[0]
		open = append(open, r.ID)
		c.unfinished(h, r, how)
		c.requestEnded(h, r, at)
	}
	if closer(how) == wire.ToServer {
		c.unanswered(h, how)
	}
	if how == CloseByApp && len(open) == 0 && c.kept && !c.mayClose {
		c.report(h, nil, wire.RuleKeepConn, "the application closed a connection that it was asked to keep")
	}
	c.start(h, KindClosed)
	c.ev.Close, c.ev.Open, c.ev.Err = how, open, err
	c.send()
	c.closed = true
	c.emit = nil
}

// Active returns the requests that have begun and not ended, in the order in
// which they began, as far as they are followed (MaxActive). The result must not
// be changed, and is valid until c is fed again or closed.
func (c *Conn) Active() []*Request { return c.active }

// closer is the direction from whose sender the end came.
func closer(how CloseKind) wire.Direction {
	if how == CloseByApp || how == ResetByApp {
		return wire.ToServer
	}
	return wire.ToApp
}

// open sets emit for this call and sends the first event of the connection.
func (c *Conn) open(dir wire.Direction, at time.Time, emit func(*Event)) *half {
	c.emit = emit
	h := &c.halves[dir]
	h.dir = dir
	if !c.opened {
		c.opened = true
		if c.Info == nil {
			c.Info = &ConnInfo{Fd: -1}
		}
		c.ev = Event{Kind: KindConnection, Conn: c.Info, Dir: dir, At: at}
		c.send()
	}
	return h
}

// start begins an event about the current record of h.
func (c *Conn) start(h *half, k Kind) {
	c.ev = Event{
		Kind: k, Conn: c.Info, Dir: h.dir, At: h.cur.at, Offset: h.cur.offset, Index: h.cur.index,
		Header: h.cur.Header, Request: h.cur.req,
	}
}

func (c *Conn) send() { c.emit(&c.ev) }

// report sends a finding about the current record of h and request r, which
// may be nil.
func (c *Conn) report(h *half, r *Request, rule wire.RuleID, detail string) {
	if r != nil && rule.Rule().Level != wire.Note {
		r.Findings++
	}
	c.find = Finding{Rule: rule, RequestID: h.cur.RequestID, Detail: detail}
	if r != nil {
		c.find.RequestID = r.ID
	}
	c.start(h, KindFinding)
	c.ev.Request = r
	c.ev.Finding = &c.find
	c.send()
}

// reportOnce is report for what would be repeated with every record.
func (c *Conn) reportOnce(h *half, r *Request, o once, rule wire.RuleID, detail string) {
	if r.once&o == 0 {
		r.once |= o
		c.report(h, r, rule, detail)
	}
}
