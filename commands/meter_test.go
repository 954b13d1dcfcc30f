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
		items string
		want  string
	}{
		{"", 4, "requests", "  50% |"},
		{"sent", 4, "", "sent  50%"},
		{"received", -1, "", "received 2 bytes"},
	}
	for _, tt := range tests {
		for _, columns := range []int{1, 20} {
			synctest.Test(t, func(t *testing.T) {
				env, _, _ := testEnv("")
				var stderr bytes.Buffer
				env.Stderr, env.Now, env.Terminal.Width = &stderr, time.Now, func() int { return columns }
				m := newMeter(env)
				m.begin(tt.what, tt.total, tt.items)
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
