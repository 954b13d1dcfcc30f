package pretty

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

const (
	totalsSlowest  = 5    // slowest requests that are kept
	totalsStatuses = 1000 // different statuses that are counted
	totalsURI      = 200  // bytes of a URI that are kept
)

// Totals is a sink that adds up what a capture holds, for a summary at its
// end. The zero value is ready.
type Totals struct {
	Connections int64
	Records     int64
	Requests    int64                 // that ended, or were cut off
	NotEnded    int64                 // of these without END_REQUEST
	Statuses    map[int]int64         // CGI status → requests; those without one are not in it
	Findings    map[wire.RuleID]int64 // rule → how often it was broken
	Gaps        int64                 // places where bytes are missing
	Missing     int64                 // bytes, as far as it is known how many
	Desync      int64                 // bytes that are no record
	Truncated   int64                 // records of which the end is missing
	Lost        int64                 // events of live traffic that were not seen
	Slowest     []SlowRequest         // the slowest first
}

// A SlowRequest is a request as Totals remembers it.
type SlowRequest struct {
	Conn   int
	ID     uint16
	Took   time.Duration
	Status int // 0 where it is not known
	Method []byte
	URI    []byte // its first 200 bytes
}

// Event adds e.
func (t *Totals) Event(e *flow.Event) error {
	switch e.Kind {
	case flow.KindConnection:
		t.Connections++
	case flow.KindRecord:
		t.Records++
	case flow.KindRequestEnded:
		t.request(e)
	case flow.KindFinding:
		if t.Findings == nil {
			t.Findings = map[wire.RuleID]int64{}
		}
		t.Findings[e.Finding.Rule]++
	case flow.KindGap:
		t.Gaps++
		t.Missing += max(0, e.Length)
	case flow.KindDesync:
		t.Desync += int64(len(e.Data))
	case flow.KindTruncated:
		t.Truncated++
	case flow.KindLost:
		t.Lost += e.Length
	}
	return nil
}

// Close does nothing.
func (t *Totals) Close() error { return nil }

func (t *Totals) request(e *flow.Event) {
	r := e.Request
	t.Requests++
	if !r.Complete {
		t.NotEnded++
	}
	if r.Status != 0 {
		if t.Statuses == nil {
			t.Statuses = map[int]int64{}
		}
		if _, ok := t.Statuses[r.Status]; ok || len(t.Statuses) < totalsStatuses {
			t.Statuses[r.Status]++
		}
	}
	if !r.BeganAt.IsZero() && !r.EndedAt.IsZero() {
		t.slow(e.Conn.N, r)
	}
}

// slow keeps a request if it is one of the slowest. The memory of the one that
// it replaces is used again.
func (t *Totals) slow(conn int, r *flow.Request) {
	took := r.EndedAt.Sub(r.BeganAt)
	n := len(t.Slowest)
	if n == totalsSlowest && took <= t.Slowest[n-1].Took {
		return
	}
	if n < totalsSlowest {
		t.Slowest = append(t.Slowest, SlowRequest{})
		n++
	}
	s := t.Slowest[n-1]
	s.Conn, s.ID, s.Took, s.Status = conn, r.ID, took, r.Status
	s.Method = append(s.Method[:0], clip(r.Method, totalsURI)...)
	s.URI = append(s.URI[:0], clip(r.URI, totalsURI)...)
	at := n - 1
	for ; at > 0 && t.Slowest[at-1].Took < took; at-- {
		t.Slowest[at] = t.Slowest[at-1]
	}
	t.Slowest[at] = s
}

// Failed reports whether there is something that the peers got wrong, or that
// is missing: a finding that is no note, a request without its end, bytes that
// are no record or are not there.
func (t *Totals) Failed() bool {
	for id := range t.Findings {
		if r := id.Rule(); r != nil && r.Level != wire.Note {
			return true
		}
	}
	return t.NotEnded+t.Gaps+t.Desync+t.Truncated > 0
}

// Report writes the totals for a reader.
func (t *Totals) Report(w io.Writer, o Options) error {
	var b bytes.Buffer
	counts := [][]string{
		{"connections", strconv.FormatInt(t.Connections, 10)},
		{"requests", strconv.FormatInt(t.Requests, 10)},
		{"records", strconv.FormatInt(t.Records, 10)},
	}
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"requests not ended", t.NotEnded}, {"gaps", t.Gaps}, {"bytes missing", t.Missing}, {"bytes that are no record", t.Desync},
		{"records truncated", t.Truncated}, {"events lost", t.Lost},
	} {
		if c.n > 0 {
			counts = append(counts, []string{c.name, strconv.FormatInt(c.n, 10)})
		}
	}
	for _, status := range slices.Sorted(maps.Keys(t.Statuses)) {
		counts = append(counts, []string{"status " + strconv.Itoa(status), strconv.FormatInt(t.Statuses[status], 10)})
	}
	if err := TableIn(&b, o.Width, nil, counts); err != nil {
		return err
	}
	if err := t.reportFindings(&b, o.Width); err != nil {
		return err
	}
	if !o.Stable {
		if err := t.reportSlowest(&b, o.Width); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (t *Totals) reportFindings(b *bytes.Buffer, columns int) error {
	var rows [][]string
	for _, r := range wire.Rules() {
		if n := t.Findings[r.ID]; n > 0 {
			rows = append(rows, []string{strconv.FormatInt(n, 10), r.Level.String(), string(r.ID), r.Section})
		}
	}
	if rows == nil {
		return nil
	}
	b.WriteByte('\n')
	return TableIn(b, columns, []string{"findings", "level", "rule", "section"}, rows)
}

func (t *Totals) reportSlowest(b *bytes.Buffer, columns int) error {
	var rows [][]string
	for _, s := range t.Slowest {
		status := "-"
		if s.Status != 0 {
			status = strconv.Itoa(s.Status)
		}
		rows = append(rows, []string{
			string(appendMillis(nil, s.Took)), string(appendRequestName(nil, s.Conn, s.ID)), status,
			string(appendKnown(nil, s.Method, 0)), string(appendKnown(nil, s.URI, 0)),
		})
	}
	if rows == nil {
		return nil
	}
	b.WriteByte('\n')
	return TableIn(b, columns, []string{"slowest", "request", "status", "method", "uri"}, rows)
}
