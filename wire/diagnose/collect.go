package diagnose

import (
	"bytes"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The bounds of what is kept of a request.
const (
	maxBody    = 1 << 10
	maxStderr  = 8 << 10
	maxParam   = 4 << 10 // of a value
	maxForeign = 64
	maxEnded   = 64 // requests of a connection that wait for its end
)

// cgiFcgiRead is how many bytes cgi-fcgi reads at once.
const cgiFcgiRead = 8192

// interesting are the parameters that are kept.
var interesting = map[string]bool{
	"SCRIPT_FILENAME": true, "SCRIPT_NAME": true, "DOCUMENT_ROOT": true, "PATH_INFO": true, "PATH_TRANSLATED": true,
	"REQUEST_METHOD": true, "REQUEST_URI": true, "CONTENT_LENGTH": true, "CONTENT_TYPE": true,
	"PHP_VALUE": true, "PHP_ADMIN_VALUE": true,
}

// A Collector makes Facts from the events of any number of connections: one
// for each request, and one for a connection that had none. It takes events
// with records whole or in pieces (see flow.Conn.Whole).
//
// A request is passed on when its connection has ended, or a later request of
// it, as how the connection ended belongs to it.
type Collector struct {
	emit  func(*flow.ConnInfo, *Facts)
	conns map[int]*conversation
	idle  map[string]int // address of an application → connections to it that are open and idle
}

// NewCollector returns a Collector that passes what it makes on to emit.
func NewCollector(emit func(*flow.ConnInfo, *Facts)) *Collector {
	return &Collector{emit: emit, conns: map[int]*conversation{}, idle: map[string]int{}}
}

// A conversation is a connection.
type conversation struct {
	info     flow.ConnInfo
	active   map[int]*pending // by Request.Seq
	ended    []*pending
	waiting  bool // it counts in Collector.idle
	any      bool // there was a request
	blind    bool // bytes are missing
	received int64
	bare     Facts // what belongs to no request
}

// A pending is a request whose end, or that of its connection, is not known.
type pending struct {
	Facts
	header      cgi.Header
	paramsEnded bool
	insidePair  bool  // a PARAMS record ended inside a pair
	received    int64 // on the connection, before the request
}

// Event takes an event.
func (c *Collector) Event(e *flow.Event) error {
	if e.Conn == nil {
		return nil
	}
	s := c.conns[e.Conn.N]
	if s == nil {
		s = &conversation{info: *e.Conn, active: map[int]*pending{}}
		c.conns[e.Conn.N] = s
	}
	if e.Dir == wire.ToServer && (e.Kind == flow.KindRecord || e.Kind == flow.KindDesync || e.Kind == flow.KindTruncated) {
		s.received += size(e)
	}
	p := s.pending(e)
	switch e.Kind {
	case flow.KindRequestBegun:
		c.begun(s, e)
	case flow.KindRecord:
		s.record(e, p)
	case flow.KindChunk:
		p.content(e)
	case flow.KindPair:
		p.pair(e)
	case flow.KindResponse:
		p.response(e)
	case flow.KindFinding:
		s.finding(e, p)
	case flow.KindDesync:
		s.foreign(e)
	case flow.KindGap:
		s.gap()
	case flow.KindTruncated:
		if e.Got >= wire.HeaderLen && e.Header.Version != wire.Version1 {
			s.foreign(e) // a header by chance
		} else {
			p.content(e)
			p.params(e)
		}
	case flow.KindRequestEnded:
		c.ended(s, e, p)
	case flow.KindClosed:
		c.closed(s, e)
	}
	return nil
}

// Close passes on what has not ended.
func (c *Collector) Close() error {
	for _, s := range c.conns {
		c.flush(s)
	}
	clear(c.conns)
	return nil
}

// size is how many bytes of the connection an event covers.
func size(e *flow.Event) int64 {
	switch e.Kind {
	case flow.KindRecord:
		return wire.HeaderLen + int64(e.Header.ContentLength) + int64(e.Header.PaddingLength)
	case flow.KindTruncated:
		return e.Got
	}
	return int64(len(e.Data))
}

func (s *conversation) pending(e *flow.Event) *pending {
	if e.Request == nil {
		return nil
	}
	return s.active[e.Request.Seq]
}

func (c *Collector) begun(s *conversation, e *flow.Event) {
	reused := s.any && len(s.active) == 0
	c.flush(s)
	c.setIdle(s, false)
	s.any = true
	p := &pending{received: s.received}
	p.Sent, p.Reused, p.First, p.Total, p.After = true, reused, -1, -1, -1
	p.Pinned, p.Incomplete = c.idle[s.info.Server], s.blind
	p.Broken = map[wire.RuleID]string{}
	s.active[e.Request.Seq] = p
}

// setIdle notes whether a connection is open without a request.
func (c *Collector) setIdle(s *conversation, idle bool) {
	if s.waiting == idle || s.info.Server == "" {
		return
	}
	s.waiting = idle
	if idle {
		c.idle[s.info.Server]++
	} else {
		c.idle[s.info.Server]--
	}
}

func (s *conversation) record(e *flow.Event, p *pending) {
	if e.Dir == wire.ToServer && s.bare.Foreign != nil && s.bare.ForeignAt == 0 && !s.any {
		// What came first was a part of a record whose beginning was not seen.
		s.bare.Foreign = nil
		s.gap()
	}
	if e.Dir == wire.ToApp {
		for _, q := range s.active {
			q.inputRecord(e.Header, q == p)
		}
	}
	if p == nil {
		return
	}
	p.content(e)
	n := int(e.Header.ContentLength)
	if e.Dir == wire.ToServer && p.Straddles == 0 && e.Offset%cgiFcgiRead > cgiFcgiRead-wire.HeaderLen {
		p.Straddles = e.Offset
	}
	p.params(e)
	switch {
	case e.Dir == wire.ToApp && e.Header.Type == wire.TypeStdin:
		p.StdinRecords++
	case e.Dir == wire.ToServer && e.Header.Type == wire.TypeStdout:
		if n == 0 && e.Request.Stdout == 0 {
			p.EmptyFirst = true
		}
	}
}

// content takes a record, or a piece of one.
func (p *pending) content(e *flow.Event) {
	if p == nil || e.Dir != wire.ToServer || len(e.Data) == 0 {
		return
	}
	data := e.Data
	if e.Kind == flow.KindTruncated {
		if int64(len(data)) < e.Got || len(data) < wire.HeaderLen {
			return // its pieces have come
		}
		data = data[wire.HeaderLen:]
	}
	switch e.Header.Type {
	case wire.TypeStdout:
		p.output(data)
	case wire.TypeStderr:
		if !p.header.Done() {
			p.StderrFirst += int64(len(data))
		}
		p.Facts.Stderr = appendBounded(p.Facts.Stderr, data, maxStderr)
	}
}

// output takes a piece of STDOUT.
func (p *pending) output(data []byte) {
	if !p.header.Done() {
		n, done := p.header.Feed(data)
		data = data[n:]
		if !done {
			return
		}
		p.header.Detach()
		p.body(p.header.Bytes()[p.header.BodyStart():])
	}
	p.body(data)
}

func (p *pending) body(data []byte) {
	p.BodyBytes += int64(len(data))
	p.Body = appendBounded(p.Body, data, maxBody)
}

func appendBounded(dst, b []byte, limit int) []byte {
	return append(dst, b[:min(len(b), max(0, limit-len(dst)))]...)
}

func (p *pending) response(e *flow.Event) {
	if p != nil {
		p.Header = bytes.Clone(e.Data)
	}
}

// finding keeps the rule that the application broke. What belongs to no request belongs
// to those that were under way, or had just ended.
func (s *conversation) finding(e *flow.Event, p *pending) {
	if e.Dir != wire.ToServer {
		return
	}
	if p != nil {
		p.broke(e.Finding)
		return
	}
	for _, q := range s.active {
		q.broke(e.Finding)
	}
	for _, q := range s.ended {
		q.broke(e.Finding)
	}
}

func (p *pending) broke(f *flow.Finding) {
	if _, known := p.Broken[f.Rule]; !known {
		p.Broken[f.Rule] = f.Detail
	}
}

// gap notes that bytes are missing: where the next record begins is not known,
// nor what of a request was not seen.
func (s *conversation) gap() {
	s.blind = true
	for _, p := range s.active {
		p.Incomplete = true
	}
}

// foreign notes bytes that are no record, unless they may be a part of one.
func (s *conversation) foreign(e *flow.Event) {
	if s.blind {
		return
	}
	note := func(f *Facts) {
		data := bytes.Clone(e.Data[:min(len(e.Data), maxForeign)])
		switch {
		case e.Dir == wire.ToServer && f.Foreign == nil:
			f.Foreign, f.ForeignAt = data, e.Offset
		case e.Dir == wire.ToApp && f.ForeignToApp == nil:
			f.ForeignToApp = data
		}
	}
	note(&s.bare)
	for _, p := range s.active {
		note(&p.Facts)
	}
	for _, p := range s.ended {
		note(&p.Facts)
	}
}

func (c *Collector) ended(s *conversation, e *flow.Event, p *pending) {
	if p == nil {
		return
	}
	delete(s.active, e.Request.Seq)
	p.header.End()
	p.HeaderDone, p.Problem = p.header.Done(), p.header.Problem()
	p.Request = *e.Clone().Request
	p.Received = s.received - p.received
	r := &p.Request
	if !r.BeganAt.IsZero() && !r.FirstByteAt.IsZero() {
		p.First = r.FirstByteAt.Sub(r.BeganAt)
	}
	if !r.BeganAt.IsZero() && !r.EndedAt.IsZero() {
		p.Total = r.EndedAt.Sub(r.BeganAt)
	}
	s.ended = append(s.ended, p)
	if len(s.ended) > maxEnded {
		c.pass(s, s.ended[0])
		s.ended = s.ended[1:]
	}
	c.setIdle(s, len(s.active) == 0 && r.Complete)
}

func (c *Collector) closed(s *conversation, e *flow.Event) {
	for _, p := range s.ended {
		p.Close = e.Close
		if p.Request.Complete && !p.Request.EndedAt.IsZero() && !e.At.IsZero() {
			p.After = e.At.Sub(p.Request.EndedAt)
		}
	}
	if !s.any {
		f := s.bare
		f.Received, f.Close, f.First, f.Total, f.After = s.received, e.Close, -1, -1, -1
		c.emit(&s.info, &f)
	}
	c.flush(s)
	c.setIdle(s, false)
	delete(c.conns, e.Conn.N)
}

// flush passes the requests on that have ended.
func (c *Collector) flush(s *conversation) {
	for _, p := range s.ended {
		c.pass(s, p)
	}
	s.ended = nil
}

func (c *Collector) pass(s *conversation, p *pending) { c.emit(&s.info, &p.Facts) }
