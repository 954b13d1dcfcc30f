package pretty

import (
	"fmt"
	"io"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A Sink takes events, in order. The event and its slices are valid during the
// call. Close writes what is left and does not close the writer beneath. An
// error is one of that writer; it is returned again by every later call.
//
// A Sink is not safe for concurrent use.
type Sink interface {
	Event(*flow.Event) error
	Close() error
}

// A Flusher is a Sink that holds output back; see Flush.
type Flusher interface {
	Flush() error
}

// Flush makes s write what it holds back. It is to be called when the input
// pauses, so that what comes through a pipe is seen when it comes.
func Flush(s Sink) error {
	if f, ok := s.(Flusher); ok {
		return f.Flush()
	}
	return nil
}

// Options say how a format shows events. The zero value is right for a file.
type Options struct {
	Color   bool   // escape sequences for colours
	Stable  bool   // leave out what differs from run to run: times, durations, addresses, process ids
	Width   int    // columns of the terminal; 0 where it is none
	MaxBody int    // bytes of a body or value that are shown; 0: the format's own limit, if it has one
	Inflate bool   // requests: show what bodies in gzip hold
	Events  Events // kinds that jsonl writes; 0: all
	Part    Part   // what raw writes; "": the body of responses
}

// A Format is a way to show events.
type Format struct {
	Name string // as given to --format
	Help string // one line, lower case
	// NeedsWhole: the records have to be passed on whole (flow.Conn.Whole).
	// The other formats take them either way.
	NeedsWhole bool
	New        func(io.Writer, Options) Sink
}

// Formats returns all formats, the usual ones first.
func Formats() []Format {
	return []Format{
		{"text", "one line a record, then its pairs and findings; can be read back", true, newText},
		{"table", "one row a record", true, newTable},
		{"jsonl", "JSON Lines: one object an event, for other programs", true, newJSONL},
		{"summary", "one line a request, like an access log", false, newSummary},
		{"hex", "every byte with what it means", true, newHex},
		{"requests", "one block a request: parameters, bodies, response header, end, findings", false, newRequests},
		{"diagram", "a sequence diagram of each connection", true, newDiagram},
		{"perl", "as dump_record of Perl's Net::FastCGI prints records", true, newPerl},
		{"raw", "the bytes of one part of the conversation, such as the body of responses", false, newRaw},
	}
}

// Lookup returns the format called name. The error names the nearest one.
func Lookup(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, unknown("format", name, names)
}

// unknown is the error for a name that is not in a list.
func unknown(what, name string, names []string) error {
	if near := wire.Nearest(name, names); near != "" {
		return fmt.Errorf("pretty: unknown %s %q: did you mean %q?", what, name, near)
	}
	return fmt.Errorf("pretty: unknown %s %q: it is one of %s", what, name, strings.Join(names, ", "))
}
