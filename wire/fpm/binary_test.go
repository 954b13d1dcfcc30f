package fpm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestNewest: of several versions, the highest; one without a version before
// all; what is no program not at all.
func TestNewest(t *testing.T) {
	t.Parallel()
	debian, alpine, plain := t.TempDir(), t.TempDir(), t.TempDir()
	put := func(dir, name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put(debian, "php-fpm7.4", 0o755)
	newestDebian := put(debian, "php-fpm8.2", 0o755)
	put(debian, "php-fpm8.9", 0o644)
	put(debian, "php-fpm8.2-extra", 0o755)
	newestAlpine := put(alpine, "php-fpm83", 0o755)
	newestPlain := put(plain, "php-fpm", 0o755)
	for _, tt := range []struct {
		dirs []string
		want string
	}{
		{[]string{debian}, newestDebian},
		{[]string{debian, alpine}, newestAlpine},
		{[]string{alpine, debian}, newestAlpine},
		{[]string{debian, plain}, newestPlain},
	} {
		if got, err := newest(tt.dirs); err != nil || got != tt.want {
			t.Errorf("%v: %s, %v, want %s", tt.dirs, got, err, tt.want)
		}
	}
	if got, err := newest([]string{t.TempDir(), filepath.Join(plain, "none")}); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("nothing: %s, %v", got, err)
	}
}
