package commands

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// TestMeterNarrow: what is shown, and what takes it away, stays on one line of a
// narrow terminal.
func TestMeterNarrow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		what  string
		total int64
		item  string
		want  string
	}{
		{"", 4, "request", "  50% |"},
		{"sent", 4, "", "sent  50%"},
		{"replaying", 0, "request", "replaying 2 requests"},
		{"received", -1, "", "received 2 bytes"},
	}
	for _, tt := range tests {
		for _, columns := range []int{1, 30} {
			synctest.Test(t, func(t *testing.T) {
				env, _, _ := testEnv("")
				var stderr bytes.Buffer
				env.Stderr, env.Now, env.Terminal.Width = &stderr, time.Now, func() int { return columns }
				m := newMeter(env)
				m.begin(tt.what, tt.total, tt.item)
				m.add(2)
				time.Sleep(3*progressTick + progressTick/2)
				m.end()
				said := stderr.String()
				if columns > len(tt.want) && !strings.Contains(said, tt.want) {
					t.Errorf("no %q in %q", tt.want, said)
				}
				for line := range strings.SplitSeq(said, "\r") {
					if n := utf8.RuneCountInString(line); n >= columns {
						t.Errorf("%d characters in %d columns: %q", n, columns, line)
					}
				}
			})
		}
	}
}

// TestMeterOfRepeat: requests are counted where nothing else is told of each.
func TestMeterOfRepeat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file          string
		writeOut, tty bool
		want          bool
	}{
		{"", false, true, false},
		{"-", false, true, false},
		{"body", true, true, false},
		{"body", false, true, true},
		{"", true, false, true},
	}
	for _, tt := range tests {
		env, _, _ := testEnv("")
		env.Terminal.Stdout, env.Terminal.Stderr = tt.tty, true
		var o requestOptions
		o.sending.repeat, o.answer.file, o.writeOut.given = 2, tt.file, tt.writeOut
		m := o.meter(env)
		m.end()
		if (m != nil) != tt.want {
			t.Errorf("%+v: shown: %v", tt, m != nil)
		}
	}
}

// TestMeterOfReplay: the end is known, but for a loop without one.
func TestMeterOfReplay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		loop  loops
		limit count
		want  int64
	}{
		{1, 0, 5}, {3, 0, 15}, {3, 7, 7}, {1, 7, 5}, {0, 0, 0}, {0, 7, 7},
	}
	for _, tt := range tests {
		o := replayOptions{loop: tt.loop, limit: tt.limit}
		if got := o.toSend(5); got != tt.want {
			t.Errorf("loop %d, limit %d: %d of 5 requests, want %d", tt.loop, tt.limit, got, tt.want)
		}
	}
}
