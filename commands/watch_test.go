package commands

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/tap"
)

// A gatedSink lets events pass when its gate is open, and keeps them.
type gatedSink struct {
	gate   chan struct{}
	events []flow.Event
	err    error // what Event returns
	closed bool
}

func (s *gatedSink) Event(e *flow.Event) error {
	<-s.gate
	s.events = append(s.events, e.Clone())
	return s.err
}

func (s *gatedSink) Close() error {
	s.closed = true
	return nil
}

func viewOf(sinks ...pretty.Sink) (*view, *[]string) {
	v, told := &view{whole: true}, &[]string{}
	for _, s := range sinks {
		v.all = append(v.all, &outlet{sink: s, failed: func(err error) { *told = append(*told, err.Error()) }})
	}
	v.sink = v.all
	return v, told
}

func open() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestWatcher: everything is shown, in order, with the addresses.
func TestWatcher(t *testing.T) {
	t.Parallel()
	sink := &gatedSink{gate: open()}
	v, _ := viewOf(sink)
	w := watch(v)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := w.observe(near)
	at := time.Unix(1e9, 0)
	rec := wire.NewRecord(wire.TypeGetValues, 0, nil).Append(nil)
	c.Bytes(wire.ToApp, at, rec[:3])
	c.Bytes(wire.ToApp, at, rec[3:])
	c.Closed(at, flow.CloseByServer, nil)
	if err := w.close(); err != nil {
		t.Error(err)
	}
	var kinds []string
	for _, e := range sink.events {
		kinds = append(kinds, e.Kind.String())
	}
	if got := strings.Join(kinds, " "); got != "connection record closed" || !sink.closed || sink.events[0].Conn.Server != "pipe" {
		t.Errorf("%s, closed %t, %+v", got, sink.closed, sink.events[0].Conn)
	}
}

// TestWatcherOverflow: who shows nothing does not keep the traffic waiting,
// little is held meanwhile, and what was left out is shown as such.
func TestWatcherOverflow(t *testing.T) {
	t.Parallel()
	sink := &gatedSink{gate: make(chan struct{})}
	v, _ := viewOf(sink)
	w := watch(v)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	content := make([]byte, 32<<10)
	c, late := w.observe(near), w.observe(near)
	sent := 0
	c.Bytes(wire.ToApp, time.Time{}, wire.BeginRecord(1, wire.Responder, 0).Append(nil))
	for range 2 * tap.DefaultBuffer / len(content) {
		b := wire.NewRecord(wire.TypeStdin, 1, content).Append(nil)
		c.Bytes(wire.ToApp, time.Time{}, b)
		sent += len(b)
	}
	late.Bytes(wire.ToApp, time.Time{}, content) // all of it is left out
	late.Closed(time.Time{}, flow.CloseByServer, nil)
	close(sink.gate)
	c.Closed(time.Time{}, flow.CloseByServer, nil)
	if err := w.close(); err != nil {
		t.Error(err)
	}
	seen, gaps, lost := 0, 0, 0
	missed := w.Missed()
	for _, e := range sink.events {
		switch e.Kind {
		case flow.KindRecord, flow.KindTruncated:
			seen += len(e.Data)
		case flow.KindGap:
			if e.Conn.N == 1 {
				lost += int(e.Length)
			} else {
				gaps += int(e.Length)
			}
		}
	}
	if gaps == 0 || gaps >= sent || seen == 0 || lost != len(content) || missed.Bytes != int64(gaps+lost) {
		t.Errorf("of %d bytes %d were seen and %d are a gap; of the other connection %d are: told %+v", sent, seen, gaps, lost, missed)
	}
}

// TestWatcherBrokenOutlet: one that fails is told of once and left alone, the
// others go on; a reader that has gone is no failure.
func TestWatcherBrokenOutlet(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{errors.New("disk full"), syscall.EPIPE} {
		broken, whole := &gatedSink{gate: open(), err: cause}, &gatedSink{gate: open()}
		v, told := viewOf(broken, whole)
		w := watch(v)
		near, far := net.Pipe()
		c := w.observe(near)
		c.Bytes(wire.ToApp, time.Time{}, wire.NewRecord(wire.TypeGetValues, 0, nil).Append(nil))
		c.Closed(time.Time{}, flow.CloseByServer, nil)
		err := w.close()
		if is[silenced](err) != (cause != syscall.EPIPE) || len(*told) != 1 || len(broken.events) != 1 || len(whole.events) != 3 {
			t.Errorf("%v: error %v, told %q, %d and %d events", cause, err, *told, len(broken.events), len(whole.events))
		}
		if !broken.closed || !whole.closed {
			t.Errorf("%v: not all are closed", cause)
		}
		near.Close()
		far.Close()
	}
}

// TestWatchingChosen: what is shown is chosen and masked as dump does.
func TestWatchingChosen(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	env, _, stderr := testEnv("")
	env.Stdout = &got
	var o watching
	o.flags()
	if err := o.where.Set(`uri contains "wanted"`); err != nil {
		t.Fatal(err)
	}
	o.redaction.on = true
	w, err := o.watcher(env, "serve", nil)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := w.observe(near)
	for _, uri := range []string{"/wanted?password=abc", "/other"} {
		var params []byte
		params = wire.NewPair("REQUEST_URI", uri).Append(params)
		for _, r := range []wire.Record{wire.BeginRecord(1, wire.Responder, 1), wire.NewRecord(wire.TypeParams, 1, params), wire.NewRecord(wire.TypeParams, 1, nil), wire.NewRecord(wire.TypeStdin, 1, nil)} {
			c.Bytes(wire.ToApp, time.Time{}, r.Append(nil))
		}
		c.Bytes(wire.ToServer, time.Time{}, wire.EndRecord(1, 0, 0).Append(nil))
	}
	c.Closed(time.Time{}, flow.CloseByServer, nil)
	if err := o.finish(env, w); err != nil {
		t.Error(err)
	}
	if text := got.String(); !strings.Contains(text, "/wanted?password=***") || strings.Count(text, "\n") != 1 {
		t.Errorf("%s\n%s", text, stderr)
	}
}
