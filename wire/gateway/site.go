package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// A Site finds what the path of a request means below a directory: a script for
// the application, or a file. Its fields must not be changed after the first
// request.
type Site struct {
	// Scripts answers for scripts, usually an *App. nil: there are none, and
	// what looks like one is not found.
	Scripts http.Handler
	// Extensions are those of scripts, with their dot; nil is .php. Files whose
	// names have one of them anywhere are never sent as files.
	Extensions []string
	// Index are the files that answer for a directory, in order; nil is
	// index.php, index.html.
	Index []string
	// Front is the script, below the root, that answers for paths that name
	// nothing: a front controller. "" is 404.
	Front string
	// Filters answer for files with these extensions (with their dot).
	Filters map[string]*Filter
	// FollowLinks lets symbolic links lead out of the root.
	FollowLinks bool

	dir  string // absolute
	root *os.Root
}

// Open returns a Site for the directory dir. It has to be closed.
func Open(dir string) (*Site, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return &Site{dir: abs, root: root}, nil
}

// Close closes the directory.
func (s *Site) Close() error { return s.root.Close() }

// Dir returns the directory as an absolute path.
func (s *Site) Dir() string { return s.dir }

// Exists reports whether there is a regular file of that name below the root.
func (s *Site) Exists(name string) bool {
	info, err := s.stat(path.Clean("/" + name))
	return err == nil && info.Mode().IsRegular()
}

var (
	defaultExtensions = []string{".php"}
	defaultIndex      = []string{"index.php", "index.html"}
)

func (s *Site) extensions() []string {
	if s.Extensions == nil {
		return defaultExtensions
	}
	return s.Extensions
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, x := Begin(r)
	name, err := cleanPath(r.URL)
	if err != nil {
		x.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if hidden(name) {
		x.refuse(w, http.StatusNotFound, fmt.Sprintf("%q has a part that begins with a dot", name))
		return
	}
	if s.script(w, r, x, name) {
		return
	}
	info, err := s.stat(name)
	switch {
	case err != nil && !missing(err):
		s.unopened(w, x, name, err)
	case err == nil && info.Mode().IsRegular() && !strings.HasSuffix(name, "/"):
		s.file(w, r, x, name)
	case err == nil && info.IsDir() && !strings.HasSuffix(name, "/"):
		redirect(w, r, x)
	case err == nil && info.IsDir() && s.index(w, r, x, name):
	default:
		s.nothing(w, r, x, name)
	}
}

// script serves the script that a path names, if there is one: the first part of
// the path that ends in the extension of scripts and is a file. What follows it
// is PATH_INFO.
func (s *Site) script(w http.ResponseWriter, r *http.Request, x *Exchange, name string) bool {
	for end := 1; end <= len(name); end++ {
		if end < len(name) && name[end] != '/' || !s.isScript(name[:end]) {
			continue
		}
		info, err := s.stat(name[:end])
		switch {
		case err == nil && info.Mode().IsRegular():
			s.run(w, r, x, Script{Name: name[:end], Info: name[end:]})
			return true
		case err != nil && !missing(err):
			s.unopened(w, x, name[:end], err)
			return true
		}
	}
	return false
}

func (s *Site) isScript(name string) bool {
	return slices.ContainsFunc(s.extensions(), func(ext string) bool { return strings.HasSuffix(name, ext) })
}

// run has a script answer.
func (s *Site) run(w http.ResponseWriter, r *http.Request, x *Exchange, script Script) {
	if s.Scripts == nil {
		x.refuse(w, http.StatusNotFound, "there is no application for scripts")
		return
	}
	script.Root = s.dir
	script.File = strings.TrimSuffix(s.dir, "/") + script.Name
	x.Script = script
	s.Scripts.ServeHTTP(w, r)
}

// index serves the index of a directory, if it has one.
func (s *Site) index(w http.ResponseWriter, r *http.Request, x *Exchange, name string) bool {
	names := s.Index
	if names == nil {
		names = defaultIndex
	}
	for _, index := range names {
		file := name + index
		info, err := s.stat(file)
		switch {
		case err != nil && !missing(err):
			s.unopened(w, x, file, err)
			return true
		case err != nil || !info.Mode().IsRegular():
			continue
		case s.isScript(file):
			s.run(w, r, x, Script{Name: file, How: Index})
		default:
			s.file(w, r, x, file)
		}
		return true
	}
	return false
}

// nothing serves a path that names nothing.
func (s *Site) nothing(w http.ResponseWriter, r *http.Request, x *Exchange, name string) {
	if s.Front == "" {
		why := fmt.Sprintf("there is no %q", name)
		if s.isScript(name) {
			why = fmt.Sprintf("there is no script %q", name)
		}
		x.fail(w, http.StatusNotFound, why)
		return
	}
	front := path.Clean("/" + s.Front)
	if !s.Exists(front) {
		x.fail(w, http.StatusNotFound, fmt.Sprintf("there is no front controller %q", front))
		return
	}
	s.run(w, r, x, Script{Name: front, How: Fallback})
}

// redirect sends a client to the directory that it means, with the prefix that
// http.StripPrefix has taken away. The path begins with one slash: with two it
// would be a host.
func redirect(w http.ResponseWriter, r *http.Request, x *Exchange) {
	path := r.URL.EscapedPath()
	if asked, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(asked, "/") && strings.HasSuffix(asked, path) {
		path = asked
	}
	to := "/" + strings.TrimLeft(path, "/\\") + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	x.Status = http.StatusMovedPermanently
	w.Header().Set("Location", to)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMovedPermanently)
}

// unopened answers for a file that is there and not to be had.
func (s *Site) unopened(w http.ResponseWriter, x *Exchange, name string, err error) {
	why := fmt.Sprintf("%q leads out of %s", name, s.dir)
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		why = fmt.Sprintf("%q: %v", name, errno)
	}
	x.refuse(w, http.StatusForbidden, why)
}

func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.EINVAL)
}

// stat is about what a name leads to, in the root unless it is allowed to leave
// it.
func (s *Site) stat(name string) (fs.FileInfo, error) {
	name = below(name)
	if s.FollowLinks {
		return os.Stat(filepath.Join(s.dir, filepath.FromSlash(name)))
	}
	return s.root.Stat(name)
}

func (s *Site) open(name string) (*os.File, error) {
	name = below(name)
	if s.FollowLinks {
		return os.Open(filepath.Join(s.dir, filepath.FromSlash(name)))
	}
	return s.root.Open(name)
}

// below returns a path as a name below the root.
func below(name string) string {
	if name = strings.Trim(name, "/"); name != "" {
		return name
	}
	return "."
}

// cleanPath returns the path without . and .. and double slashes; a slash at its
// end stays. The error says why it is none.
func cleanPath(u *url.URL) (string, error) {
	p := u.Path
	if p == "" {
		p = "/"
	}
	switch {
	case p[0] != '/':
		return "", fmt.Errorf("%q is no path", p)
	case strings.IndexByte(u.RawPath, '#') >= 0:
		// For net/http it is part of the path, for parameters its end.
		return "", fmt.Errorf("the path %q holds a #, which is %%23 there", u.RawPath)
	case strings.IndexByte(p, 0) >= 0:
		return "", fmt.Errorf("the path %q holds a NUL byte", p)
	case filepath.Separator != '/' && strings.ContainsRune(p, filepath.Separator):
		return "", fmt.Errorf("the path %q holds the separator of file names", p)
	}
	depth, plain := 0, true
	for part := range strings.SplitSeq(p[1:], "/") {
		switch part {
		case "", ".":
			plain = plain && part == ""
		case "..":
			plain = false
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return "", fmt.Errorf("the path %q leaves the root", p)
		}
	}
	if plain && !strings.Contains(p, "//") {
		return p, nil
	}
	c := path.Clean(p)
	if last := p[strings.LastIndexByte(p, '/')+1:]; c != "/" && (last == "" || last == "." || last == "..") {
		c += "/"
	}
	return c, nil
}
