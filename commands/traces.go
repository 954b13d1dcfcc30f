package commands

import (
	"net"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/redact"
)

// Traces show and keep the conversations of a command, which may be several, one
// after the other. A nil *traces is nobody.
type traces struct {
	sinks []pretty.Sink
	whole pretty.Format    // what the sinks need
	mask  *redact.Redactor // nil if nothing is to be masked
	conns int
	err   error // the sinks' first
}

// add lets a format show what travels.
func (w *traces) add(format pretty.Format, sink pretty.Sink, err error) error {
	w.whole.NeedsWhole = w.whole.NeedsWhole || format.NeedsWhole
	if sink != nil {
		w.sinks = append(w.sinks, sink)
	}
	return err
}

// connection traces one connection; its trace has to be closed before the
// traces, and before the next one begins unless a lock of the caller's makes all
// of them take turns. nc may be nil.
func (w *traces) connection(t target, nc net.Conn, now time.Time) *trace {
	if w == nil {
		return nil
	}
	tr := newTrace(t, nc, now, w.whole, tracesSink{w})
	tr.masked = w.mask != nil
	tr.flow.Info.N = w.conns
	w.conns++
	return tr
}

// close ends the traces and returns the first error of its sinks.
func (w *traces) close() error {
	if w == nil {
		return nil
	}
	w.keep(pretty.Tee(w.sinks...).Close())
	return w.err
}

func (w *traces) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

// A tracesSink is the traces as the sink of a connection.
type tracesSink struct{ w *traces }

func (s tracesSink) Event(e *flow.Event) error {
	if s.w.mask != nil {
		s.w.mask.Event(e)
	}
	s.w.keep(pretty.Tee(s.w.sinks...).Event(e))
	return s.w.err
}

func (s tracesSink) Flush() error {
	s.w.keep(pretty.Flush(pretty.Tee(s.w.sinks...)))
	return s.w.err
}

// Close implements pretty.Sink; the traces close the sinks.
func (s tracesSink) Close() error { return s.Flush() }

// maskable returns bytes that may be written into in place of p, which are
// about to be sent.
func (t *trace) maskable(p []byte) []byte {
	if !t.masked {
		return p
	}
	t.copy = append(t.copy[:0], p...)
	return t.copy
}
