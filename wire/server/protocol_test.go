package server

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// uriOnly answers with REQUEST_URI and the body.
func uriOnly(_ context.Context, x *Exchange) {
	body, _ := io.ReadAll(x.Stdin)
	fmt.Fprintf(x.Stdout, "Content-Type: text/plain\r\n\r\n%s %s", x.Param("REQUEST_URI"), body)
}

// uriAnswer is what it answers.
func uriAnswer(uri, body string) string {
	return "Content-Type: text/plain\r\n\r\n" + uri + " " + body
}

func end(id uint16, appStatus uint32, status wire.ProtocolStatus) wire.Record {
	return wire.EndRecord(id, appStatus, status)
}

// wantRecords reads as many records and compares them, without their padding.
func (p *peer) wantRecords(want ...wire.Record) {
	p.t.Helper()
	for i, w := range want {
		got := p.next()
		got.Padding, got.PaddingLength = nil, 0
		if string(got.Append(nil)) != string(w.Append(nil)) {
			p.t.Fatalf("record %d: %+v, want %+v", i, got, w)
		}
	}
}

// TestRecords sends records on a new connection and says what comes first.
func TestRecords(t *testing.T) {
	begin := func(id uint16, flags wire.Flags) wire.Record { return wire.BeginRecord(id, wire.Responder, flags) }
	record := wire.NewRecord
	names := func(names ...string) []byte {
		var b []byte
		for _, n := range names {
			b = wire.NewPair(n, "").Append(b)
		}
		return b
	}
	told := func(pairs ...string) wire.Record {
		var b []byte
		for i := 0; i < len(pairs); i += 2 {
			b = wire.NewPair(pairs[i], pairs[i+1]).Append(b)
		}
		return record(wire.TypeGetValuesResult, 0, b)
	}
	long := begin(1, 1)
	long.Content = append(long.Content, 0)
	version := begin(1, 1)
	version.Version = 2
	reserved := begin(1, 0xfe)
	reserved.Reserved = 7
	const (
		open   = iota
		closed // by the server
	)
	tests := []struct {
		name  string
		srv   Server
		send  []wire.Record
		want  []wire.Record
		after int
	}{
		{"get-values", Server{}, []wire.Record{record(wire.TypeGetValues, 0, names(wire.MpxsConns, wire.MaxConns, wire.MaxReqs))},
			[]wire.Record{told(wire.MpxsConns, "1", wire.MaxConns, "1024", wire.MaxReqs, "1024")}, open},
		{"get-values one at a time", Server{OneAtATime: true, Limits: Limits{Conns: 3, Requests: 2}}, []wire.Record{record(wire.TypeGetValues, 0, names(wire.MaxConns, wire.MaxReqs, wire.MpxsConns))},
			[]wire.Record{told(wire.MaxConns, "3", wire.MaxReqs, "2", wire.MpxsConns, "0")}, open},
		{"get-values own", Server{Values: []wire.Pair{wire.NewPair("A", "b")}}, []wire.Record{record(wire.TypeGetValues, 0, names(wire.MaxConns, "A"))},
			[]wire.Record{told("A", "b")}, open},
		{"get-values unknown, repeated, with value", Server{}, []wire.Record{record(wire.TypeGetValues, 0, append(names("FOO", wire.MpxsConns, wire.MpxsConns), wire.NewPair(wire.MpxsConns, "9").Append(nil)...))},
			[]wire.Record{told(wire.MpxsConns, "1")}, open},
		{"get-values empty", Server{}, []wire.Record{record(wire.TypeGetValues, 0, nil)}, []wire.Record{told()}, open},
		{"get-values cut", Server{}, []wire.Record{record(wire.TypeGetValues, 0, append(names(wire.MpxsConns), 14))}, []wire.Record{told(wire.MpxsConns, "1")}, open},
		{"get-values id 1", Server{}, []wire.Record{record(wire.TypeGetValues, 1, names(wire.MaxConns))}, nil, open},
		{"unknown type", Server{}, []wire.Record{record(100, 0, []byte("abc"))}, []wire.Record{wire.UnknownTypeRecord(100)}, open},
		{"begin id 0", Server{}, []wire.Record{begin(0, 0), record(wire.TypeParams, 0, nil), record(wire.TypeStdin, 0, nil)}, nil, open},
		{"answers are not answered", Server{}, []wire.Record{wire.UnknownTypeRecord(12), told()}, nil, open},
		{"unknown type of a request", Server{}, []wire.Record{begin(1, 1), record(42, 1, nil), wire.AbortRecord(1)}, []wire.Record{end(1, 0, 0)}, open},
		{"inactive ids", Server{}, []wire.Record{record(wire.TypeStdin, 3, []byte("x")), record(wire.TypeParams, 3, nil), wire.AbortRecord(4), record(wire.TypeEndRequest, 5, nil)}, nil, open},
		{"unknown role", Server{}, []wire.Record{wire.BeginRecord(1, 99, 1)}, []wire.Record{end(1, 0, wire.UnknownRole)}, open},
		{"unknown role, no keep", Server{}, []wire.Record{wire.BeginRecord(1, 0, 0)}, []wire.Record{end(1, 0, wire.UnknownRole)}, closed},
		{"cannot multiplex", Server{OneAtATime: true}, []wire.Record{begin(1, 1), begin(2, 0), wire.AbortRecord(1)}, []wire.Record{end(2, 0, wire.CantMultiplex), end(1, 0, 0)}, closed},
		{"overloaded", Server{Limits: Limits{Requests: 1}}, []wire.Record{begin(1, 1), begin(2, 1), wire.AbortRecord(1)}, []wire.Record{end(2, 0, wire.Overloaded), end(1, 0, 0)}, open},
		{"overloaded connection", Server{Limits: Limits{RequestsPerConn: 2}}, []wire.Record{begin(1, 1), begin(2, 1), begin(3, 1)}, []wire.Record{end(3, 0, wire.Overloaded)}, open},
		{"abort before params", Server{}, []wire.Record{begin(7, 1), wire.AbortRecord(7), wire.AbortRecord(7)}, []wire.Record{end(7, 0, 0)}, open},
		{"abort, no keep", Server{}, []wire.Record{begin(7, 0), wire.AbortRecord(7)}, []wire.Record{end(7, 0, 0)}, closed},
		{"begun twice", Server{}, []wire.Record{begin(1, 1), begin(1, 1), wire.AbortRecord(1)}, []wire.Record{end(1, 0, 0)}, open},
		{"begin too long", Server{}, []wire.Record{long}, nil, closed},
		{"begin too short", Server{}, []wire.Record{record(wire.TypeBeginRequest, 1, []byte("1234567"))}, nil, closed},
		{"version", Server{}, []wire.Record{version}, nil, closed},
		{"flags and reserved", Server{}, []wire.Record{reserved, wire.AbortRecord(1)}, []wire.Record{end(1, 0, 0)}, closed},
		{"params end early, id 65535", Server{}, []wire.Record{begin(65535, 1), record(wire.TypeParams, 65535, []byte{1}), record(wire.TypeParams, 65535, nil)},
			[]wire.Record{
				record(wire.TypeStderr, 65535, []byte("fcgiscope: PARAMS end inside the name-value pair at offset 0\n")),
				record(wire.TypeStdout, 65535, response(400, "PARAMS end inside the name-value pair at offset 0")),
				record(wire.TypeStdout, 65535, nil), record(wire.TypeStderr, 65535, nil), end(65535, 400, 0)}, open},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			p := connect(t, &tt.srv)
			p.send(tt.send...)
			p.wantRecords(tt.want...)
			if tt.after == open {
				p.alive()
			} else {
				p.closed()
			}
		})
	}
}

// TestSplitAnywhere: whatever may be between the records of a request, and
// however it is cut, it has its answer.
func TestSplitAnywhere(t *testing.T) {
	var request []byte
	add := func(r wire.Record) { request = r.Append(request) }
	rec := func(ty wire.Type, content string, padding int) {
		r := wire.NewRecord(ty, 1, []byte(content))
		r.Padding = make([]byte, padding)
		add(r)
	}
	begin := wire.BeginRecord(1, wire.Responder, wire.KeepConn)
	begin.Padding = make([]byte, 255)
	add(begin)
	pair := string(wire.Pair{Name: []byte("REQUEST_URI"), Value: []byte("/u"), WideName: true, WideValue: true}.Append(nil))
	for i := range pair {
		rec(wire.TypeParams, pair[i:i+1], i)
	}
	add(wire.NewRecord(wire.TypeGetValues, 0, nil))
	rec(wire.TypeParams, "", 8)
	rec(wire.TypeParams, "junk after the end", 0)
	rec(wire.TypeParams, "", 0)
	add(wire.NewRecord(wire.TypeStdin, 2, []byte("of another request")))
	rec(wire.TypeData, "not for a responder", 3)
	rec(wire.TypeStdin, "bo", 1)
	add(wire.NewRecord(99, 0, nil))
	rec(wire.TypeStdin, "dy", 0)
	rec(wire.TypeStdin, "", 255)
	rec(wire.TypeStdin, "", 0)
	rec(wire.TypeStdin, "late", 0)

	p := connect(t, &Server{Handler: uriOnly})
	check := func() {
		p.t.Helper()
		seen := map[wire.Type]bool{}
		for !seen[wire.TypeEndRequest] {
			rec := p.next()
			if seen[rec.Type] && len(rec.Content) > 0 {
				t.Fatalf("again %v", rec)
			}
			seen[rec.Type] = true
			if rec.Type == wire.TypeStdout && len(rec.Content) > 0 && string(rec.Content) != uriAnswer("/u", "body") {
				t.Fatalf("%q", rec.Content)
			}
		}
		if !seen[wire.TypeGetValuesResult] || !seen[wire.TypeUnknownType] {
			t.Fatalf("seen: %v", seen)
		}
	}
	for _, size := range []int{1, 7, 8, 9, 100, len(request)} {
		for b := request; len(b) > 0; {
			n := min(size, len(b))
			if _, err := p.Conn.Write(b[:n]); err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
		check()
	}
}

func TestAnswerIsOneWrite(t *testing.T) {
	obs := &recorder{}
	s := &Server{Handler: uriOnly, Observe: obs.observe}
	p := connect(t, s)
	p.request(1, wire.KeepConn, "body", "REQUEST_URI=/u")
	p.answer(1)
	p.Close()
	obs.wait()
	var sent [][]byte
	for i, b := range obs.bytes {
		if obs.dirs[i] == wire.ToServer {
			sent = append(sent, b)
		}
	}
	if len(sent) != 1 {
		t.Fatalf("%d writes: %q", len(sent), sent)
	}
	want := wire.NewRecord(wire.TypeStdout, 1, []byte(uriAnswer("/u", "body")))
	want.Padding = make([]byte, wire.PadTo8(len(want.Content)))
	b := want.Append(nil)
	b = wire.NewRecord(wire.TypeStdout, 1, nil).Append(b)
	b = end(1, 0, 0).Append(b)
	if string(sent[0]) != string(b) {
		t.Errorf("sent %q, want %q", sent[0], b)
	}
	if obs.dirs[0] != wire.ToApp || obs.closes != 1 || obs.how != flow.CloseByServer {
		t.Errorf("dirs %v, %d closes: %v", obs.dirs, obs.closes, obs.how)
	}
}

func TestPipelined(t *testing.T) {
	for _, last := range []wire.Flags{wire.KeepConn, 0} {
		p := connect(t, &Server{Handler: uriOnly})
		const n = 20
		for id := uint16(1); id <= n; id++ {
			p.begin(id, wire.Responder, last, fmt.Sprintf("REQUEST_URI=/%d", id))
			p.Stream(wire.TypeStdin, id).Close()
		}
		p.flush()
		got := map[uint16]string{}
		ends := 0
		for ends < n {
			rec := p.next()
			switch rec.Type {
			case wire.TypeStdout:
				got[rec.RequestID] += string(rec.Content)
			case wire.TypeEndRequest:
				ends++
			}
		}
		for id := uint16(1); id <= n; id++ {
			if want := uriAnswer(fmt.Sprintf("/%d", id), ""); got[id] != want {
				t.Errorf("%d: %q, want %q", id, got[id], want)
			}
		}
		if last == 0 {
			p.closed()
		} else {
			p.alive()
		}
	}
}

// TestPipelinedBehindRefusal: a request that was read together with one that
// does not keep the connection is answered before that is closed.
func TestPipelinedBehindRefusal(t *testing.T) {
	p := connect(t, &Server{Handler: uriOnly})
	p.WriteRecord(wire.BeginRecord(1, 99, 0))
	p.request(2, wire.KeepConn, "b", "REQUEST_URI=/2")
	p.wantRecords(end(1, 0, wire.UnknownRole))
	if a := p.answer(2); a.stdout != uriAnswer("/2", "b") {
		t.Errorf("%+v", a)
	}
	p.closed()
}

// TestInterleaved: two requests, record by record, and the one that began last
// ends first.
func TestInterleaved(t *testing.T) {
	p := connect(t, &Server{Handler: uriOnly})
	p.begin(1, wire.Responder, wire.KeepConn, "REQUEST_URI=/1")
	p.begin(2, wire.Responder, 0, "REQUEST_URI=/2")
	p.send(wire.NewRecord(wire.TypeStdin, 1, []byte("a")), wire.NewRecord(wire.TypeStdin, 2, []byte("x")),
		wire.NewRecord(wire.TypeStdin, 1, []byte("b")), wire.NewRecord(wire.TypeStdin, 2, nil))
	if a := p.answer(2); a.stdout != uriAnswer("/2", "x") {
		t.Errorf("2: %q", a.stdout)
	}
	p.alive() // request 2 was not to keep the connection, but 1 is not done
	p.send(wire.NewRecord(wire.TypeStdin, 1, nil))
	if a := p.answer(1); a.stdout != uriAnswer("/1", "ab") {
		t.Errorf("1: %q", a.stdout)
	}
	p.closed()
}

// TestAppStatusOfOneRequest: libfcgi answers later requests with the exit status
// of an earlier one.
func TestAppStatusOfOneRequest(t *testing.T) {
	p := connect(t, &Server{Handler: func(_ context.Context, x *Exchange) {
		if x.Param("FAIL") != "" {
			x.SetAppStatus(938)
		}
	}})
	for _, want := range []uint32{0, 938, 0} {
		p.request(1, wire.KeepConn, "", map[uint32]string{0: "A=b", 938: "FAIL=1"}[want])
		if a := p.answer(1); a.end.AppStatus != want {
			t.Errorf("appStatus %d, want %d", a.end.AppStatus, want)
		}
	}
}

func TestRoles(t *testing.T) {
	handler := func(_ context.Context, x *Exchange) {
		in, err1 := io.ReadAll(x.Stdin)
		data, err2 := io.ReadAll(x.Data)
		fmt.Fprintf(x.Stdout, "\r\n%v %s %s %v %v", x.Role, in, data, err1, err2)
		fmt.Fprint(x.Stderr, "e")
		x.SetAppStatus(938)
	}
	tests := []struct {
		role       wire.Role
		send, want string
	}{
		{wire.Responder, "in", "RESPONDER in  <nil> <nil>"},
		{wire.Filter, "in data", "FILTER in data <nil> <nil>"},
		{wire.Authorizer, "", "AUTHORIZER   <nil> <nil>"},
		{wire.Authorizer, "in", "AUTHORIZER   <nil> <nil>"},
	}
	for _, tt := range tests {
		t.Run(tt.role.String()+" "+tt.send, func(t *testing.T) {
			p := connect(t, &Server{Handler: handler})
			for range 2 {
				p.begin(3, tt.role, wire.KeepConn, "A=b")
				streams := []wire.Type{wire.TypeStdin, wire.TypeData}
				for i, body := range strings.Fields(tt.send) {
					s := p.Stream(streams[i], 3)
					io.WriteString(s, body)
					s.Close()
				}
				p.flush()
				a := p.answer(3)
				if a.stdout != "\r\n"+tt.want || a.stderr != "e" || a.end.AppStatus != 938 {
					t.Errorf("%+v, want %q", a, tt.want)
				}
				want := []wire.Type{wire.TypeStdout, wire.TypeStderr, wire.TypeStdout, wire.TypeStderr, wire.TypeEndRequest}
				if !reflect.DeepEqual(a.types, want) {
					t.Errorf("records %v, want %v", a.types, want)
				}
			}
		})
	}
}
