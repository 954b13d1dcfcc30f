package wiretest

import (
	"testing"
	"testing/synctest"
)

// TestBuffer: who waits for a text goes on when it is there as often as wanted,
// and not before.
func TestBuffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b Buffer
		once, twice := b.Has("line", 1), b.Has("line", 2)
		is := func(c <-chan struct{}) bool {
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
		b.Write([]byte("a li"))
		if is(once) {
			t.Error("half a text is there")
		}
		b.Write([]byte("ne\n"))
		if !is(once) || is(twice) {
			t.Errorf("one line: once %t, twice %t", is(once), is(twice))
		}
		for range 2 {
			go b.Write([]byte("another line\n"))
		}
		b.Wait(t, "line", 3)
		if !is(twice) || !is(b.Has("line", 3)) || is(b.Has("line", 4)) {
			t.Errorf("three lines: %q", b.String())
		}
		if got := b.String(); got != "a line\nanother line\nanother line\n" {
			t.Errorf("%q", got)
		}
	})
}
