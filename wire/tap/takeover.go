package tap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// asideMark is in the names of what a Takeover puts beside a socket's file: the
// inode number of the application's socket follows, so that whoever finds it
// can tell which of the two is which.
const asideMark = ".fcgiscope-tap-"

// asideName is where the application's socket is while another one has its place.
func asideName(path string, inode uint64) string {
	return path + asideMark + strconv.FormatUint(inode, 10)
}

// leftovers returns what takeovers have left beside path, with the inode
// numbers in their names.
func leftovers(path string) (map[string]uint64, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, plainPathError(err)
	}
	found := make(map[string]uint64)
	prefix := filepath.Base(path) + asideMark
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		if inode, err := strconv.ParseUint(rest, 10, 64); ok && err == nil {
			found[filepath.Join(filepath.Dir(path), e.Name())] = inode
		}
	}
	return found, nil
}

// A TakeoverError says why a socket could not be taken over, or given back.
type TakeoverError struct {
	Path string // of the socket
	Why  string // what is in the way
	Err  error  // what the system said, nil if nothing
}

// Error says which socket, and why.
func (e *TakeoverError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("tap: take over %s: %s", e.Path, e.Why)
	}
	return fmt.Sprintf("tap: take over %s: %s: %v", e.Path, e.Why, e.Err)
}

// Unwrap returns what the system said.
func (e *TakeoverError) Unwrap() error { return e.Err }

// plainPathError takes the path out of an error that will name it again.
func plainPathError(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	var s *os.SyscallError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	case errors.As(err, &s):
		return s.Err
	}
	return err
}
