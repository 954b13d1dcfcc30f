package fpm

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The folder of a pool is temporary: its name begins with folderPrefix, and it
// has a file lockName that is locked as long as the program runs that has made
// it. So what a program has left that was killed can be told from what another
// one uses, also where the two do not see each other's process ids.
const (
	folderPrefix = "fcgiscope-fpm-"
	lockName     = "lock"
)

// folderTries is how often to make another folder when somebody takes it for one
// that was left behind, which is possible until it is locked.
const folderTries = 3

// makeFolder makes a folder in parent and locks it. The lock is to be closed
// after the folder was removed.
func makeFolder(parent string) (dir string, lock *os.File, err error) {
	for range folderTries {
		if dir, err = os.MkdirTemp(parent, folderPrefix); err != nil {
			return "", nil, err
		}
		name := filepath.Join(dir, lockName)
		if lock, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err == nil {
			if err = lockFile(lock); err == nil && isAt(lock, name) {
				return dir, lock, nil
			}
			lock.Close()
		}
		os.RemoveAll(dir)
	}
	return "", nil, fmt.Errorf("make a folder for php-fpm: %w", errors.Join(err, errors.New("its lock is not there")))
}

// isAt reports whether f is still the file of that name.
func isAt(f *os.File, name string) bool {
	here, err := f.Stat()
	there, err2 := os.Lstat(name)
	return err == nil && err2 == nil && os.SameFile(here, there)
}

// removeLeftovers removes the folders in parent that nobody uses any more.
func removeLeftovers(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), folderPrefix) {
			removeLeftover(filepath.Join(parent, e.Name()))
		}
	}
}

// removeLeftover removes a folder if it is ours alone, nobody has locked it, and
// no php-fpm that has outlived its program answers there.
func removeLeftover(dir string) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 || !isOurs(info) {
		return
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if err != nil {
		return // it is being made, or removed
	}
	defer lock.Close()
	if lockFile(lock) != nil {
		return
	}
	if c, err := net.DialTimeout("unix", socketOf(dir), time.Second); err == nil {
		c.Close()
		return
	}
	os.RemoveAll(dir)
}
