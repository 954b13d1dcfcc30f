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

// TestValueRowJSON: no character that would steer a terminal, and none lost.
func TestValueRowJSON(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{
		{"A", "-", `{"name":"A","asked":true,"answered":false,"meaning":"<m>"}`},
		{"A", "", `{"name":"A","value":"","asked":true,"answered":false,"meaning":"<m>"}`},
		{"A\u202e", "\"1\"", `{"name":"A\u202e","value":"\"1\"","asked":true,"answered":false,"meaning":"<m>"}`},
		{"\x1b", "\u009b31m", `{"name_base64":"Gw==","value_base64":"wpszMW0=","asked":true,"answered":false,"meaning":"<m>"}`},
		{"\xff", "\x7f", `{"name_base64":"/w==","value_base64":"fw==","asked":true,"answered":false,"meaning":"<m>"}`},
	}
	for _, tt := range tests {
		row := valueRow{Name: tt.name, Asked: true, Meaning: "<m>"}
		if tt.value != "-" {
			row.Value = &tt.value
		}
		if got := string(row.append(nil)); got != tt.want+"\n" {
			t.Errorf("%q=%q:\n got %s want %s", tt.name, tt.value, got, tt.want)
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
