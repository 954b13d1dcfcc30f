package flow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestJudge: what is taken for a header where the place in the stream was lost.
func TestJudge(t *testing.T) {
	t.Parallel()
	const garbage = "no record"
	stdout := rec(wire.TypeStdout, 1, "hi", 0)
	tests := []struct {
		name  string
		bytes string
		final bool
		first bool
		want  verdict
	}{
		{"a body with known values", string(end) + garbage, false, false, header},
		{"a body about an unknown type", string(wire.UnknownTypeRecord(42).Append(nil)) + garbage, false, false, header},
		{"a body with an unknown value", string(wire.EndRecord(1, 0, 9).Append(nil)) + garbage, false, false, no},
		{"a record, and no other behind it", string(stdout) + garbage, false, false, no},
		{"a record, and another behind it", string(stdout) + string(stdout), false, false, header},
		{"a record, and a part of another", string(stdout) + string(stdout[:3]), false, false, unsure},
		{"a record, and no more comes", string(stdout), true, false, header},
		{"the other direction", string(begin) + string(begin), false, false, no},
		{"half a header", string(stdout[:4]), false, false, unsure},
		{"half a header, and no more comes", string(stdout[:4]), true, true, no},
		{"half a record", string(stdout[:9]), false, false, unsure},
		{"half a record, and no more comes", string(stdout[:9]), true, false, no},
		{"half a record where the bytes begin, and no more comes", string(stdout[:9]), true, true, header},
	}
	for _, tt := range tests {
		if got := judge([]byte(tt.bytes), wire.ToServer, tt.final, tt.first); got != tt.want {
			t.Errorf("%s: verdict %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestDesyncPassedOn: what is certainly no record is told of as soon as there is
// a block of it.
func TestDesyncPassedOn(t *testing.T) {
	t.Parallel()
	c := &Conn{}
	told := 0
	emit := func(e *Event) {
		if e.Kind == KindDesync {
			told += len(e.Data)
		}
	}
	c.Lost(wire.ToServer, 1, time.Time{}, emit)
	c.Feed(wire.ToServer, time.Time{}, make([]byte, maxDesync), emit)
	if told != maxDesync {
		t.Errorf("told of %d bytes, and %d are no record", told, maxDesync)
	}
}

// TestGapWithinRecord: where a gap ends with the record that it is in, what
// follows needs no search, whatever it looks like.
func TestGapWithinRecord(t *testing.T) {
	t.Parallel()
	odd := rec(42, 1, "odd", 0)
	for lost, want := range map[int64]bool{5: false, 6: true, 7: false} {
		stdout := rec(wire.TypeStdout, 1, "0123456789", 0)
		lines := run(t, false, []step{toServer(stdout[:len(stdout)-6]), {dir: wire.ToServer, lost: lost}, toServer(odd)}, all)
		found := slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, fmt.Sprintf("record %v off=%d ", wire.ToServer, int64(len(stdout))-6+lost))
		})
		if found != want {
			t.Errorf("%d bytes are lost of the 6 that are missing: a record behind them %t, want %t\n%s", lost, found, want, strings.Join(lines, "\n"))
		}
	}
}

// TestPartialEnd: of a request whose beginning was not seen, nobody knows what
// is missing at its end.
func TestPartialEnd(t *testing.T) {
	t.Parallel()
	steps := []step{{dir: wire.ToServer, lost: -1}, toServer(rec(wire.TypeStdout, 1, "the rest", 0), rec(wire.TypeStderr, 1, "oops", 0), end)}
	lines := run(t, true, steps, all)
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "request ") }) {
		t.Errorf("no request has ended\n%s", strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "finding ") {
			t.Error(line)
		}
	}
}

// TestAskedBound: the names of GET_VALUES that are remembered are so many.
func TestAskedBound(t *testing.T) {
	t.Parallel()
	c := &Conn{}
	for i := range 2 * MaxAsked {
		c.Feed(wire.ToApp, time.Time{}, rec(wire.TypeGetValues, 0, pairs(fmt.Sprint("NAME", i), ""), 0), func(*Event) {})
	}
	if len(c.asked) != MaxAsked {
		t.Errorf("%d names are remembered", len(c.asked))
	}
}
