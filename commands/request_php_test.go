package commands

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestRequestPHPSees: what PHP makes of what is sent.
func TestRequestPHPSees(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	file := filepath.Join(t.TempDir(), "up.txt")
	if err := os.WriteFile(file, []byte("uploaded"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		page string
		args []string
		want []string
	}{
		{"/echo.php", []string{"-u", "alice:pw"}, []string{`"PHP_AUTH_USER":"alice"`, `"PHP_AUTH_PW":"pw"`, `"HTTP_AUTHORIZATION":"Basic `}},
		{"/echo.php", []string{"--json", `{"a":1}`}, []string{"method: POST", `"CONTENT_TYPE":"application/json"`, "body: 7\n" + `{"a":1}`}},
		{"/echo.php", []string{"-G", "--data-urlencode", "q=a b"}, []string{"method: GET", `"QUERY_STRING":"q=a+b"`}},
		{"/echo.php", []string{"-T", file}, []string{"method: PUT", "body: 8\nuploaded"}},
		{"/any/url?x=1", []string{"--index", "echo.php"}, []string{`"REQUEST_URI":"/any/url?x=1"`, `"SCRIPT_NAME":"/echo.php"`}},
		{"/upload.php", []string{"-F", "field=value", "-F", "file=@" + file}, []string{"up.txt", "8"}},
	} {
		got := runMain(t, "", slices.Concat([]string{"request", fpm["unix"], tt.page, "--root", fpm["root"]}, tt.args)...)
		for _, want := range tt.want {
			if got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, want) {
				t.Errorf("%s %q: exit code %d, stderr %q, no %q in\n%s", tt.page, tt.args, got.code, got.stderr, want, got.stdout)
			}
		}
	}
}
