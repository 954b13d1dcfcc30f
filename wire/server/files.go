package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"syscall"
)

// Files returns a handler that answers with the files of fsys, as
// http.FileServerFS does: with types, ranges, index.html and lists of
// directories, hidden ones too. The path is that of REQUEST_URI; methods other
// than GET and HEAD are answered with 405. Give it the FS of an os.Root, which
// nobody leaves by symbolic links; who tries, or has ".." in a path, is refused
// with 403, and it is reported; so is who asks for a pipe or a device.
func Files(fsys fs.FS) Handler {
	return func(ctx context.Context, x *Exchange) {
		HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				w.Header().Set("Allow", "GET, HEAD")
				http.Error(w, "405 Method Not Allowed: "+r.Method+" is not for files", http.StatusMethodNotAllowed)
				return
			}
			c := confined{fsys, x}
			if slices.Contains(strings.Split(r.URL.Path, "/"), "..") {
				c.refused(fmt.Sprintf("%.200q leads out of the directory", r.URL.Path))
				http.Error(w, "403 Forbidden: the path has ..", http.StatusForbidden)
				return
			}
			http.FileServerFS(c).ServeHTTP(w, r)
		}))(ctx, x)
	}
}

// A confined is a file system whose errors are told apart: what is no file that
// is missing or not permitted leads out of it.
type confined struct {
	fs.FS
	x *Exchange
}

// Open implements fs.FS.
func (c confined) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) { // it is not UTF-8
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	// To open a pipe is to wait for somebody who writes, for ever.
	if info, err := fs.Stat(c.FS, name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		c.refused(fmt.Sprintf("%.200q is neither a file nor a directory", name))
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	f, err := c.FS.Open(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	why := fmt.Sprintf("%.200q leads out of the directory", name)
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		why = fmt.Sprintf("%.200q: %v", name, errno)
	}
	c.refused(why)
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

// refused reports why a request is.
func (c confined) refused(why string) {
	c.x.c.report(c.x.ID, errors.New(why))
	fmt.Fprintf(c.x.Stderr, "fcgiscope: %s\n", why)
}
