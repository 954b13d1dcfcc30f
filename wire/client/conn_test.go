package client

import (
	"bytes"
	"context"
	"errors"
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

// What came before an error can be read before it.
func TestClosedWithoutEnd(t *testing.T) {
	whole := end(1).Append(out(1, "Content-type: text/plain\r\n\r\nhello").Append(nil))
	for cut := range whole {
		c, a := pair(t, Options{})
		go func() {
			a.request(1)
			if cut > 0 {
				a.Conn.Write(whole[:cut])
			}
			a.Close()
		}()
		r := mustDo(t, c, Request{Keep: true})
		b, err := io.ReadAll(r.Stdout)
		want := whole[min(cut, wire.HeaderLen):min(cut, len(whole)-16)]
		var closed *ClosedError
		if string(b) != string(want) || !errors.As(err, &closed) || closed.Received != int64(cut) || closed.Stdout != int64(len(b)) {
			t.Fatalf("cut at %d: %q, %v", cut, b, err)
		}
		var truncated *wire.TruncatedError
		inside := cut > 0 && cut != len(whole)-16
		if errors.As(err, &truncated) != inside || inside != errors.Is(err, io.ErrUnexpectedEOF) || !inside != errors.Is(err, io.EOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if _, again := r.Wait(); again != err {
			t.Errorf("Wait: %v, not %v", again, err)
		}
	}
}

func TestNotFastCGI(t *testing.T) {
	for in, hint := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n": "looks like an HTTP response",
		"H":                            "",
		"\x01\x06\x00\x01\x00\x02\x00\x00okHTTP/1.1 \x00": "looks like an HTTP response",
	} {
		c, a := pair(t, Options{})
		go func() {
			a.request(1)
			// The connection stays open: nobody waits for the rest of the "record".
			a.Conn.Write([]byte(in))
			if strings.Contains(in, "ok") {
				a.Conn.Write(make([]byte, 20000))
			}
		}()
		r := mustDo(t, c, Request{})
		_, err := r.Wait()
		var e *ProtocolError
		if !errors.As(err, &e) || e.Rule != wire.RuleVersion || e.Hint != hint {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestPeerViolations(t *testing.T) {
	record := func(typ wire.Type, id uint16, content string) wire.Record {
		return wire.NewRecord(typ, id, []byte(content))
	}
	tests := map[string]struct {
		recs []wire.Record
		want wire.RuleID
	}{
		"short END_REQUEST":    {[]wire.Record{record(wire.TypeEndRequest, 1, "\x00\x00\x00\x2a\x00")}, wire.RuleBodyLength},
		"long END_REQUEST":     {[]wire.Record{record(wire.TypeEndRequest, 1, "\x00\x00\x00\x2a\x00\x00\x00\x00\x00")}, wire.RuleBodyLength},
		"unknown type":         {[]wire.Record{record(42, 1, "x"), end(1)}, wire.RuleUnknownType},
		"unknown management":   {[]wire.Record{record(42, 0, "x"), end(1)}, wire.RuleUnknownType},
		"PARAMS":               {[]wire.Record{record(wire.TypeParams, 1, ""), end(1)}, wire.RuleDirection},
		"GET_VALUES":           {[]wire.Record{record(wire.TypeGetValues, 0, ""), end(1)}, wire.RuleDirection},
		"GET_VALUES_RESULT":    {[]wire.Record{record(wire.TypeGetValuesResult, 0, ""), end(1)}, wire.RuleGetValuesAnswer},
		"UNKNOWN_TYPE":         {[]wire.Record{wire.UnknownTypeRecord(1), end(1)}, wire.RuleUnknownTypeAnswer},
		"UNKNOWN_TYPE, our id": {[]wire.Record{record(wire.TypeUnknownType, 1, "12345678"), end(1)}, wire.RuleManagementID},
		"STDOUT after its end": {[]wire.Record{out(1, ""), out(1, "x"), end(1)}, wire.RuleStreamEnded},
		"STDERR after its end": {[]wire.Record{serr(1, ""), serr(1, "x"), end(1)}, wire.RuleStreamEnded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, a := pair(t, Options{})
			go func() {
				a.request(1)
				a.send(append([]wire.Record{out(1, "hello")}, tt.recs...)...)
			}()
			r := mustDo(t, c, Request{Keep: true})
			b, err := io.ReadAll(r.Stdout)
			if err != nil || !strings.HasPrefix(string(b), "hello") {
				t.Errorf("%q, %v", b, err)
			}
			v := r.Violations()
			if len(v) != 1 || v[0].Rule != tt.want || v[0].Offset < 8 {
				t.Errorf("%+v, want %s", v, tt.want)
			}
			if c.Usable() {
				t.Error("the connection is kept")
			}
		})
	}
}

// An answer under a wrong id is never taken for ours, nor waited for.
func TestWrongID(t *testing.T) {
	for _, rec := range []wire.Record{out(2, "x"), end(2), end(0), out(0, "x"), end(257)} {
		c, a := pair(t, Options{})
		go func() { a.request(1); a.send(out(1, "ours"), rec) }()
		r := mustDo(t, c, Request{})
		b, err := io.ReadAll(r.Stdout)
		var e *ProtocolError
		if string(b) != "ours" || !errors.As(err, &e) || e.Header.RequestID != rec.RequestID || e.Offset != 16 {
			t.Errorf("%v id %d: %q, %v", rec.Type, rec.RequestID, b, err)
		}
	}
}

// What follows END_REQUEST must not become the next answer.
func TestSecondEnd(t *testing.T) {
	c, a := pair(t, Options{})
	go func() { a.request(1); a.send(end(1), out(1, "stale"), end(1)) }()
	r := mustDo(t, c, Request{Keep: true})
	if _, err := r.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), Request{Keep: true}); !errors.Is(err, ErrClosed) {
		t.Errorf("the connection is kept: %v", err)
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

func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{Idle: 10 * time.Second})
		go func() {
			a.request(1)
			for range 5 {
				time.Sleep(9 * time.Second)
				a.send(out(1, "x"))
			}
			// Half a record counts, and can be read.
			time.Sleep(9 * time.Second)
			a.Conn.Write(out(1, "yz").Append(nil)[:9])
		}()
		start := time.Now()
		r := mustDo(t, c, Request{})
		b, err := io.ReadAll(r.Stdout)
		var e *TimeoutError
		if string(b) != "xxxxxy" || !errors.As(err, &e) || e.Received == 0 || time.Since(start) != 64*time.Second {
			t.Errorf("%q, %v after %v", b, err, time.Since(start))
		}
		a.Close()
	})
}

// An app that takes the request but does not answer, and one that does not even
// read it.
func TestSilentApp(t *testing.T) {
	for _, size := range []int{0, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			c, a := pair(t, Options{Idle: 10 * time.Second})
			start := time.Now()
			if size == 0 {
				go a.request(1)
			}
			r := mustDo(t, c, Request{Stdin: io.LimitReader(zeroes{}, int64(size))})
			_, err := r.Wait()
			var e *TimeoutError
			if !errors.As(err, &e) || e.Received != 0 || time.Since(start) != 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			a.Close()
		})
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A slow upload is no silence although the app says nothing.
func TestSlowUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{Idle: 10 * time.Second})
		go func() {
			for ended := false; !ended; {
				rec, err := a.ReadRecord()
				if err != nil {
					t.Errorf("app: %v", err)
					return
				}
				ended = rec.Type == wire.TypeStdin && len(rec.Content) == 0
				if len(rec.Content) > 60000 {
					time.Sleep(8 * time.Second)
				}
			}
			a.send(end(1))
		}()
		r := mustDo(t, c, Request{Stdin: io.LimitReader(zeroes{}, 1<<20)})
		if _, err := r.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		go func() { a.request(1); a.send(out(1, "some")) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := c.Do(ctx, Request{Params: getParams, Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Stdout)
		if string(b) != "some" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := c.Do(t.Context(), Request{}); !errors.Is(err, ErrClosed) {
			t.Errorf("where one request is in flight, aborting is closing: %v", err)
		}
		if _, err := c.Do(ctx, Request{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		a.Close()
	})
}

func TestLimits(t *testing.T) {
	c, a := pair(t, Options{MaxStdout: 10, MaxStderr: 3})
	var stderr bytes.Buffer
	go func() {
		a.request(1)
		a.send(serr(1, "1234"), serr(1, "5678"), out(1, "1234567"), out(1, "89abcdef"), end(1))
	}()
	r := mustDo(t, c, Request{Keep: true, Stderr: &stderr})
	b, err := io.ReadAll(r.Stdout)
	var e *LimitError
	if string(b) != "123456789a" || !errors.As(err, &e) || e.Limit != 10 {
		t.Errorf("%q, %v", b, err)
	}
	if b, n := r.Stderr(); string(b) != "123" || n != 8 || stderr.String() != "12345678" {
		t.Errorf("stderr %q of %d, written %q", b, n, stderr.String())
	}
}

// An answer that nobody reads stays with the app.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		written := 0
		go func() {
			a.request(1)
			for {
				if _, err := a.Conn.Write(out(1, strings.Repeat("x", 1000)).Append(nil)); err != nil {
					return
				}
				written++
			}
		}()
		r := mustDo(t, c, Request{})
		r.Stdout.Read(make([]byte, 1))
		synctest.Wait()
		if written > 100 {
			t.Errorf("%d records went out to nobody", written)
		}
		r.Close()
		if _, err := r.Wait(); !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
		a.Close()
	})
}

// An app that answers at length before it reads does not block a client that
// sends at length.
func TestEarlyAnswer(t *testing.T) {
	c, a := pair(t, Options{})
	go func() {
		a.want(wire.TypeBeginRequest, 1)
		for range 1000 {
			a.send(out(1, strings.Repeat("x", 1000)))
		}
		a.send(end(1))
	}()
	r := mustDo(t, c, Request{Keep: true, Stdin: io.LimitReader(zeroes{}, 10<<20)})
	if b, err := io.ReadAll(r.Stdout); err != nil || len(b) != 1000*1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if c.Usable() {
		t.Error("kept a connection with half a request")
	}
}

func TestBodyThatFails(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, body := range map[string]io.Reader{
		"large": io.MultiReader(strings.NewReader("x"), errorReader{broken}),
		"small": struct {
			io.Reader
			length
		}{errorReader{broken}, 5},
	} {
		c, a := pair(t, Options{})
		go io.Copy(io.Discard, a.Conn)
		r := mustDo(t, c, Request{Stdin: body})
		_, err := r.Wait()
		var e *SendError
		if !errors.As(err, &e) || !errors.Is(err, broken) || e.Stream != wire.TypeStdin {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

type length int

func (l length) Len() int { return int(l) }

// sent returns all that a client sends for a request.
func sent(t *testing.T, o Options, req Request) []wire.Record {
	c, a := pair(t, o)
	recs := make(chan []wire.Record)
	go func() {
		var got []wire.Record
		for {
			rec, err := a.ReadRecord()
			if err != nil {
				recs <- got
				return
			}
			got = append(got, rec.Clone())
		}
	}()
	r := mustDo(t, c, req)
	for {
		c.mu.Lock()
		done := r.sent
		c.mu.Unlock()
		if done {
			break
		}
	}
	c.writing <- struct{}{}
	r.Close()
	return <-recs
}

func describe(recs []wire.Record) string {
	var s []string
	for _, r := range recs {
		word := strings.ToLower(r.Type.String())
		if len(r.Content) == 0 {
			word += "-end"
		}
		s = append(s, word)
	}
	return strings.Join(s, " ")
}

func TestRolesAndOptions(t *testing.T) {
	data := strings.Repeat("d", 100<<10)
	for name, tt := range map[string]struct {
		o    Options
		req  Request
		want string
	}{
		"responder":    {Options{}, Request{}, "begin_request params params-end stdin-end"},
		"authorizer":   {Options{}, Request{Role: wire.Authorizer}, "begin_request params params-end stdin-end"},
		"filter":       {Options{}, Request{Role: wire.Filter, Data: strings.NewReader("d")}, "begin_request params params-end stdin-end data data-end"},
		"large filter": {Options{}, Request{Role: wire.Filter, Data: strings.NewReader(data), Stdin: io.LimitReader(zeroes{}, 3)}, "begin_request params params-end stdin stdin-end data data data-end"},
		"empty filter": {Options{}, Request{Role: wire.Filter}, "begin_request params params-end stdin-end data-end"},
		"no stdin end": {Options{}, Request{NoStdinEnd: true}, "begin_request params params-end"},
		"chunk":        {Options{Chunk: 20}, Request{Stdin: strings.NewReader("abcdefghijklmnopqrstuvwxyz")}, "begin_request params params-end stdin stdin stdin-end"},
		"split pairs":  {Options{Chunk: 9, SplitPairs: true}, Request{}, "begin_request params params params params-end stdin-end"},
	} {
		recs := sent(t, tt.o, tt.req)
		if got := describe(recs); got != tt.want {
			t.Errorf("%s: %s\nwant %s", name, got, tt.want)
		}
	}
	recs := sent(t, Options{Pad: func(int) int { return 200 }}, Request{ID: 300, Role: 7})
	if b, _ := wire.ParseBeginRequest(recs[0].Content); recs[0].RequestID != 300 || b.Role != 7 || len(recs[0].Padding) != 0 || len(recs[1].Padding) != 200 {
		t.Errorf("%+v", recs)
	}
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
