package client

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// An app plays the application by hand.
type app struct {
	t *testing.T
	*Raw
}

// pair returns a client and the app at the other end.
func pair(t *testing.T, o Options) (*Conn, app) {
	t.Helper()
	a, b := net.Pipe()
	c := NewConn(a, o)
	t.Cleanup(func() { c.Close(); b.Close() })
	return c, app{t, NewRaw(b, nil)}
}

// want reads a record and checks its type and id.
func (a app) want(typ wire.Type, id uint16) wire.Record {
	rec, err := a.ReadRecord()
	if err != nil || rec.Type != typ || rec.RequestID != id {
		a.t.Errorf("app: got %v id %d, %v; want %v id %d", rec.Type, rec.RequestID, err, typ, id)
	}
	return rec
}

// request reads a request without a body.
func (a app) request(id uint16) {
	a.want(wire.TypeBeginRequest, id)
	a.want(wire.TypeParams, id)
	a.want(wire.TypeParams, id)
	a.want(wire.TypeStdin, id)
}

// send sends records in one write.
func (a app) send(recs ...wire.Record) {
	for _, r := range recs {
		a.WriteRecord(r)
	}
	if err := a.Flush(); err != nil {
		a.t.Errorf("app: %v", err)
	}
}

func out(id uint16, s string) wire.Record { return wire.NewRecord(wire.TypeStdout, id, []byte(s)) }
func serr(id uint16, s string) wire.Record {
	return wire.NewRecord(wire.TypeStderr, id, []byte(s))
}
func end(id uint16) wire.Record { return wire.EndRecord(id, 0, wire.RequestComplete) }

var getParams = []wire.Pair{wire.NewPair("REQUEST_METHOD", "GET")}

func mustDo(t *testing.T, c *Conn, req Request) *Response {
	t.Helper()
	if req.Params == nil {
		req.Params = getParams
	}
	r, err := c.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDo(t *testing.T) {
	c, a := pair(t, Options{})
	go func() {
		begin := a.want(wire.TypeBeginRequest, 1)
		if b, err := wire.ParseBeginRequest(begin.Content); err != nil || b.Role != wire.Responder || b.Flags != 0 || len(begin.Padding) > 0 {
			t.Errorf("BEGIN_REQUEST %+v, %v", b, err)
		}
		params := a.want(wire.TypeParams, 1)
		if p, err := wire.ParsePairs(params.Content); err != nil || len(p) != 1 || string(p[0].Name) != "REQUEST_METHOD" {
			t.Errorf("PARAMS %v, %v", p, err)
		}
		a.want(wire.TypeParams, 1)
		a.want(wire.TypeStdin, 1)
		a.send(out(1, "Status: 404 Not Found\r\n\r\nhel"), serr(1, "oops"), out(1, "lo"), out(1, ""), serr(1, ""), wire.EndRecord(1, 938, wire.RequestComplete))
	}()
	r := mustDo(t, c, Request{})
	h, err := r.Header()
	if err != nil || h.Status() != 404 || string(h.Reason()) != "Not Found" {
		t.Errorf("header %q, %v", h.Bytes(), err)
	}
	if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != "hello" {
		t.Errorf("body %q, %v", b, err)
	}
	if e, err := r.Wait(); err != nil || e.AppStatus != 938 || e.Status != wire.RequestComplete {
		t.Errorf("end %+v, %v", e, err)
	}
	if b, n := r.Stderr(); string(b) != "oops" || n != 4 {
		t.Errorf("stderr %q, %d", b, n)
	}
	if c.Usable() {
		t.Error("a connection without KEEP_CONN is open")
	}
	if v := r.Violations(); v != nil {
		t.Errorf("violations %v", v)
	}
}

// A writes counts writes.
type writes struct {
	net.Conn
	n int
}

func (w *writes) Write(p []byte) (int, error) { w.n++; return w.Conn.Write(p) }

func TestRequestIsOneWrite(t *testing.T) {
	for _, body := range []string{"", "small", strings.Repeat("x", 40<<10)} {
		a, b := net.Pipe()
		w := &writes{Conn: a}
		c := NewConn(w, Options{})
		peer := app{t, NewRaw(b, nil)}
		go func() {
			for ended := false; !ended; {
				rec, err := peer.ReadRecord()
				ended = err != nil || rec.Type == wire.TypeStdin && len(rec.Content) == 0
			}
			peer.send(end(1))
		}()
		r := mustDo(t, c, Request{Stdin: strings.NewReader(body)})
		if _, err := r.Wait(); err != nil || w.n != 1 {
			t.Errorf("%d bytes: %d writes, %v", len(body), w.n, err)
		}
		b.Close()
	}
}

func TestKeepConn(t *testing.T) {
	c, a := pair(t, Options{})
	go func() {
		for range 3 {
			begin := a.want(wire.TypeBeginRequest, 1)
			if b, _ := wire.ParseBeginRequest(begin.Content); b.Flags != wire.KeepConn {
				t.Errorf("flags %v", b.Flags)
			}
			a.want(wire.TypeParams, 1)
			a.want(wire.TypeParams, 1)
			a.want(wire.TypeStdin, 1)
			a.send(out(1, "x"), end(1))
		}
	}()
	for range 3 {
		r := mustDo(t, c, Request{Keep: true})
		if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != "x" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if !c.Usable() {
		t.Error("a kept connection is closed")
	}
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{Linger: time.Second})
		go func() {
			a.request(1)
			a.send(out(1, "x"), end(1))
			a.send(out(1, "late"))
			a.send(end(1))
		}()
		r := mustDo(t, c, Request{})
		start := time.Now()
		if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != "x" || time.Since(start) != 0 {
			t.Errorf("%q, %v after %v", b, err, time.Since(start))
		}
		if _, err := r.Wait(); err != nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		v := r.Violations()
		if len(v) != 2 || v[0].Rule != wire.RuleOutputInactive || v[1].Rule != wire.RuleEndInactive {
			t.Errorf("%+v", v)
		}
		a.Close()
	})
}

// Every byte is observed, what is sent before the answer to it.
func TestObserve(t *testing.T) {
	var log []wire.Direction
	var bytes [2]int
	var conn flow.Conn
	c, a := pair(t, Options{Observe: func(dir wire.Direction, at time.Time, p []byte) {
		conn.Feed(dir, at, p, func(*flow.Event) {})
		log = append(log, dir)
		bytes[dir] += len(p)
	}})
	go func() { a.request(1); a.send(out(1, "x"), end(1)) }()
	r := mustDo(t, c, Request{})
	if _, err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(log) != 2 || log[0] != wire.ToApp || bytes != [2]int{16 + 8 + 24 + 8 + 8, 8 + 8 + 16} {
		t.Errorf("%v %v", log, bytes)
	}
}
