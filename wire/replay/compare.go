package replay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// A Comparison says what of two answers is compared. The zero value compares
// status, fields of the header, body, STDERR and END_REQUEST.
type Comparison struct {
	// Ignore names header fields that may differ, in lower case, and parts of an
	// answer: "status", "body", "stderr", "appstatus", "protocolstatus". What
	// begins with a dot is a place in a JSON body, such as ".items[].id".
	Ignore map[string]bool
	// JSON compares bodies that are JSON by what they say, up to MaxJSON bytes.
	JSON bool
	// Layout compares the records: types, lengths and padding.
	Layout bool
	// Paths are directories that have other names now. Their names in an answer
	// are no difference.
	Paths []Path
	// Slower reports an answer that took more than so many times as long as the
	// one that was observed; 0 does not.
	Slower float64
}

// The bounds of a comparison.
const (
	MaxJSON     = 16 << 20 // bytes of a body that is compared as JSON
	maxReported = 20       // differences of an answer
	excerpt     = 60       // bytes of a body that are shown from where it differs
	before      = 20       // bytes that are shown before that
)

// Varying are the header fields that differ between any two answers: dates,
// cookies, and the ids and times of requests.
func Varying() []string {
	return []string{
		"age", "date", "expires", "set-cookie", "last-modified", "etag",
		"x-request-id", "x-correlation-id", "x-amzn-trace-id", "x-trace-id", "traceparent", "tracestate", "request-id",
		"server-timing", "x-runtime", "x-response-time", "x-debug-token", "x-debug-token-link",
	}
}

// A Difference is something that differs between two answers. Want is what was
// observed and Got what came; they may hold bytes of a peer.
type Difference struct {
	// What is "status", "header", "body", "stderr", "appStatus", "protocolStatus",
	// "end", "layout", "time", or "answer" of a management record.
	What      string
	Name      string // of a header field; the place in a JSON body
	At        int64  // offset where a body or STDERR begins to differ; -1 where that means nothing
	Line      int    // likewise, from 1; 0 where that means nothing
	Want, Got string // "" and Absent: there is none
	Absent    Side   // that has none
	Cut       bool   // Want and Got go on
}

// A Side is one of two answers.
type Side uint8

// The sides.
const (
	Neither Side = iota
	InWant       // what was observed has none
	InGot        // what came has none
)

// A Result is what became of a request.
type Result struct {
	Request        *Request
	At             time.Time // the first byte was sent
	Took           time.Duration
	Status         int // HTTP status; 0 where there is none
	Stdout, Stderr int64
	Ending         Ending
	End            wire.EndRequest
	Err            error // why there is no END_REQUEST
	Differences    []Difference
	More           int // differences that are not told
}

// Same reports whether the answer is the one that was observed, or there is
// none to compare with and it is complete.
func (r *Result) Same() bool {
	return len(r.Differences) == 0 && (r.Err == nil || r.Ending == ClosedEarly)
}

func (r *Result) differ(d Difference) {
	if len(r.Differences) == maxReported {
		r.More++
		return
	}
	r.Differences = append(r.Differences, d)
}

// valued is a difference of two short values.
func valued(what string, want, got any) Difference {
	return Difference{What: what, At: -1, Want: fmt.Sprint(want), Got: fmt.Sprint(got)}
}

// A follower compares a stream with one that was kept, as it comes.
type follower struct {
	want    *reader
	from    spans
	pos     int64 // equal bytes
	line    int   // of them
	differs bool
	got     []byte // from there on, excerpt bytes
	ended   bool   // the one that was kept
	size    int64
}

func (f *follower) begin(s *store, want spans) {
	*f = follower{from: want, want: s.reader(want), got: f.got[:0]}
}

// feed takes the next bytes that came.
func (f *follower) feed(p []byte) error {
	f.size += int64(len(p))
	for len(p) > 0 && !f.differs {
		want, err := f.want.piece(int64(len(p)))
		if err != nil {
			return err
		}
		n := len(want)
		if n == 0 {
			f.differs, f.ended = true, true
			break
		}
		if !bytes.Equal(want, p[:n]) {
			n = 0
			for want[n] == p[n] {
				n++
			}
			f.differs = true
		}
		f.pos += int64(n)
		f.line += bytes.Count(p[:n], []byte{'\n'})
		p = p[n:]
	}
	if f.differs {
		f.got = append(f.got, p[:min(len(p), excerpt-len(f.got))]...)
	}
	return nil
}

// same reports whether what came is what was kept, all of it.
func (f *follower) same() bool { return !f.differs && f.pos == f.from.size() }

// report adds the difference to r, if there is one. The stream has ended.
func (f *follower) report(s *store, what string, r *Result) error {
	if f.same() {
		return nil
	}
	back := min(f.pos, before)
	want, err := s.bytes(f.from.from(f.pos-back), back+excerpt)
	if err != nil {
		return err
	}
	// What comes before is equal; only its last line helps.
	same := want[:back]
	if i := bytes.LastIndexByte(same, '\n'); i >= 0 {
		same = same[i+1:]
	}
	want = want[back-int64(len(same)):]
	d := Difference{What: what, At: f.pos, Line: f.line + 1, Want: string(want), Got: string(same) + string(f.got),
		Cut: f.from.size() > f.pos+excerpt || f.size > f.pos+int64(len(f.got))}
	switch {
	case f.from.size() == 0:
		d.Absent = InWant
	case f.size == 0:
		d.Absent = InGot
	}
	r.differ(d)
	return nil
}

// compareFields compares two headers by their fields.
func compareFields(want, got []byte, ignore map[string]bool, r *Result) {
	w, g := fieldsOf(want), fieldsOf(got)
	names := append(slices.Clone(w.names), g.names...)
	seen := map[string]bool{"status": true}
	for _, name := range names {
		if seen[name] || ignore[name] {
			continue
		}
		seen[name] = true
		a, b := w.values[name], g.values[name]
		if slices.Equal(a, b) {
			continue
		}
		d := Difference{What: "header", Name: cmpName(w.spelt[name], g.spelt[name]), At: -1, Want: strings.Join(a, ", "), Got: strings.Join(b, ", ")}
		switch {
		case len(a) == 0:
			d.Absent = InWant
		case len(b) == 0:
			d.Absent = InGot
		}
		r.differ(d)
	}
}

func cmpName(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// fields are those of a header, by their names in lower case.
type fields struct {
	names  []string
	values map[string][]string
	spelt  map[string]string
}

func fieldsOf(header []byte) fields {
	f := fields{values: map[string][]string{}, spelt: map[string]string{}}
	var h cgi.Header
	h.Feed(header)
	h.End()
	for name, value := range h.Fields() {
		key := strings.ToLower(string(name))
		if f.spelt[key] == "" {
			f.spelt[key] = string(name)
			f.names = append(f.names, key)
		}
		f.values[key] = append(f.values[key], string(value))
	}
	return f
}

// compareLayout compares records, up to the first that differs.
func compareLayout(want, got []Shape, r *Result) {
	for i := range max(len(want), len(got)) {
		if i < len(want) && i < len(got) && want[i] == got[i] {
			continue
		}
		d := Difference{What: "layout", Name: fmt.Sprintf("record %d", i+1), At: -1}
		if i < len(want) {
			d.Want = want[i].String()
		} else {
			d.Absent = InWant
		}
		if i < len(got) {
			d.Got = got[i].String()
		} else {
			d.Absent = InGot
		}
		d.Cut = len(want) > i+1 || len(got) > i+1
		r.differ(d)
		return
	}
}

// String returns such as "STDOUT of 80 bytes, padding 3".
func (s Shape) String() string {
	return fmt.Sprintf("%v of %d bytes, padding %d", s.Type, s.Content, s.Padding)
}
