package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
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

// A making is a request that is being observed.
type making struct {
	*Request
	begun, ended        bool // BEGIN_REQUEST was seen, the request was seen ending
	params, stdin, data spans
	holes               [2]bool
	heard               bool
	at, last            *step
	flow                flow.Request // as it was when it ended; without slices
}

// Event takes an event of a conversation. Records have to come whole
// (flow.Conn.Whole). An error is one of the temporary file, or of too much to
// keep.
func (p *Plan) Event(e *flow.Event) error {
	if e.Conn == nil {
		return nil
	}
	t := p.open[e.Conn.N]
	if t == nil {
		t = &talk{conn: e.Conn.N, open: map[int]*making{}}
		if p.open == nil {
			p.open = map[int]*talk{}
		}
		p.open[e.Conn.N] = t
		p.talks = append(p.talks, t)
	}
	switch e.Kind {
	case flow.KindRecord:
		return p.record(t, e)
	case flow.KindGap:
		t.hole(e.Dir)
	case flow.KindDesync, flow.KindTruncated:
		return p.stray(t, e)
	case flow.KindRequestEnded:
		p.requestEnded(t, e)
	case flow.KindClosed:
		return p.closed(t, e.Close)
	}
	return nil
}

// hole notes that bytes of a direction are missing.
func (t *talk) hole(dir wire.Direction) {
	t.holes[dir] = true
	for _, m := range t.open {
		m.holes[dir] = true
	}
}

// record takes a record.
func (p *Plan) record(t *talk, e *flow.Event) error {
	if p.pieces++; p.pieces > MaxRequests*4 {
		return errors.New("replay: the conversations have too many records to be kept")
	}
	if e.Request == nil {
		return p.management(t, e)
	}
	m := t.open[e.Request.Seq]
	if m == nil {
		if len(p.requests) >= MaxRequests {
			return fmt.Errorf("replay: more than %d requests", MaxRequests)
		}
		m = p.begin(t, e)
	}
	if e.Dir == wire.ToServer {
		return p.answered(m, e)
	}
	return p.asked(t, m, e)
}

// begin makes a request of which the first record has come.
func (p *Plan) begin(t *talk, e *flow.Event) *making {
	m := &making{Request: &Request{Conn: t.conn, Seq: e.Request.Seq, ID: e.Header.RequestID, Type: wire.TypeBeginRequest, Took: -1}}
	t.open[e.Request.Seq] = m
	p.requests = append(p.requests, m.Request)
	m.at = p.step(t, m, e)
	return m
}

// step begins a new step.
func (p *Plan) step(t *talk, m *making, e *flow.Event) *step {
	s := &step{after: len(p.ended), own: t.ends, at: e.At}
	if m != nil {
		s.request = m.Request
		if m.first == nil {
			m.first = s
		}
	}
	t.steps = append(t.steps, s)
	return s
}

// sameWrite is how close in time two records are that are sent at once.
const sameWrite = 200 * time.Microsecond

// send appends bytes that are sent as they are.
func (p *Plan) send(t *talk, m *making, e *flow.Event, piece span) {
	last := t.steps[max(0, len(t.steps)-1):]
	var request *Request
	if m != nil {
		request = m.Request
	}
	if len(last) == 0 || last[0].request != request || last[0].after != len(p.ended) || e.At.Sub(last[0].at) > sameWrite || e.Header.Type == wire.TypeAbortRequest {
		last = []*step{p.step(t, m, e)}
		last[0].heard = e.Header.Type == wire.TypeAbortRequest && m != nil && m.heard
	}
	last[0].bytes.add(piece)
	if m != nil {
		m.last = last[0]
	}
}

// asked takes a record of a request.
func (p *Plan) asked(t *talk, m *making, e *flow.Event) error {
	m.begun = m.begun || e.Header.Type == wire.TypeBeginRequest
	if p.Exact {
		piece, err := p.keep(e)
		p.send(t, m, e, piece)
		return err
	}
	to := map[wire.Type]*spans{wire.TypeParams: &m.params, wire.TypeStdin: &m.stdin, wire.TypeData: &m.data}[e.Header.Type]
	if to == nil {
		return nil
	}
	piece, err := p.store.add(e.Data)
	to.add(piece)
	return err
}

// keep keeps a record as it is on the wire.
func (p *Plan) keep(e *flow.Event) (span, error) {
	whole := e.Header.Append(make([]byte, 0, wire.HeaderLen))
	where, err := p.store.add(whole)
	for _, part := range [][]byte{e.Data, e.Padding} {
		if err == nil {
			var w span
			w, err = p.store.add(part)
			where.size += w.size
		}
	}
	return where, err
}

// answered takes a record of an answer.
func (p *Plan) answered(m *making, e *flow.Event) error {
	m.heard = true
	if p.Layout {
		m.want.layout = append(m.want.layout, shapeOf(e.Header))
	}
	var err error
	var piece span
	switch e.Header.Type {
	case wire.TypeStdout:
		piece, err = p.store.add(e.Data)
		m.want.stdout.add(piece)
	case wire.TypeStderr:
		piece, err = p.store.add(e.Data)
		m.want.stderr.add(piece)
	}
	return err
}

// management takes a record that belongs to no request.
func (p *Plan) management(t *talk, e *flow.Event) error {
	switch {
	case !p.Exact:
		if e.Dir == wire.ToApp {
			p.records++
		}
		return nil
	case e.Dir == wire.ToServer && (len(t.asked) == 0 || e.Header.RequestID != 0):
		return nil
	case e.Dir == wire.ToServer:
		m := t.asked[0]
		t.asked = t.asked[1:]
		piece, err := p.keep(e)
		m.want.stdout.add(piece)
		m.want.how = Complete
		m.planned = true
		p.end(t, m)
		return err
	}
	piece, err := p.keep(e)
	// What comes behind the end of its request may be what another application
	// waits for: it goes with the request.
	if late := t.over[e.Header.RequestID]; late != nil && late.last != nil {
		late.last.bytes.add(piece)
		return err
	}
	var m *making
	if e.Header.RequestID == 0 {
		m = &making{Request: &Request{Conn: t.conn, Seq: -1, Type: e.Header.Type, Took: -1}}
		p.requests = append(p.requests, m.Request)
		t.asked = append(t.asked, m)
	}
	p.send(t, m, e, piece)
	return err
}

// stray takes bytes that are no record, or not all of one.
func (p *Plan) stray(t *talk, e *flow.Event) error {
	if e.Dir == wire.ToServer {
		// Whose answer they would have been, nobody knows.
		t.hole(wire.ToServer)
		return nil
	}
	if !p.Exact || t.holes[wire.ToApp] {
		t.hole(wire.ToApp)
		return nil
	}
	piece, err := p.store.add(e.Data)
	var m *making
	if e.Request != nil {
		m = t.open[e.Request.Seq]
	}
	p.send(t, m, e, piece)
	return err
}

// requestEnded notes what became of a request.
func (p *Plan) requestEnded(t *talk, e *flow.Event) {
	m := t.open[e.Request.Seq]
	if m == nil {
		return
	}
	delete(t.open, e.Request.Seq)
	if t.over == nil {
		t.over = map[uint16]*making{}
	}
	t.over[m.ID] = m
	r := e.Request
	m.flow = flow.Request{Role: r.Role, Flags: r.Flags, Complete: r.Complete, Aborted: r.Aborted, ParamsEnded: r.ParamsEnded,
		StdinEnded: r.StdinEnded, DataEnded: r.DataEnded, ContentLength: r.ContentLength, Stdin: r.Stdin}
	m.Role, m.keep, m.Began = r.Role, r.Flags&wire.KeepConn != 0, r.BeganAt
	m.Method, m.URI = cut(r.Method), cut(r.URI)
	m.want.end = wire.EndRequest{AppStatus: r.AppStatus, Status: r.ProtocolStatus}
	if r.Complete && !r.BeganAt.IsZero() && r.EndedAt.After(r.BeganAt) {
		m.Took = r.EndedAt.Sub(r.BeganAt)
	}
	t.waiting = append(t.waiting, m)
	if r.Complete && !r.EndCut {
		m.want.how = Complete
		p.end(t, m)
	}
}

func cut(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), maxName)]), "\uFFFD")
}

// end counts a request that has ended.
func (p *Plan) end(t *talk, m *making) {
	m.end, m.endOwn = len(p.ended), t.ends
	p.ended = append(p.ended, m.Request)
	t.ends++
	m.ended = true
}

// closed decides what is sent of a connection.
func (p *Plan) closed(t *talk, how flow.CloseKind) error {
	delete(p.open, t.conn)
	for _, m := range t.asked {
		// Nobody answered: what is sent is not a question any more.
		for _, s := range t.steps {
			if s.request == m.Request {
				s.request = nil
			}
		}
		p.requests = slices.DeleteFunc(p.requests, func(r *Request) bool { return r == m.Request })
	}
	t.asked = nil
	for _, m := range t.waiting {
		if !m.ended {
			if (how == flow.CloseByApp || how == flow.ResetByApp) && !m.holes[wire.ToServer] {
				m.want.how = ClosedEarly
			}
			p.end(t, m)
		}
		if err := p.decide(m); err != nil {
			return err
		}
	}
	t.waiting, t.open, t.over = nil, nil, nil
	return nil
}

// decide plans a request, or leaves it out.
func (p *Plan) decide(m *making) error {
	leave := func(why Reason) error {
		p.left = append(p.left, Left{m.Request, why})
		return nil
	}
	if m.holes[wire.ToServer] {
		m.want.how = Missing
	}
	switch {
	case p.Chosen != nil && !p.Chosen(m.Conn, m.Seq):
		p.unchosen++
		return nil
	case !m.whole(p.Exact):
		return leave(Incomplete)
	case !p.Unsafe && m.unsafe():
		return leave(Unsafe)
	case !p.All && m.flow.Aborted:
		return leave(Aborted)
	case !p.All && m.want.how == Missing:
		return leave(Unanswered)
	}
	m.aborted = m.flow.Aborted
	if err := m.want.learn(&p.store); err != nil {
		return err
	}
	m.planned = true
	if p.Exact {
		return nil
	}
	return p.build(m)
}

// whole reports whether nothing of the request is missing. What is sent as it
// was may well be wrong.
func (m *making) whole(exact bool) bool {
	if m.holes[wire.ToApp] || !m.begun {
		return false
	}
	return exact || m.flow.ParamsEnded && (m.flow.StdinEnded || m.flow.Stdin >= m.flow.ContentLength)
}

// safe are the methods that change nothing. See RFC 9110, section 9.2.1, and
// RFC 4918, section 9.1.
var safe = []string{"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"}

// unsafe reports whether the request may change something: by its method, or
// by a body where it has none.
func (m *making) unsafe() bool {
	if m.Method == "" {
		return m.flow.Stdin > 0
	}
	return !slices.Contains(safe, m.Method)
}

// build makes the bytes of a request anew.
func (p *Plan) build(m *making) error {
	content, err := p.store.bytes(m.params, maxParams+1)
	if err != nil {
		return err
	}
	if len(content) > maxParams {
		return fmt.Errorf("replay: the parameters of %s are more than %d MiB", m.Name(), maxParams>>20)
	}
	// What is no whole pair at the end cannot be said in another way.
	pairs, err := wire.ParsePairs(content)
	if err != nil {
		m.planned = false
		p.left = append(p.left, Left{m.Request, Incomplete})
		return nil
	}
	if p.Edit != nil {
		pairs = p.Edit(pairs)
	}
	w := &storeWriter{s: &p.store}
	r := client.Request{Role: m.Role, Keep: m.keep && !p.Fresh, ID: m.ID, Params: pairs}
	if len(m.stdin) > 0 {
		r.Stdin = p.store.reader(m.stdin)
	}
	if len(m.data) > 0 {
		r.Data = p.store.reader(m.data)
	}
	err = client.Write(context.Background(), w, r, nil)
	m.at.bytes = w.written
	return err
}

// A storeWriter writes into a store.
type storeWriter struct {
	s       *store
	written spans
}

func (w *storeWriter) Write(p []byte) (int, error) {
	piece, err := w.s.add(p)
	if err != nil {
		return 0, err
	}
	w.written.add(piece)
	return len(p), nil
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
