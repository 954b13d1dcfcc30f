package server

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A judge is an Observer that has package flow judge what the server sends.
type judge struct {
	t    *testing.T
	conn flow.Conn
}

func (j *judge) event(e *flow.Event) {
	switch {
	case e.Dir == wire.ToServer && (e.Kind == flow.KindDesync || e.Kind == flow.KindTruncated):
		j.t.Errorf("the server sent no record: %q", e.Data)
	case e.Kind == flow.KindFinding && e.Dir == wire.ToServer && e.Finding.Rule.Rule().Level == wire.Must:
		switch e.Finding.Rule {
		case wire.RuleOutputEarly, wire.RuleResponseHeader: // answers to what cannot be answered otherwise
			return
		}
		j.t.Errorf("%s: %s", e.Finding.Rule, e.Finding.Detail)
	}
}

func (j *judge) Bytes(dir wire.Direction, at time.Time, p []byte) { j.conn.Feed(dir, at, p, j.event) }

func (j *judge) Closed(time.Time, flow.CloseKind, error) {}

// FuzzServer: whatever is sent, the server ends with the connection and breaks
// no rule.
func FuzzServer(f *testing.F) {
	f.Add(benchRequest())
	b := wire.BeginRecord(1, wire.Filter, 0).Append(nil)
	b = wire.BeginRecord(2, wire.Authorizer, 1).Append(b)
	b = wire.NewRecord(wire.TypeParams, 2, nil).Append(b)
	b = wire.NewRecord(wire.TypeStdin, 1, []byte("body")).Append(b)
	b = wire.NewRecord(wire.TypeParams, 1, wire.NewPair("A", "b").Append(nil)).Append(b)
	b = wire.NewRecord(wire.TypeParams, 1, nil).Append(b)
	b = wire.AbortRecord(1).Append(b)
	b = wire.NewRecord(wire.TypeGetValues, 0, wire.NewPair(wire.MaxConns, "").Append(nil)).Append(b)
	b = wire.NewRecord(77, 0, nil).Append(b)
	f.Add(b)
	b = wire.BeginRecord(1, wire.Responder, 1).Append(nil)
	b = wire.NewRecord(wire.TypeParams, 1, nil).Append(b)
	b = wire.NewRecord(wire.TypeStdin, 1, []byte("a body that is read")).Append(b)
	f.Add(wire.NewRecord(wire.TypeStdin, 1, nil).Append(b))
	f.Add(append(wire.BeginRecord(1, 9, 0).Append(nil), "HTTP/1.1 200 OK\r\n\r\n"...))
	f.Fuzz(func(t *testing.T, in []byte) {
		client, app := net.Pipe()
		j := &judge{t: t}
		s := &Server{Handler: echo, Limits: Limits{RequestsPerConn: 4, ParamsBytes: 1000, Pairs: 20, StdinBuffer: 100}, Observe: func(net.Conn) Observer { return j }}
		done := make(chan struct{})
		go func() {
			s.ServeConn(context.Background(), app)
			close(done)
		}()
		go io.Copy(io.Discard, client)
		client.Write(in)
		client.Close()
		<-done
		if n := s.inFlight.Load(); n != 0 {
			t.Errorf("%d requests in flight", n)
		}
		if n := s.buffered.Load(); n != 0 {
			t.Errorf("%d bytes kept", n)
		}
	})
}
