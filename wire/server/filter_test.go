package server

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// dataFirst is a handler that reads the streams the other way round.
func dataFirst(_ context.Context, x *Exchange) {
	data, _ := io.ReadAll(x.Data)
	stdin, _ := io.ReadAll(x.Stdin)
	io.WriteString(x.Stdout, textHeader)
	x.Stdout.Write(append(stdin, data...))
}

// TestStreamsInAnyOrder: a handler that waits for one stream does not keep the
// other from coming, however much that is.
func TestStreamsInAnyOrder(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	much := strings.Repeat("a", size)
	for _, tt := range []struct {
		name        string
		handler     Handler
		stdin, data string
		first       wire.Type // comes as a whole before the other has ended
		buffered    int
		want        string
		status      wire.ProtocolStatus
	}{
		{"DATA before the end of STDIN", Filter(Upper), "in", much, wire.TypeData, 0, strings.Repeat("A", size), wire.RequestComplete},
		{"STDIN before DATA is read", dataFirst, much, "data", wire.TypeStdin, 0, much + "data", wire.RequestComplete},
		{"more than may wait", Filter(Upper), "in", much, wire.TypeData, 256 << 10, "", wire.Overloaded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := connect(t, &Server{Handler: tt.handler, Limits: Limits{Buffered: tt.buffered}})
			p.SetDeadline(time.Now().Add(20 * time.Second))
			p.begin(1, wire.Filter, wire.KeepConn, "FCGI_DATA_LENGTH=1048576")
			streams := map[wire.Type]*wire.StreamWriter{wire.TypeStdin: p.Stream(wire.TypeStdin, 1), wire.TypeData: p.Stream(wire.TypeData, 1)}
			other := wire.TypeStdin + wire.TypeData - tt.first
			texts := map[wire.Type]string{wire.TypeStdin: tt.stdin, wire.TypeData: tt.data}
			io.WriteString(streams[other], texts[other][:1])
			io.WriteString(streams[tt.first], texts[tt.first])
			streams[tt.first].Close()
			io.WriteString(streams[other], texts[other][1:])
			streams[other].Close()
			p.flush()
			a := p.answer(1)
			if got := strings.TrimPrefix(a.stdout, textHeader); got != tt.want || a.end.Status != tt.status || a.end.AppStatus != 0 {
				t.Errorf("%d bytes of STDOUT, want %d; %q; %+v", len(got), len(tt.want), a.stderr, a.end)
			}
			p.alive()
		})
	}
}

// TestHungryTogether: two handlers of a connection that wait for STDIN, while
// DATA wait for them, do not wake each other for ever.
func TestHungryTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectPipe(t, &Server{Handler: Filter(Upper)})
		for id := uint16(1); id <= 2; id++ {
			p.begin(id, wire.Filter, wire.KeepConn, "FCGI_DATA_LENGTH=4")
			p.send(wire.NewRecord(wire.TypeData, id, []byte("data")), wire.NewRecord(wire.TypeData, id, nil))
		}
		synctest.Wait() // comes to an end when both wait
		for id := uint16(1); id <= 2; id++ {
			p.send(wire.NewRecord(wire.TypeStdin, id, nil))
			if a := p.answer(id); a.stdout != textHeader+"DATA" {
				t.Errorf("%d: %+v", id, a)
			}
		}
	})
}
