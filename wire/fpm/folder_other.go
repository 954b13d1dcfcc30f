//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package fpm

import (
	"io/fs"
	"os"
)

// There are no such locks here: what is left behind is left.
func lockFile(*os.File) error { return nil }

func isOurs(fs.FileInfo) bool { return false }
