package pretty

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// add gives events of a connection to totals.
func add(t *Totals, events ...flow.Event) {
	for _, e := range events {
		e.Conn = &flow.ConnInfo{N: 1}
		_ = t.Event(&e)
	}
}

// ending is the end of a request that took so long.
func ending(r flow.Request, took time.Duration) flow.Event {
	r.BeganAt = time.Unix(1, 0)
	r.EndedAt = r.BeganAt.Add(took)
	return flow.Event{Kind: flow.KindRequestEnded, Request: &r}
}

// TestTotalsCounts: each number has its kind of event, and what of it means that
// something is wrong.
func TestTotalsCounts(t *testing.T) {
	t.Parallel()
	finding := func(rule wire.RuleID) flow.Event {
		return flow.Event{Kind: flow.KindFinding, Finding: &flow.Finding{Rule: rule}}
	}
	tests := []struct {
		name   string
		event  flow.Event
		want   Totals
		failed bool
	}{
		{"connection", flow.Event{Kind: flow.KindConnection}, Totals{Connections: 1}, false},
		{"record", flow.Event{Kind: flow.KindRecord}, Totals{Records: 1}, false},
		{"request", flow.Event{Kind: flow.KindRequestEnded, Request: &flow.Request{Complete: true}}, Totals{Requests: 1}, false},
		{"request without its end", flow.Event{Kind: flow.KindRequestEnded, Request: &flow.Request{}}, Totals{Requests: 1, NotEnded: 1}, true},
		{"status", flow.Event{Kind: flow.KindRequestEnded, Request: &flow.Request{Complete: true, Status: 404}},
			Totals{Requests: 1, Statuses: map[int]int64{404: 1}}, false},
		{"rule", finding(wire.RuleVersion), Totals{Findings: map[wire.RuleID]int64{wire.RuleVersion: 1}}, true},
		{"note", finding(wire.RuleBodyReserved), Totals{Findings: map[wire.RuleID]int64{wire.RuleBodyReserved: 1}}, false},
		{"gap", flow.Event{Kind: flow.KindGap, Length: 7}, Totals{Gaps: 1, Missing: 7}, true},
		{"gap of nobody knows how many bytes", flow.Event{Kind: flow.KindGap, Length: -1}, Totals{Gaps: 1}, true},
		{"no record", flow.Event{Kind: flow.KindDesync, Data: []byte("abc")}, Totals{Desync: 3}, true},
		{"half a record", flow.Event{Kind: flow.KindTruncated, Length: 9}, Totals{Truncated: 1}, true},
		{"lost", flow.Event{Kind: flow.KindLost, Length: 5}, Totals{Lost: 5}, false},
	}
	for _, tt := range tests {
		var got Totals
		add(&got, tt.event)
		if diff := cmp.Diff(tt.want, got); diff != "" || got.Failed() != tt.failed {
			t.Errorf("%s: failed %t, want %t, (-want +got):\n%s", tt.name, got.Failed(), tt.failed, diff)
		}
	}
}

// TestTotalsSlowest: the slowest first, of those that take equally long the
// first, and no more than there is room for.
func TestTotalsSlowest(t *testing.T) {
	t.Parallel()
	var got Totals
	for i, took := range []time.Duration{3, 1, 5, 1, 4, 1, 5, 2} {
		add(&got, ending(flow.Request{ID: uint16(i), URI: []byte(strings.Repeat("x", totalsURI+1))}, took))
	}
	var ids []uint16
	for _, s := range got.Slowest {
		ids = append(ids, s.ID)
		if len(s.URI) != totalsURI {
			t.Errorf("%d bytes of a URI", len(s.URI))
		}
	}
	if diff := cmp.Diff([]uint16{2, 6, 4, 0, 7}, ids); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var equal Totals
	for i := range uint16(totalsSlowest + 1) {
		add(&equal, ending(flow.Request{ID: i}, time.Second))
	}
	if last := equal.Slowest[totalsSlowest-1].ID; last != totalsSlowest-1 {
		t.Errorf("request %d is among the slowest, which is no slower than those before", last)
	}
	var untimed Totals
	add(&untimed, flow.Event{Kind: flow.KindRequestEnded, Request: &flow.Request{EndedAt: time.Unix(1, 0)}})
	if len(untimed.Slowest) > 0 {
		t.Errorf("a request whose beginning was not seen took %v", untimed.Slowest[0].Took)
	}
}

// TestTotalsStatuses: there is an end to the statuses that are counted, not to
// how often.
func TestTotalsStatuses(t *testing.T) {
	t.Parallel()
	var got Totals
	for range 2 {
		for status := range totalsStatuses + 1 {
			add(&got, flow.Event{Kind: flow.KindRequestEnded, Request: &flow.Request{Status: status + 1}})
		}
	}
	if n := len(got.Statuses); n != totalsStatuses || got.Statuses[totalsStatuses] != 2 {
		t.Errorf("%d statuses, the last %d times", n, got.Statuses[totalsStatuses])
	}
}
