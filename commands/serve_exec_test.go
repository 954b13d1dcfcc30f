//go:build linux

package commands

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestServeExecAsFcgiwrap: below a program both make the same of the path.
func TestServeExecAsFcgiwrap(t *testing.T) {
	t.Parallel()
	wrap := wiretest.RealPeer(t, "fcgiwrap")
	root := wrap["root"]
	s := startServe(t, "exec", root, "--listen", "unix:"+filepath.Join(wiretest.SocketDir(t), "s"))
	for _, name := range []string{"/echo.cgi", "/echo.cgi/", "/echo.cgi/extra/x", "//echo.cgi//a//", "/echo.cgi/a.cgi/b"} {
		split := func(addr string) []string {
			got := runMain(t, "", "request", addr, "/", "--unset", "SCRIPT_FILENAME", "-P", "DOCUMENT_ROOT="+root, "-P", "SCRIPT_NAME="+name)
			return slices.DeleteFunc(strings.Split(got.stdout, "\n"), func(line string) bool {
				return !strings.HasPrefix(line, "SCRIPT_NAME=") && !strings.HasPrefix(line, "PATH_INFO=")
			})
		}
		want := split(wrap["unix"])
		if got := split("unix:" + s.addr); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: %q, and fcgiwrap %q", name, got, want)
		}
	}
}
