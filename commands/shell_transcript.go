package commands

import (
	"bytes"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A transcript is a sink that keeps what was seen, in the text form and without
// what differs from run to run, up to maxSession bytes.
type transcript struct {
	pretty.Sink
	text bytes.Buffer
	lost bool // there was more
}

func newTranscript() *transcript {
	t := &transcript{}
	format, err := pretty.Lookup("text")
	if err != nil {
		panic(err) // it is in the table
	}
	t.Sink = format.New(&t.text, pretty.Options{Stable: true})
	return t
}

// Event implements pretty.Sink.
func (t *transcript) Event(e *flow.Event) error {
	if t.text.Len() > maxSession {
		t.lost = true
		return nil
	}
	return t.Sink.Event(e)
}

// Flush implements pretty.Flusher.
func (t *transcript) Flush() error { return pretty.Flush(t.Sink) }
