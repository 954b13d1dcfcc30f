package fpm

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
)

// ErrNotInstalled says that there is no php-fpm on this system, or none where
// FindBinary looks.
var ErrNotInstalled = errors.New("fpm: php-fpm is not installed, or not in PATH")

// binaryDirs are where php-fpm is when it is not in PATH; that of users has no
// sbin on many systems.
var binaryDirs = []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/opt/homebrew/sbin"}

// versioned is php-fpm as Debian (php-fpm8.2) and Alpine (php-fpm83) name it.
var versioned = regexp.MustCompile(`^php-fpm(\d)\.?(\d*)$`)

// FindBinary returns the path of php-fpm: what PATH says, or the newest one in
// the usual directories. The error is ErrNotInstalled.
func FindBinary() (string, error) {
	if path, err := exec.LookPath("php-fpm"); err == nil {
		return filepath.Abs(path)
	}
	return newest(binaryDirs)
}

// newest returns the php-fpm of the highest version in dirs; one without a
// version in its name comes first.
func newest(dirs []string) (string, error) {
	best, bestVersion := "", ""
	for _, dir := range dirs {
		plain := filepath.Join(dir, "php-fpm")
		if _, err := exec.LookPath(plain); err == nil {
			return plain, nil
		}
		paths, _ := filepath.Glob(plain + "*")
		for _, path := range paths {
			m := versioned.FindStringSubmatch(filepath.Base(path))
			if m == nil {
				continue
			}
			version := m[1] + "." + m[2] // one digit each, until PHP 8.10
			if _, err := exec.LookPath(path); err == nil && version > bestVersion {
				best, bestVersion = path, version
			}
		}
	}
	if best == "" {
		return "", ErrNotInstalled
	}
	return best, nil
}
