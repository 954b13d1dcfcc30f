//go:build linux

package commands

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFloodgate: the first messages of a second are told, the others are counted
// by kind, and nothing is remembered of kinds that do not come any more.
func TestFloodgate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said []string
		g := newFloodgate(func(s string) { said = append(said, s) })
		flood := func(kind string, n int) {
			for i := range n {
				g.tell(kind, fmt.Sprint(kind, " ", i))
			}
		}
		want := func(what string, lines ...string) {
			t.Helper()
			synctest.Wait()
			g.mu.Lock() // under which it says things
			defer g.mu.Unlock()
			if !slices.Equal(said, lines) {
				t.Errorf("%s: %q, want %q", what, said, lines)
			}
			said = nil
		}
		first := func(kind string) (lines []string) {
			for i := range floodLines {
				lines = append(lines, fmt.Sprint(kind, " ", i))
			}
			return lines
		}
		flood("404", 1000)
		want("at once", first("404")...)
		g.tell("502", "another kind")
		want("another kind", "another kind")
		time.Sleep(floodPeriod)
		want("after a second", "404: 990 more like this")
		flood("404", 12)
		want("the next second", first("404")...)
		time.Sleep(floodPeriod)
		want("after that", "404: 2 more like this")
		time.Sleep(2 * floodPeriod)
		want("nothing to tell")
		g.mu.Lock()
		if len(g.kinds) > 0 {
			t.Errorf("%d kinds are remembered", len(g.kinds))
		}
		g.mu.Unlock()
		flood("404", 11)
		g.close()
		g.tell("404", "late")
		want("closed", append(first("404"), "404: 1 more like this", "late")...)
	})
}

// TestGatewayFlood: whoever asks for what is refused does not fill the log.
func TestGatewayFlood(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "app:echo", "--root", t.TempDir())
	began := time.Now()
	for i := range 5 * floodLines {
		if status, _ := fetch(t, "GET", fmt.Sprint(g.url, "/.secret", i), nil); status != 404 {
			t.Errorf("status %d", status)
		}
	}
	took := time.Since(began)
	g.stop()
	said := g.stderr.String()
	told, rest := strings.Count(said, "has a part that begins with a dot"), 0
	for line := range strings.Lines(said) {
		n := 0
		if _, err := fmt.Sscanf(line, "fcgiscope: refused: 404: %d more like this", &n); err == nil {
			rest += n
		}
	}
	if told < floodLines || told+rest != 5*floodLines || told > floodLines*int(1+(took+floodPeriod-1)/floodPeriod) {
		t.Errorf("%d lines told in %v, %d counted:\n%s", told, took, rest, said)
	}
}
