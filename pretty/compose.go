package pretty

import (
	"errors"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// Tee returns a sink that passes each event on to all sinks, in order, even if
// one of them fails.
func Tee(sinks ...Sink) Sink { return tee(sinks) }

type tee []Sink

func (t tee) each(f func(Sink) error) error {
	var err error
	for _, s := range t {
		err = errors.Join(err, f(s))
	}
	return err
}

func (t tee) Event(e *flow.Event) error {
	return t.each(func(s Sink) error { return s.Event(e) })
}
func (t tee) Flush() error { return t.each(Flush) }
func (t tee) Close() error { return t.each(Sink.Close) }

// Where returns a sink that passes on to s the events that keep says yes to.
func Where(keep func(*flow.Event) bool, s Sink) Sink { return &where{keep, s} }

type where struct {
	keep func(*flow.Event) bool
	sink Sink
}

func (w *where) Event(e *flow.Event) error {
	if !w.keep(e) {
		return nil
	}
	return w.sink.Event(e)
}
func (w *where) Flush() error { return Flush(w.sink) }
func (w *where) Close() error { return w.sink.Close() }

// A Count is a sink that counts events by kind.
type Count [flow.KindLost + 1]int64

// Event counts e.
func (c *Count) Event(e *flow.Event) error {
	c[e.Kind]++
	return nil
}

// Close does nothing.
func (c *Count) Close() error { return nil }
