package capture

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestSocatLive: what socat prints of what passes it holds the bytes that the
// client has sent and got.
func TestSocatLive(t *testing.T) {
	needTool(t, "socat")
	peer := wiretest.RealPeer(t, "php-fpm")
	for _, options := range []string{"-x", "-v -x", "-d -d -x", "-t 5 -b 1000 -x -v"} {
		t.Run(options, func(t *testing.T) {
			dir := wiretest.SocketDir(t)
			listen, file := filepath.Join(dir, "listen"), filepath.Join(dir, "said")
			said, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			ctx, cancel := context.WithTimeout(t.Context(), liveWait)
			defer cancel()
			cmd := exec.CommandContext(ctx, "socat", append(strings.Fields(options), "UNIX-LISTEN:"+listen, "UNIX-CONNECT:"+peer["unix"])...)
			cmd.Stderr = said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			want := converse(t, dialLive(t, listen), request(peer["root"], 0, "a=1&binary=\x00\xff\r\n> 2026/01/01 "+strings.Repeat("<\n", 2000)))
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			got, warnings := talksIn(t, file)
			if diff := cmp.Diff([]talk{want}, got); diff != "" || len(warnings) > 0 {
				t.Errorf("warnings %q (-want +got):\n%s", warnings, diff)
			}
		})
	}
}
