package commands

import (
	"net"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A trace shows a conversation while it goes on: what was really sent and
// received, by decoding these bytes.
type trace struct {
	mu   sync.Mutex
	flow flow.Conn
	sink pretty.Sink
	err  error // the sink's first

	masked bool // the sink writes into what it is shown
	copy   []byte
}

// newTrace shows what travels over conn, which goes to the application at t.
func newTrace(t target, conn net.Conn, now time.Time, format pretty.Format, sink pretty.Sink) *trace {
	info := &flow.ConnInfo{Network: t.addr.Network, Server: t.addr.Address, Fd: -1, Opened: now}
	if t.app != nil || t.process != nil {
		info.Network, info.Server = "", t.String()
	} else if conn != nil && conn.LocalAddr() != nil && info.Network == "tcp" {
		info.Client = conn.LocalAddr().String()
	}
	return &trace{flow: flow.Conn{Info: info, Whole: format.NeedsWhole}, sink: sink}
}

// observer returns what the connection tells: nobody if t is nil.
func (t *trace) observer() client.Observer {
	if t == nil {
		return nil
	}
	return t.bytes
}

func (t *trace) bytes(dir wire.Direction, at time.Time, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flow.Feed(dir, at, t.maskable(p), t.show)
	t.keep(pretty.Flush(t.sink))
}

// active passes the requests on that have begun and not ended.
func (t *trace) active(to func(*flow.Request)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.flow.Active() {
		to(r)
	}
}

// close ends the trace and returns the first error of its sink.
func (t *trace) close(at time.Time, how flow.CloseKind, err error) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flow.Close(at, how, err, t.show)
	t.keep(t.sink.Close())
	return t.err
}

func (t *trace) show(e *flow.Event) { t.keep(t.sink.Event(e)) }

func (t *trace) keep(err error) {
	if t.err == nil {
		t.err = err
	}
}
