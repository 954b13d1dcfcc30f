package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// MaxMocked is how many bytes of parameters and answers a Mock keeps, and
// pieceCost what each of them counts beside its bytes.
const (
	MaxMocked = 256 << 20
	pieceCost = 128
)

// mockNames are the parameters by which a Mock tells requests apart, if nobody
// says otherwise.
var mockNames = []string{"REQUEST_METHOD", "REQUEST_URI", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"}

// A Mock answers requests as an application once did: it is shown the events
// of its conversations, and then Handle is its Handler. Bodies of requests are
// read and not looked at.
//
// Of several answers to equal requests each is given in turn, in the order in
// which they were recorded, and then again from the first on. A request that is
// equal to none is answered with 404, and with what comes nearest to it.
type Mock struct {
	// Match lists the parameters that have to be equal; nil is REQUEST_METHOD and
	// those that say which page is meant. A parameter that neither has is equal.
	// The role always has to be.
	Match []string
	// Layout answers with the records as they were recorded: their sizes, their
	// padding and their end, or its absence. Otherwise the same streams are sent
	// in records of our own.
	Layout bool
	// Paced keeps the times between the records.
	Paced bool

	// For Event.
	open  map[mockKey]*mocked
	bytes int

	mu      sync.Mutex
	known   []*mocked
	unknown int // requests that were equal to none
}

type mockKey struct{ conn, request int }

// A mocked is a request that was recorded, and its answer.
type mocked struct {
	role    wire.Role
	params  []wire.Pair
	records []mockRecord
	given   int // times
}

type mockRecord struct {
	wire.Record
	after time.Duration // since the record before; for the first since BEGIN_REQUEST
	at    time.Time
}

// Event takes an event of a conversation. The records have to come whole
// (flow.Conn.Whole). It must not be called once the Mock serves. The error is
// one of too much to keep.
func (m *Mock) Event(e *flow.Event) error {
	if e.Request == nil {
		return nil
	}
	key := mockKey{e.Conn.N, e.Request.Seq}
	if m.open == nil {
		m.open = make(map[mockKey]*mocked)
	}
	q := m.open[key]
	switch {
	case e.Kind == flow.KindRequestBegun:
		m.open[key] = &mocked{role: e.Request.Role}
	case q == nil:
	case e.Kind == flow.KindPair && e.Header.Type == wire.TypeParams:
		q.params = append(q.params, wire.Pair{Name: bytes.Clone(e.Pair.Name), Value: bytes.Clone(e.Pair.Value)})
		m.bytes += pieceCost + len(e.Pair.Name) + len(e.Pair.Value)
	case e.Kind == flow.KindRecord && e.Dir == wire.ToServer:
		q.add(e)
		m.bytes += pieceCost + len(e.Data) + len(e.Padding)
	case e.Kind == flow.KindRequestEnded:
		delete(m.open, key)
		if e.Request.ParamsEnded && len(q.records) > 0 {
			m.known = append(m.known, q)
		}
	}
	if m.bytes > MaxMocked {
		return fmt.Errorf("server: the answers are too many: more than %d MiB", MaxMocked>>20)
	}
	return nil
}

// add keeps a record of the answer.
func (q *mocked) add(e *flow.Event) {
	before := e.Request.BeganAt
	if n := len(q.records); n > 0 {
		before = q.records[n-1].at
	}
	// The clone has its padding also where that is none; nil leaves it to the writer.
	rec := mockRecord{Record: wire.Record{Header: e.Header, Content: e.Data, Padding: e.Padding}.Clone(), at: e.At}
	if !before.IsZero() && e.At.After(before) {
		rec.after = e.At.Sub(before)
	}
	q.records = append(q.records, rec)
}

// Requests returns how many requests with an answer are known.
func (m *Mock) Requests() int { return len(m.known) }

// Unmatched returns how many requests were equal to none that is known.
func (m *Mock) Unmatched() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unknown
}

// Handle answers x.
func (m *Mock) Handle(ctx context.Context, x *Exchange) {
	q, why := m.find(x)
	if q == nil {
		x.c.fail(x, 404, why)
		return
	}
	// An application that has read its input answers; what is left of it would
	// be in the way of closing, too.
	for _, stream := range []io.Reader{x.Stdin, x.Data} {
		if _, err := io.Copy(io.Discard, stream); err != nil {
			return
		}
	}
	if m.Layout {
		m.replay(ctx, x, q)
	} else {
		m.answer(ctx, x, q)
	}
}

// find returns the answer to x; nil with the reason where there is none.
func (m *Mock) find(x *Exchange) (*mocked, string) {
	names := m.Match
	if names == nil {
		names = mockNames
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var best, near *mocked
	var differs []string // of near
	for _, q := range m.known {
		d := q.differences(x, names)
		switch {
		case len(d) == 0 && (best == nil || q.given < best.given):
			best = q
		case near == nil || len(d) < len(differs):
			near, differs = q, d
		}
	}
	if best != nil {
		best.given++
		return best, ""
	}
	m.unknown++
	why := fmt.Sprintf("no answer was recorded for %s", describe(x.Role, x.Params))
	if near != nil {
		why += fmt.Sprintf("; the nearest, %s, differs in %s", describe(near.role, near.params), strings.Join(differs, ", "))
	}
	return nil, why
}

// differences returns what keeps q from being equal to x.
func (q *mocked) differences(x *Exchange, names []string) (differs []string) {
	if q.role != x.Role {
		differs = append(differs, "the role")
	}
	for _, name := range names {
		ours, has := wire.Lookup(q.params, name)
		theirs, had := x.Lookup(name)
		if has != had || !bytes.Equal(ours, theirs) {
			differs = append(differs, name)
		}
	}
	return differs
}

// describe names a request in a line.
func describe(role wire.Role, params []wire.Pair) string {
	method, _ := wire.Lookup(params, "REQUEST_METHOD")
	uri, ok := wire.Lookup(params, "REQUEST_URI")
	if !ok {
		uri, _ = wire.Lookup(params, "SCRIPT_NAME")
	}
	name := strings.TrimSpace(fmt.Sprintf("%.20s %.200s", oneLine(method), oneLine(uri)))
	if role != wire.Responder {
		name = role.String() + " " + name
	}
	return name
}

// answer sends the streams of the answer, and its end.
func (m *Mock) answer(ctx context.Context, x *Exchange, q *mocked) {
	for _, rec := range q.records {
		if !m.pause(ctx, x, rec) {
			return
		}
		var err error
		switch rec.Type {
		case wire.TypeStdout:
			_, err = x.Stdout.Write(rec.Content)
		case wire.TypeStderr:
			_, err = x.Stderr.Write(rec.Content)
		case wire.TypeEndRequest:
			if body, err := wire.ParseEndRequest(rec.Content); err == nil {
				x.SetAppStatus(body.AppStatus)
				if body.Status != wire.RequestComplete {
					x.c.end(x, refusedError(body.Status))
				}
			}
			return
		}
		if err != nil {
			return
		}
	}
	x.cutShort()
}

// replay sends the records of the answer.
func (m *Mock) replay(ctx context.Context, x *Exchange, q *mocked) {
	for _, rec := range q.records {
		if !m.pause(ctx, x, rec) {
			return
		}
		rec.RequestID = x.ID
		if rec.Type == wire.TypeEndRequest {
			x.c.end(x, recordedEnd(rec.Record))
			return
		}
		if x.writeRecorded(rec.Record) != nil {
			return
		}
	}
	x.cutShort()
}

// cutShort sends what was written and closes the connection.
func (x *Exchange) cutShort() {
	x.Flush()
	x.c.kill(errMocked)
}

// errMocked: the answer was cut short when it was recorded, too.
var errMocked = errors.New("server: the recorded answer ends here")

// pause waits as long as it took, with what was written on its way.
func (m *Mock) pause(ctx context.Context, x *Exchange, rec mockRecord) bool {
	if !m.Paced || rec.after <= 0 {
		return true
	}
	if x.Flush() != nil {
		return false
	}
	timer := time.NewTimer(rec.after)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (x *Exchange) writeRecorded(rec wire.Record) error {
	x.c.wmu.Lock()
	defer x.c.wmu.Unlock()
	if x.over {
		return ErrEnded
	}
	x.stdoutSent = true
	return x.c.emit(x, rec)
}

// A recordedEnd is the END_REQUEST with which a request ends.
type recordedEnd wire.Record

func (recordedEnd) Error() string { return "server: ended as recorded" }
