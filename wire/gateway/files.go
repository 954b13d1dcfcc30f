package gateway

import (
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// backups are the ends of names that editors and people give to copies of files.
var backups = []string{"~", ".bak", ".backup", ".old", ".orig", ".save", ".swp", ".swo", ".tmp", ".rej"}

// hidden reports whether a path has a part that begins with a dot, which is
// nobody's business; .well-known is (RFC 8615).
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != ".well-known" {
			return true
		}
	}
	return false
}

// backup reports whether a file has the name of a copy.
func backup(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, end := range backups {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return strings.HasPrefix(base, "#") && strings.HasSuffix(base, "#")
}

// source reports whether a file may hold the source of a script: it has the
// extension of one anywhere in its name, in any case. PHP's is one even where
// other files are the scripts.
func (s *Site) source(name string) bool {
	base := strings.ToLower(path.Base(name))
	isIn := func(ext string) bool { return strings.Contains(base, strings.ToLower(ext)) }
	if slices.ContainsFunc(s.extensions(), isIn) || slices.ContainsFunc(defaultExtensions, isIn) {
		return true
	}
	return slices.ContainsFunc([]string{".phtml", ".pht", ".phar", ".inc"}, func(ext string) bool { return strings.HasSuffix(base, ext) })
}

// file sends a file, through its filter if it has one. See http.ServeContent for
// ranges and conditional requests.
func (s *Site) file(w http.ResponseWriter, r *http.Request, x *Exchange, name string) {
	switch {
	case s.source(name):
		x.refuse(w, http.StatusNotFound, fmt.Sprintf("%q has the name of a script", name))
		return
	case backup(name):
		x.refuse(w, http.StatusNotFound, fmt.Sprintf("%q has the name of a backup", name))
		return
	}
	filter := s.Filters[path.Ext(name)]
	if filter == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		x.refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s for the file %q", r.Method, name))
		return
	}
	f, err := s.open(name)
	if err != nil {
		s.unopened(w, x, name, err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		x.fail(w, http.StatusNotFound, fmt.Sprintf("%q is no file any more", name))
		return
	}
	if filter != nil {
		x.Script = Script{Name: name, File: strings.TrimSuffix(s.dir, "/") + name, Root: s.dir}
		filter.serve(w, r, x, f, info)
		return
	}
	sendFile(w, r, f, info)
}

// sendFile sends f. The type is that of the name and never guessed from the
// content, which may be anybody's.
func sendFile(w http.ResponseWriter, r *http.Request, f *os.File, info fs.FileInfo) {
	h := w.Header()
	kind := mime.TypeByExtension(path.Ext(info.Name()))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	h.Set("Etag", `"`+strconv.FormatInt(info.ModTime().UnixNano(), 36)+"-"+strconv.FormatInt(info.Size(), 36)+`"`)
	if asked := r.Header.Get("Range"); asked != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Range", plainRange(asked, info.Size()))
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// plainRange returns a Range for a file of so many bytes as http.ServeContent
// wants it; "" is all of it. The unit may be written in any case, and one that
// is unknown is no reason to refuse (RFC 9110, section 14.2). Of an empty file
// there are no ranges. The last 0 bytes are a range that cannot be satisfied, as
// one behind the end is (section 14.1.2).
func plainRange(asked string, size int64) string {
	unit, set, _ := strings.Cut(asked, "=")
	if size == 0 || !strings.EqualFold(unit, "bytes") {
		return ""
	}
	ranges := strings.Split(set, ",")
	for i, one := range ranges {
		if last, ok := strings.CutPrefix(strings.Trim(one, " \t"), "-"); ok && last != "" && strings.Trim(last, "0") == "" {
			ranges[i] = strconv.FormatInt(size, 10) + "-"
		}
	}
	return "bytes=" + strings.Join(ranges, ",")
}
