package server

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A taught mock has seen conversations on one connection, a record a second.
type taught struct {
	*Mock
	conn flow.Conn
	now  time.Time
	t    *testing.T
}

func teach(t *testing.T, m *Mock) *taught {
	return &taught{Mock: m, conn: flow.Conn{Info: &flow.ConnInfo{}, Whole: true}, now: time.Unix(1e9, 0), t: t}
}

// saw shows it a request with these params, and its answer, whose records get
// the id.
func (m *taught) saw(id uint16, params []string, answer ...wire.Record) {
	var block []byte
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		block = wire.NewPair(name, value).Append(block)
	}
	m.feed(wire.ToApp, wire.BeginRecord(id, wire.Responder, wire.KeepConn), wire.NewRecord(wire.TypeParams, id, block),
		wire.NewRecord(wire.TypeParams, id, nil), wire.NewRecord(wire.TypeStdin, id, nil))
	for _, r := range answer {
		r.RequestID = id
		m.now = m.now.Add(time.Second)
		m.feed(wire.ToServer, r)
	}
}

func (m *taught) feed(dir wire.Direction, recs ...wire.Record) {
	for _, r := range recs {
		m.conn.Feed(dir, m.now, r.Append(nil), m.event)
	}
}

func (m *taught) event(e *flow.Event) {
	if err := m.Event(e); err != nil {
		m.t.Error(err)
	}
}

// served ends the teaching and serves.
func (m *taught) served(log *errorLog) *Server {
	m.conn.Close(m.now, flow.CloseByApp, nil, m.event)
	return &Server{Handler: m.Handle, ErrorLog: log.add}
}

func TestMock(t *testing.T) {
	t.Parallel()
	m := teach(t, &Mock{})
	m.saw(1, []string{"REQUEST_METHOD=GET", "REQUEST_URI=/a"}, wire.NewRecord(wire.TypeStdout, 0, []byte("\r\none")), wire.NewRecord(wire.TypeStdout, 0, nil), wire.EndRecord(0, 0, 0))
	m.saw(2, []string{"REQUEST_METHOD=GET", "REQUEST_URI=/a"}, wire.NewRecord(wire.TypeStderr, 0, []byte("e")), wire.NewRecord(wire.TypeStdout, 0, []byte("\r\ntwo")), wire.EndRecord(0, 7, 0))
	m.saw(3, []string{"REQUEST_METHOD=GET", "REQUEST_URI=/full"}, wire.EndRecord(0, 0, wire.Overloaded))
	m.saw(4, []string{"REQUEST_METHOD=GET", "REQUEST_URI=/cut"}, wire.NewRecord(wire.TypeStdout, 0, []byte("\r\nhalf")))
	var log errorLog
	p := connect(t, m.served(&log))
	if n := m.Requests(); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
	for i, want := range []answer{
		{stdout: "\r\none"},
		{stdout: "\r\ntwo", stderr: "e", end: wire.EndRequest{AppStatus: 7}},
		{stdout: "\r\none"},
	} {
		p.request(9, wire.KeepConn, "a body", "REQUEST_METHOD=GET", "REQUEST_URI=/a", "HTTP_HOST=x")
		if a := p.answer(9); a.stdout != want.stdout || a.stderr != want.stderr || a.end != want.end {
			t.Errorf("answer %d: %+v, want %+v", i, a, want)
		}
	}
	p.request(1, wire.KeepConn, "", "REQUEST_METHOD=GET", "REQUEST_URI=/full")
	if a := p.answer(1); a.end.Status != wire.Overloaded || len(a.types) != 1 {
		t.Errorf("%+v, want OVERLOADED alone", a)
	}
	p.request(1, wire.KeepConn, "", "REQUEST_METHOD=POST", "REQUEST_URI=/a")
	const why = `no answer was recorded for POST /a; the nearest, GET /a, differs in REQUEST_METHOD`
	if a := p.answer(1); a.stdout != string(response(404, why)) || a.end.AppStatus != 404 || m.Unmatched() != 1 || !strings.Contains(log.String(), why) {
		t.Errorf("%+v, log %s", a, &log)
	}
	p.request(1, wire.KeepConn, "", "REQUEST_METHOD=GET", "REQUEST_URI=/cut")
	if rec := p.next(); string(rec.Content) != "\r\nhalf" {
		t.Errorf("%+v, want half an answer", rec)
	}
	p.closed()
}

// TestMockMatch: what makes a request equal to a recorded one, and which
// recorded ones have an answer.
func TestMockMatch(t *testing.T) {
	t.Parallel()
	m := teach(t, &Mock{Match: []string{"A"}})
	m.saw(1, []string{"A=", "B=1"}, wire.NewRecord(wire.TypeStdout, 0, []byte("\r\nempty")), wire.EndRecord(0, 0, 0))
	m.saw(2, []string{"A=unanswered"})
	m.feed(wire.ToApp, wire.BeginRecord(3, wire.Responder, wire.KeepConn), wire.NewRecord(wire.TypeParams, 3, wire.NewPair("A", "cut").Append(nil)))
	m.feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, 3, []byte("\r\ntoo early")), wire.EndRecord(3, 0, 0))
	p := connect(t, m.served(&errorLog{}))
	if n := m.Requests(); n != 1 {
		t.Errorf("%d requests have an answer, want 1", n)
	}
	p.request(1, wire.KeepConn, "body", "A=", "B=2")
	if a := p.answer(1); a.stdout != "\r\nempty" {
		t.Errorf("an empty value: %+v", a)
	}
	for _, tt := range []struct {
		role   wire.Role
		params []string
		why    string
	}{
		{wire.Responder, nil, "differs in A"}, // it has none
		{wire.Responder, []string{"A=x"}, "differs in A"},
		{wire.Authorizer, []string{"A="}, "differs in the role"},
		{wire.Filter, nil, "differs in the role, A"},
	} {
		p.begin(1, tt.role, wire.KeepConn, tt.params...)
		p.send(wire.NewRecord(wire.TypeStdin, 1, nil), wire.NewRecord(wire.TypeData, 1, nil))
		if a := p.answer(1); a.end.AppStatus != 404 || !strings.HasSuffix(a.stderr, tt.why+"\n") {
			t.Errorf("%v %q: %+v, want %q", tt.role, tt.params, a, tt.why)
		}
	}
}

// TestMockReadsFirst: there is no answer before the end of the input, however
// long that takes.
func TestMockReadsFirst(t *testing.T) {
	t.Parallel()
	after(t, time.Minute, func(t *testing.T) {
		m := teach(t, &Mock{Match: []string{}})
		m.saw(1, nil, wire.NewRecord(wire.TypeStdout, 0, []byte("\r\nanswer")), wire.EndRecord(0, 0, 0))
		p := connectPipe(t, m.served(&errorLog{}))
		p.begin(1, wire.Responder, wire.KeepConn)
		p.send(wire.NewRecord(wire.TypeStdin, 1, []byte("body")))
		p.SetReadDeadline(time.Now().Add(time.Minute))
		if rec, err := p.ReadRecord(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%+v, %v", rec, err)
		}
		p.SetReadDeadline(time.Time{})
		p.send(wire.NewRecord(wire.TypeStdin, 1, nil))
		if a := p.answer(1); a.stdout != "\r\nanswer" {
			t.Errorf("%+v", a)
		}
	})
}

// TestMockLayout: the records are those that were recorded.
func TestMockLayout(t *testing.T) {
	t.Parallel()
	want := []wire.Record{
		{Header: wire.Header{Version: 1, Type: wire.TypeStdout}, Content: []byte("\r"), Padding: []byte{1, 2, 3}},
		{Header: wire.Header{Version: 1, Type: wire.TypeStdout}, Content: []byte("\nx"), Padding: []byte{}},
		{Header: wire.Header{Version: 1, Type: wire.TypeStderr}, Padding: []byte{0}},
		{Header: wire.Header{Version: 1, Type: wire.TypeEndRequest}, Content: []byte{0, 0, 0, 5, 0, 9, 9, 9}, Padding: []byte{}},
	}
	m := teach(t, &Mock{Layout: true, Match: []string{"A"}})
	m.saw(3, []string{"A=b"}, want...)
	m.saw(4, []string{"A=cut"}, want[:2]...)
	p := connect(t, m.served(&errorLog{}))
	same := func(want []wire.Record) {
		for i, w := range want {
			w.RequestID = 1
			if got := p.next(); string(got.Append(nil)) != string(w.Append(nil)) {
				t.Errorf("record %d: % x, want % x", i, got.Append(nil), w.Append(nil))
			}
		}
	}
	p.request(1, wire.KeepConn, "", "A=b")
	same(want)
	p.alive()
	p.request(1, wire.KeepConn, "", "A=cut")
	same(want[:2])
	p.closed()
}

// TestMockPaced: each record comes a second after the one before.
func TestMockPaced(t *testing.T) {
	t.Parallel()
	for _, layout := range []bool{false, true} {
		after(t, 3*time.Second, func(t *testing.T) {
			m := teach(t, &Mock{Paced: true, Layout: layout, Match: []string{}})
			m.saw(1, nil, wire.NewRecord(wire.TypeStdout, 0, []byte("\r\nslow")), wire.NewRecord(wire.TypeStdout, 0, nil), wire.EndRecord(0, 0, 0))
			p := connectPipe(t, m.served(&errorLog{}))
			began := time.Now()
			p.request(1, wire.KeepConn, "")
			if rec := p.next(); string(rec.Content) != "\r\nslow" || time.Since(began) >= 2*time.Second {
				t.Errorf("layout %t: %+v after %v", layout, rec, time.Since(began))
			}
			p.answer(1)
		})
	}
}

// TestMockBound: not more is kept than MaxMocked.
func TestMockBound(t *testing.T) {
	t.Parallel()
	m := &Mock{bytes: MaxMocked}
	q := &flow.Request{}
	info := &flow.ConnInfo{}
	if err := m.Event(&flow.Event{Kind: flow.KindRequestBegun, Conn: info, Request: q}); err != nil {
		t.Error(err)
	}
	e := &flow.Event{Kind: flow.KindRecord, Dir: wire.ToServer, Conn: info, Request: q, Header: wire.Header{Type: wire.TypeStdout}}
	if m.Event(e) == nil {
		t.Error("it keeps more")
	}
}
