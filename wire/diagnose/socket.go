package diagnose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxSiblings is how many sockets beside the missing one are named.
const maxSiblings = 8

// A Socket is what the file system says of the path of a Unix socket.
type Socket struct {
	Path     string    // absolute
	Elements []Element // every directory on the way, and the last element, as far as they can be seen
	Missing  string    // the first element that does not exist; "" if all do
	Siblings []string  // other sockets in the directory of the path
	Self     string    // who we are: uid=33(www-data) gid=33 groups=33,4
}

// An Element is a part of a path.
type Element struct {
	Path         string
	Mode         fs.FileMode
	Owner, Group string // names, or numbers where there are none; "" where the system has neither
}

// String returns it as ls -ld does.
func (e Element) String() string {
	mode := e.Mode.String()
	if e.Mode&fs.ModeSocket != 0 {
		mode = "s" + strings.TrimPrefix(mode, "S")
	}
	if e.Owner == "" {
		return fmt.Sprintf("%s %s", mode, e.Path)
	}
	return fmt.Sprintf("%s %s %s %s", mode, e.Owner, e.Group, e.Path)
}

// LookAt looks at every element of the path of a socket. It never fails: what
// cannot be seen is not told.
func LookAt(path string) *Socket {
	s := &Socket{Path: path, Self: self()}
	abs, err := filepath.Abs(path)
	if err != nil {
		return s
	}
	s.Path = abs
	for i, c := range abs {
		if c != filepath.Separator || i == len(abs)-1 {
			continue
		}
		if !s.add(abs[:max(i, 1)]) {
			return s
		}
	}
	if !s.add(abs) || s.Missing != "" {
		s.Siblings = siblings(abs)
	}
	return s
}

// add looks at one element, and reports whether it is there.
func (s *Socket) add(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			s.Missing = path
		}
		return false
	}
	e := Element{Path: path, Mode: info.Mode()}
	e.Owner, e.Group = owner(info)
	s.Elements = append(s.Elements, e)
	return true
}

// siblings names the sockets in the directory of a path.
func siblings(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var found []string
	for _, e := range entries {
		if e.Type()&fs.ModeSocket != 0 && len(found) < maxSiblings {
			found = append(found, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return found
}

// last is the element that the path names, nil if it is not there.
func (s *Socket) last() *Element {
	if s == nil || s.Missing != "" || len(s.Elements) == 0 {
		return nil
	}
	return &s.Elements[len(s.Elements)-1]
}

// closed returns the first directory on the way that nobody but its owner and
// group may pass, or nil.
func (s *Socket) closed() *Element {
	if s == nil {
		return nil
	}
	for i := range s.Elements {
		if e := &s.Elements[i]; e.Mode.IsDir() && e.Mode.Perm()&1 == 0 {
			return e
		}
	}
	return nil
}

// beside names the other sockets in words.
func (s *Socket) beside() string {
	if s == nil || len(s.Siblings) == 0 {
		return "no other socket is beside it"
	}
	return "beside it are " + strings.Join(s.Siblings, ", ")
}
