//go:build unix

package commands

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPairOfPipes: the two directions from two named pipes, one of which is
// written to only after the other is at its end.
func TestPairOfPipes(t *testing.T) {
	t.Parallel()
	const text = "../fixtures/capture/text/"
	dir := t.TempDir()
	toApp, toServer := filepath.Join(dir, "to-app"), filepath.Join(dir, "to-server")
	for _, name := range []string{toApp, toServer} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { // opening blocks until dump opens the other end
		done <- func() error {
			for _, pair := range [][2]string{{toApp, "post-small.c2s.bin"}, {toServer, "post-small.s2c.bin"}} {
				b, err := os.ReadFile(text + pair[1])
				if err != nil {
					return err
				}
				if err := os.WriteFile(pair[0], b, 0); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	want := runMain(t, "", "dump", "--to-app", text+"post-small.c2s.bin", "--to-server", text+"post-small.s2c.bin")
	got := runMain(t, "", "dump", "--to-app", toApp, "--to-server", toServer)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got != want || !strings.Contains(got.stdout, "END_REQUEST") {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
