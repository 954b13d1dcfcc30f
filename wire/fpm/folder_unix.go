//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package fpm

import (
	"io/fs"
	"os"
	"syscall"
)

// lockFile locks f until it is closed, unless somebody else has.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// isOurs reports whether a file belongs to the user that we run as.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
