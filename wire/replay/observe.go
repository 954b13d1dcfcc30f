package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

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
