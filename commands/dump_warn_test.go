package commands

import (
	"strings"
	"testing"
)

// TestManyWarnings: an input that is damaged everywhere does not flood the terminal.
func TestManyWarnings(t *testing.T) {
	t.Parallel()
	got := runMain(t, "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n"+strings.Repeat("nothing\n", 1000), "dump", "-", "--strict")
	if n := strings.Count(got.stderr, `"nothing" begins no line`); n != maxWarnings || strings.Count(got.stderr, "there is more damage") != 1 || got.code != 3 {
		t.Errorf("exit code %d, %d warnings: %.500s", got.code, n, got.stderr)
	}
}
