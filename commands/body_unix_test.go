//go:build unix

package commands

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestOpenBodySilentPipe: the same of a named pipe, which does not even open.
func TestOpenBodySilentPipe(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // ends the opening that was given up
		if f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
	})
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, late)
	defer cancel()
	o := bodyOptions{data: []dataPart{{"data", "@" + name}}}
	if _, err := o.open(ctx, &Env{}, ""); !errors.Is(err, late) {
		t.Errorf("error %v, want the cause of the context", err)
	}
}
