//go:build linux || darwin

package fpm

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestRemoveLeftovers: what is removed is ours, and nobody uses it.
func TestRemoveLeftovers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		does func(t *testing.T, dir string, lock *os.File)
		stay bool
	}{
		"left":    {func(_ *testing.T, _ string, lock *os.File) { lock.Close() }, false},
		"in use":  {func(t *testing.T, _ string, lock *os.File) { t.Cleanup(func() { lock.Close() }) }, true},
		"no lock": {func(t *testing.T, dir string, lock *os.File) { lock.Close(); os.Remove(filepath.Join(dir, lockName)) }, true},
		"answers": {func(t *testing.T, dir string, lock *os.File) {
			lock.Close()
			l, err := net.Listen("unix", socketOf(dir))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, true},
		"socket": {func(t *testing.T, dir string, lock *os.File) {
			lock.Close()
			l, err := net.Listen("unix", socketOf(dir))
			if err != nil {
				t.Fatal(err)
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			l.Close()
		}, false},
		"open to others": {func(t *testing.T, dir string, lock *os.File) {
			lock.Close()
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := wiretest.SocketDir(t)
			dir, lock, err := makeFolder(parent)
			if err != nil {
				t.Fatal(err)
			}
			tt.does(t, dir, lock)
			elsewhere := filepath.Join(parent, "other")
			if err := os.Mkdir(elsewhere, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(elsewhere, filepath.Join(parent, folderPrefix+"link")); err != nil {
				t.Fatal(err)
			}
			removeLeftovers(parent)
			if _, err := os.Stat(dir); (err == nil) != tt.stay {
				t.Errorf("the folder: %v, want it to stay: %v", err, tt.stay)
			}
			if _, err := os.Stat(elsewhere); err != nil {
				t.Errorf("another folder: %v", err)
			}
		})
	}
}
