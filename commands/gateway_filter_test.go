//go:build linux

package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestGatewayFilterLarge: a large file and a large body pass through a filter,
// ours and that of libfcgi, though it answers before it has read all.
func TestGatewayFilterLarge(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB
	if err := os.WriteFile(filepath.Join(root, "a.txt"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	ours := startServe(t, "filter", "--listen", "unix:"+filepath.Join(wiretest.SocketDir(t), "s"))
	for name, addr := range map[string]string{"ours": "unix:" + ours.addr, "libfcgi": wiretest.RealPeer(t, "libfcgi-filter")["unix"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, "app:echo", "--root", root, "--filter", ".txt="+addr, "--timeout", "15")
			for _, body := range []int{0, 100, 2 << 20} {
				status, got := fetch(t, "POST", g.url+"/a.txt", strings.NewReader(strings.Repeat("b", body)))
				if status != 200 || !strings.HasSuffix(got, string(bytes.ToUpper(text))) {
					t.Errorf("body of %d bytes: status %d, %d bytes\n%s", body, status, len(got), g.stderr)
				}
			}
		})
	}
}
