package commands

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/replay"
)

// A replayKeeper keeps the conversations of a replay, several at once.
type replayKeeper struct {
	target target
	mu     sync.Mutex
	sink   pretty.Sink // nil if nothing is kept
	conns  int
	err    error // the sink's first
}

// keeper makes what --record and --check want.
func (o *replayOptions) keeper(t target, test *conversationTest) (*replayKeeper, error) {
	k := &replayKeeper{target: t}
	var sinks []pretty.Sink
	if o.recording.file != "" {
		r, err := o.recording.open([]string{o.args[0]})
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, r)
	}
	if test != nil {
		sinks = append(sinks, test)
	}
	if len(sinks) > 0 {
		k.sink = pretty.Tee(sinks...)
	}
	return k, nil
}

// observe is replay.Player.Observe.
func (k *replayKeeper) observe(nc net.Conn) replay.Observer {
	if k.sink == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t := newTrace(k.target, nc, time.Now(), pretty.Format{}, keptConn{k})
	t.flow.Info.N = k.conns
	k.conns++
	return keptTrace{t}
}

func (k *replayKeeper) close() error {
	if k.sink != nil {
		k.keep(k.sink.Close())
	}
	return k.err
}

func (k *replayKeeper) keep(err error) {
	if k.err == nil {
		k.err = err
	}
}

// keptConn is the keeper as the sink of a connection.
type keptConn struct{ *replayKeeper }

// Event implements pretty.Sink.
func (k keptConn) Event(e *flow.Event) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep(k.sink.Event(e))
	return k.err
}

// Close implements pretty.Sink: the keeper closes the sink itself.
func (k keptConn) Close() error { return nil }

// A keptTrace is a trace as replay wants it.
type keptTrace struct{ t *trace }

// Bytes implements replay.Observer.
func (k keptTrace) Bytes(dir wire.Direction, at time.Time, p []byte) { k.t.bytes(dir, at, p) }

// Close implements replay.Observer.
func (k keptTrace) Close(at time.Time, err error) {
	how := flow.CloseByServer
	switch {
	case errors.Is(err, io.EOF):
		how = flow.CloseByApp
	case errors.Is(err, syscall.ECONNRESET):
		how = flow.ResetByApp
	}
	_ = k.t.close(at, how, nil)
}
