package commands

import (
	"slices"
	"strings"
	"testing"
)

// TestRequestConflicts: flags that cannot be meant together send nothing, and
// each row of the table has its turn.
func TestRequestConflicts(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, args := range []string{
		"--data-file params.go", "--role filter", "--role authorizer -d a", "-d a -F b=c", "-T params.go -d a", "-G -F a=b", "-G -T params.go",
		"--index a.php --script b.php",
	} {
		got := runMain(t, "", slices.Concat([]string{"request", "app:echo", "/"}, strings.Fields(args))...)
		if got.code != 2 || got.stdout != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, got.code, got.stdout, got.stderr)
		}
		for _, c := range conflicts {
			seen[c.what] = seen[c.what] || strings.Contains(got.stderr, c.what)
		}
	}
	for _, c := range conflicts {
		if !seen[c.what] {
			t.Errorf("not tested: %s", c.what)
		}
	}
}
