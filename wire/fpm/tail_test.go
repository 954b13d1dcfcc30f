package fpm

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTail: of a log, what is about the end.
func TestTail(t *testing.T) {
	t.Parallel()
	const script = "PHP Warning:  ERROR: of a script\n"
	for _, tt := range []struct {
		name     string
		log      string
		byItself bool
		want     string
	}{
		{"nothing", "", true, ""},
		{"errors", "[x] NOTICE: a\n[x] ERROR: cannot do it\n[x] ALERT: at all\n" + script, true, "cannot do it; at all"},
		{"error and signal", "[x] ERROR: cannot do it\n", false, "cannot do it"},
		{"no error and signal", "[x] NOTICE: ready\n" + script, false, ""},
		{"only notices", "[x] WARNING: child 7 exited\n[x] NOTICE: bye\n", true, ""},
		{"of the loader", "php-fpm: error while loading shared libraries: libx.so", true, "php-fpm: error while loading shared libraries: libx.so"},
		{"long ago", "[x] ERROR: long ago\nlast words long ago\n" + strings.Repeat("\n", 10) + "LATER", true, ""},
		{"many", strings.Repeat("[x] NOTICE: n\n", 10_000) + "[x] ERROR: " + strings.Repeat("e", 1<<20) + "\n", true, strings.Repeat("e", tailBytes-len("[x] ERROR: "))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var next strings.Builder
				l := &tail{next: &next}
				before, _, later := strings.Cut(tt.log, "LATER")
				for i := range len(before) / 7 { // lines come in pieces
					fmt.Fprint(l, before[i*7:i*7+7])
				}
				fmt.Fprint(l, before[len(before)/7*7:])
				if later {
					time.Sleep(2 * endWords)
				}
				if got := l.end(time.Now().Add(-endWords), tt.byItself); got != tt.want {
					t.Errorf("%.200q, want %.200q", got, tt.want)
				}
				if next.String() != before || len(l.lines) > tailLines {
					t.Errorf("%d bytes are passed on, want %d; %d lines are kept", next.Len(), len(before), len(l.lines))
				}
			})
		})
	}
}
