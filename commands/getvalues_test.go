package commands

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestMeaningOf(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{ // "-" is a missing value
		{wire.MaxConns, "-", "it does not say how many connections it takes"},
		{wire.MaxConns, "0", "it names no limit on connections"},
		{wire.MaxConns, "1", "takes one connection at a time"},
		{wire.MaxConns, "100", "takes 100 connections at once"},
		{wire.MaxReqs, "1", "takes one request at a time"},
		{wire.MaxReqs, "50", "takes 50 requests at once"},
		{wire.MpxsConns, "-", "it does not say whether"},
		{wire.MpxsConns, "0", "takes one request at a time on a connection"},
		{wire.MpxsConns, "1", "takes several requests at once on a connection"},
		{wire.MpxsConns, "2", "not a value of the specification"},
		{wire.MpxsConns, "", "not a value of the specification"},
		{wire.MaxReqs, "-1", "not a value of the specification"},
		{wire.MaxReqs, "99999999999", "not a value of the specification"},
		{"X", "-", "it does not know the name"},
		{"X", "1", "not a name of the specification"},
	}
	for _, tt := range tests {
		value := &tt.value
		if tt.value == "-" {
			value = nil
		}
		if got := meaningOf(tt.name, value); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s=%s means %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
	for _, name := range wire.ValueNames() {
		if _, ok := meanings[name]; !ok {
			t.Errorf("%s has no meaning", name)
		}
	}
}

// TestValueRows: answers stand beside what was asked for, and what nobody asked
// for or what comes twice is not lost.
func TestValueRows(t *testing.T) {
	t.Parallel()
	pairs := []wire.Pair{wire.NewPair("B", "1"), wire.NewPair("X", "2"), wire.NewPair("B", "3")}
	var got []string
	for _, row := range valueRows([]string{"A", "B", "A"}, pairs) {
		value := "-"
		if row.Value != nil {
			value = *row.Value
		}
		got = append(got, row.Name+"="+value)
	}
	if diff := cmp.Diff([]string{"A=-", "B=1", "X=2", "B=3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
