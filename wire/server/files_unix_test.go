//go:build unix

package server

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestFilesOnly: neither a pipe is opened, which would wait for ever, nor is a
// file answered with that was to be deleted.
func TestFilesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	// With somebody who writes, to open it does not wait.
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	p := connect(t, &Server{Handler: Files(root.FS())})
	for params, want := range map[string]string{
		"REQUEST_METHOD=GET REQUEST_URI=/a.txt":    "Status: 200 ",
		"REQUEST_METHOD=HEAD REQUEST_URI=/a.txt":   "Status: 200 ",
		"REQUEST_METHOD=GET REQUEST_URI=/pipe":     "Status: 403 ",
		"REQUEST_METHOD=DELETE REQUEST_URI=/a.txt": "Status: 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n",
	} {
		p.request(1, wire.KeepConn, "", strings.Fields(params)...)
		if a := p.answer(1); !strings.HasPrefix(a.stdout, want) || strings.Contains(want, "403") != strings.Contains(a.stderr, "neither a file") {
			t.Errorf("%s: %+v", params, a)
		}
	}
}
