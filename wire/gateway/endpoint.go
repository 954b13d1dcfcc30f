package gateway

import (
	"net/http"
	"path"
	"strings"
)

// An Endpoint has an application answer for every path: with the script File,
// or, if File is "", with what the application itself makes of the path.
type Endpoint struct {
	App http.Handler // usually an *App
	// File is SCRIPT_FILENAME, an absolute path that need not be here.
	File string
	// Root is DOCUMENT_ROOT; "" is the directory of File.
	Root string
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, x := Begin(r)
	name, err := cleanPath(r.URL)
	if err != nil {
		x.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	x.Script = Script{Root: e.Root, How: Fixed}
	if e.File != "" {
		root := e.Root
		if root == "" {
			root = path.Dir(e.File)
		}
		x.Script.File, x.Script.Root = e.File, root
		x.Script.Name = "/" + strings.TrimPrefix(strings.TrimPrefix(e.File, strings.TrimSuffix(root, "/")), "/")
		if rest, ok := strings.CutPrefix(name, x.Script.Name); ok && strings.HasPrefix(rest, "/") {
			x.Script.Info = rest
		}
	}
	e.App.ServeHTTP(w, r)
}
