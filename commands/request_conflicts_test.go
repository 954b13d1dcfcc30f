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

// TestRequestLines: what no HTTP request can hold is refused wherever it stands,
// and sent if asked for.
func TestRequestLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		name string // in the message
		sent string // in stdout, with --raw-params
	}{
		{[]string{"/a\nb"}, "the URL", `REQUEST_URI="/a\nb"`},
		{[]string{"/", "-G", "-d", "a=b\nc"}, "the URL", `QUERY_STRING="a=b\nc"`},
		{[]string{"/", "-X", "GET\n"}, "-X", `REQUEST_METHOD="GET\n"`},
		{[]string{"/", "-X", "GET /"}, "-X", "REQUEST_METHOD=GET /\n"},
		{[]string{"/", "--root", "/a\nb"}, "--root", `DOCUMENT_ROOT="/a\nb"`},
		{[]string{"--script", "/a\rb.php"}, "--script", `SCRIPT_FILENAME="/a\rb.php"`},
		{[]string{"/", "--root", "/", "--index", "i\nj"}, "--index", `SCRIPT_NAME="/i\nj"`},
	} {
		args := slices.Concat([]string{"request", "app:env"}, tt.args)
		got := runMain(t, "", args...)
		if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, "request: "+tt.name) || !strings.Contains(got.stderr, "--raw-params") {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", tt.args, got.code, got.stdout, got.stderr)
		}
		if got := runMain(t, "", append(args, "--raw-params")...); got.code != 0 || !strings.Contains(got.stdout, tt.sent) {
			t.Errorf("%q --raw-params: exit code %d, stdout %q, stderr %q", tt.args, got.code, got.stdout, got.stderr)
		}
	}
}
