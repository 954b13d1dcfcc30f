//go:build linux

package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

func repeat(n int, r wire.Record) []byte { return bytes.Repeat(r.Append(nil), n) }

const mib = 1 << 20

func TestLimitConns(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "hello", Limits{Conns: 40})
	var open []*peer
	for range 100 { // the rest wait in the backlog
		p := v.dial()
		if len(open) < 40 {
			p.alive()
		}
		// The beginning of a large record: the server needs a large buffer.
		p.Conn.Write(append(wire.Header{Version: 1, Type: wire.TypeParams, RequestID: 1, ContentLength: 65535}.Append(nil), make([]byte, 5000)...))
		open = append(open, p)
	}
	v.grownAtMost(12 * mib)
	late := v.dial()
	late.WriteRecord(wire.NewRecord(wire.TypeGetValues, 0, nil))
	late.flush()
	late.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := late.ReadRecord(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("answered beyond the limit: %v", err)
	}
	for _, p := range open {
		p.Close()
	}
	late.SetReadDeadline(time.Time{})
	if rec := late.next(); rec.Type != wire.TypeGetValuesResult {
		t.Errorf("%+v", rec)
	}
}

func TestLimitRequestsPerConn(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "wait", Limits{RequestsPerConn: 10})
	p := v.dial()
	sent := make(chan error, 1)
	go func() {
		for id := uint16(1); id <= 20000; id++ {
			p.begin(id, wire.Responder, wire.KeepConn)
		}
		sent <- p.Flush()
	}()
	for range 20000 - 10 {
		if rec := p.next(); rec.Type != wire.TypeEndRequest || rec.Content[4] != byte(wire.Overloaded) {
			t.Fatalf("%+v", rec)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	p.alive()
	v.grownAtMost(8 * mib)
}

// TestLimitRequests: a handler that does not end after an abort still counts.
func TestLimitRequests(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "stuck", Limits{Requests: 100, RequestsPerConn: -1})
	p := v.dial()
	complete, refused := 0, 0
	for range 5000 {
		p.request(1, wire.KeepConn, "")
		if complete < 100 {
			p.alive() // so the handler has begun
			p.send(wire.AbortRecord(1))
		}
		switch a := p.answer(1); a.end.Status {
		case wire.RequestComplete:
			complete++
		case wire.Overloaded:
			refused++
		}
	}
	if complete != 100 || complete+refused != 5000 {
		t.Errorf("%d complete, %d refused", complete, refused)
	}
	p.alive()
	v.grownAtMost(8 * mib)
}

func TestLimitParams(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"bytes":   make([]byte, 65528),
		"one":     append([]byte{0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 65523)...),
		"records": {0},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, "hello", Limits{ParamsTime: -1}) // a million records take their time
			p := v.dial()
			p.send(wire.BeginRecord(1, wire.Responder, wire.KeepConn))
			record := wire.NewRecord(wire.TypeParams, 1, content)
			go p.until(time.Minute, 100*mib, repeat(1+65528/len(content), record))
			if a := p.answer(1); a.end.AppStatus != 431 || !strings.Contains(a.stderr, "PARAMS have more than 1048576 bytes") {
				t.Errorf("%+v", a)
			}
			v.grownAtMost(12 * mib)
		})
	}
}

func TestLimitPairs(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "hello", Limits{})
	p := v.dial()
	for _, tt := range []struct {
		pairs int
		want  uint32
	}{{DefaultPairs, 0}, {DefaultPairs + 1, 431}, {DefaultParamsBytes / 2, 431}} {
		p.WriteRecord(wire.BeginRecord(1, wire.Responder, wire.KeepConn))
		p.Writer.Chunk = 65528
		block := make([]byte, 2*tt.pairs)
		for len(block) > 0 {
			n := min(len(block), 65528)
			p.WriteRecord(wire.NewRecord(wire.TypeParams, 1, block[:n]))
			block = block[n:]
		}
		p.send(wire.NewRecord(wire.TypeParams, 1, nil), wire.NewRecord(wire.TypeStdin, 1, nil))
		if a := p.answer(1); a.end.AppStatus != tt.want {
			t.Errorf("%d pairs: %+v", tt.pairs, a.end)
		}
	}
	v.grownAtMost(12 * mib)
}

// TestLimitStdinAlone: the server does not read more than the handler does.
func TestLimitStdinAlone(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "wait", Limits{})
	for role, stream := range map[wire.Role]wire.Type{wire.Responder: wire.TypeStdin, wire.Filter: wire.TypeData} {
		p := v.dial()
		p.begin(1, role, wire.KeepConn)
		p.flush()
		sent, err := p.until(200*time.Millisecond, 100*mib, repeat(1, wire.NewRecord(stream, 1, make([]byte, 65528))))
		if !errors.Is(err, os.ErrDeadlineExceeded) || sent > 4*mib {
			t.Errorf("%v: took %d bytes, then %v", stream, sent, err)
		}
	}
	v.grownAtMost(4 * mib)
}

// TestLimitStdinShared: with others waiting behind it, a request whose handler
// does not read fails.
func TestLimitStdinShared(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "wait", Limits{})
	p := v.dial()
	p.begin(2, wire.Responder, wire.KeepConn)
	p.begin(1, wire.Responder, wire.KeepConn)
	p.flush()
	go p.until(time.Minute, 50*mib, repeat(1, wire.NewRecord(wire.TypeStdin, 1, make([]byte, 65528))))
	if a := p.answer(1); a.end.AppStatus != 413 || !strings.Contains(a.stderr, "more than 131072 bytes of input wait") {
		t.Errorf("%+v", a)
	}
	v.grownAtMost(8 * mib)
}

func TestLimitBuffered(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "wait", Limits{Buffered: 8 * mib})
	var refused int
	for range 10 {
		p := v.dial()
		for id := uint16(1); id <= 10; id++ {
			p.WriteRecord(wire.BeginRecord(id, wire.Responder, wire.KeepConn))
			for range 15 {
				p.WriteRecord(wire.NewRecord(wire.TypeParams, id, make([]byte, 65528)))
			}
		}
		p.WriteRecord(wire.NewRecord(wire.TypeGetValues, 0, nil))
		p.flush()
		for {
			rec := p.next()
			if rec.Type == wire.TypeGetValuesResult {
				break
			}
			if rec.Type == wire.TypeEndRequest && rec.Content[4] == byte(wire.Overloaded) {
				refused++
			}
		}
	}
	if refused < 90 {
		t.Errorf("%d requests refused", refused)
	}
	v.grownAtMost(32 * mib)
}

// TestLimitWriteTime: peers that do not read what they asked for.
func TestLimitWriteTime(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "endless", Limits{WriteTime: 300 * time.Millisecond})
	for range 50 {
		v.dial().request(1, wire.KeepConn, "")
	}
	p := v.dial()
	p.request(1, wire.KeepConn, "")
	p.SetReadDeadline(time.Now().Add(20 * time.Second))
	p.Conn.Read(make([]byte, 1)) // it has begun
	// What fits into the buffers of the socket, and then the end.
	wiretest.Eventually(t, "the connections of peers that do not read are closed", func() bool { return v.sockets() <= 1 })
	if n, err := io.Copy(io.Discard, p.Conn); err != nil || n > 4*mib {
		t.Errorf("read %d bytes, %v", n, err)
	}
	v.grownAtMost(16 * mib)
}

// TestLimitManagement: the same with the answers of the server itself.
func TestLimitManagement(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "hello", Limits{})
	p := v.dial()
	sent, err := p.until(200*time.Millisecond, 100*mib, repeat(1000, wire.NewRecord(77, 0, nil)))
	if !errors.Is(err, os.ErrDeadlineExceeded) || sent > 4*mib {
		t.Errorf("took %d bytes, then %v", sent, err)
	}
	v.grownAtMost(4 * mib)
}

func TestLimitIdleTime(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "hello", Limits{IdleTime: 200 * time.Millisecond})
	for range 200 {
		p := v.dial()
		p.send(wire.BeginRecord(1, wire.Responder, wire.KeepConn))
	}
	v.dial().closed()
	v.grownAtMost(8 * mib)
}

// TestLimitParamsTime: peers that are never idle and never done.
func TestLimitParamsTime(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "hello", Limits{ParamsTime: 300 * time.Millisecond, IdleTime: 10 * time.Second})
	var peers []*peer
	for range 200 {
		p := v.dial()
		p.send(wire.BeginRecord(1, wire.Responder, wire.KeepConn))
		peers = append(peers, p)
	}
	for _, p := range peers {
		// Until the server says that it has had enough.
		go p.drip(wire.NewRecord(wire.TypeParams, 1, []byte{0}))
	}
	for _, p := range peers {
		if a := p.answer(1); a.end.AppStatus != 408 || !strings.Contains(a.stderr, "PARAMS are not complete after 300ms") {
			t.Fatalf("%+v", a)
		}
	}
	v.grownAtMost(12 * mib)
}

// TestLimitHandlerTime: requests that keep handlers busy, on a connection whose
// peer waits for ever.
func TestLimitHandlerTime(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "wait", Limits{HandlerTime: 100 * time.Millisecond})
	p := v.dial()
	for range 10 { // DefaultRequestsPerConn bounds a round; the handlers before may still be returning
		const round = DefaultRequestsPerConn / 4
		for id := uint16(1); id <= round; id++ {
			p.begin(id, wire.Responder, wire.KeepConn)
		}
		p.flush()
		for ends := 0; ends < round; {
			rec := p.next()
			if rec.Type != wire.TypeEndRequest {
				continue
			}
			ends++
			if end, err := wire.ParseEndRequest(rec.Content); err != nil || end.AppStatus != 408 {
				t.Fatalf("%+v, %v", end, err)
			}
		}
	}
	p.alive()
	v.grownAtMost(8 * mib)
}

// TestLimitHalfCloseTime: peers that have closed their side, so that nothing
// can tell that they do not wait for an answer.
func TestLimitHalfCloseTime(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "wait", Limits{HalfCloseTime: 300 * time.Millisecond, Requests: 200})
	var peers []*peer
	for range 200 {
		p := v.dial()
		p.request(1, wire.KeepConn, "")
		p.Conn.(*net.UnixConn).CloseWrite()
		peers = append(peers, p)
	}
	for _, p := range peers {
		p.closed()
	}
	v.grownAtMost(12 * mib)
	// Their handlers end too: there is room for another request.
	p := v.dial()
	wiretest.Eventually(t, "the handlers have ended", func() bool {
		p.begin(1, wire.Responder, wire.KeepConn)
		p.send(wire.AbortRecord(1))
		return p.answer(1).end.Status == wire.RequestComplete
	})
}

// BenchmarkIdleConns measures what a kept connection that is idle costs, in
// bytes of the process's memory without the client's half of it: B/conn.
func BenchmarkIdleConns(b *testing.B) {
	const n = 10000
	for range b.N {
		v := newVictim(b, "hello", Limits{Conns: n + 10, IdleTime: -1})
		before := v.memory("VmRSS")
		request := benchRequest()
		var conns []net.Conn
		for range n {
			nc, err := net.Dial("unix", v.addr)
			if err != nil {
				b.Fatal(err)
			}
			conns = append(conns, nc)
			if _, err := nc.Write(request); err != nil {
				b.Fatal(err)
			}
			r := wire.NewReader(nc)
			for {
				rec, err := r.ReadRecord()
				if err != nil {
					b.Fatal(err)
				}
				if rec.Type == wire.TypeEndRequest {
					break
				}
			}
		}
		b.ReportMetric(float64(v.memory("VmRSS")-before)/n, "B/conn")
		for _, nc := range conns {
			nc.Close()
		}
	}

}
