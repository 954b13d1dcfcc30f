package commands

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A rootMap is the value of --root-map: paths as they are here, and as the
// application sees them, in a container for example.
type rootMap []rootPair

type rootPair struct{ here, there string }

// Set implements flag.Value.
func (m *rootMap) Set(s string) error {
	here, there, ok := strings.Cut(s, "=")
	if !ok || !path.IsAbs(here) || !path.IsAbs(there) {
		return fmt.Errorf("want two absolute paths, /HERE=/THERE")
	}
	*m = append(*m, rootPair{path.Clean(here), path.Clean(there)})
	return nil
}

// String returns "": there is no default.
func (m *rootMap) String() string { return "" }

// apply returns the path that the application has for name. The longest prefix
// wins; a path below none of them stays.
func (m rootMap) apply(name string) string {
	best := rootPair{}
	for _, p := range m {
		if len(p.here) > len(best.here) && (name == p.here || strings.HasPrefix(name, strings.TrimRight(p.here, "/")+"/")) {
			best = p
		}
	}
	if best.here == "" {
		return name
	}
	rest := strings.TrimPrefix(name[len(strings.TrimRight(best.here, "/")):], "/")
	if rest == "" {
		return best.there
	}
	return strings.TrimRight(best.there, "/") + "/" + rest
}

// mapped are the parameters that hold paths.
var mapped = []string{"SCRIPT_FILENAME", "DOCUMENT_ROOT", "PATH_TRANSLATED", "CONTEXT_DOCUMENT_ROOT"}

// params returns pairs with the paths in them as the application has them.
func (m rootMap) params(pairs []wire.Pair) []wire.Pair {
	if len(m) == 0 {
		return pairs
	}
	pairs = slices.Clone(pairs)
	for i, p := range pairs {
		if slices.Contains(mapped, string(p.Name)) {
			// Apache puts the address before the path.
			address, file := "", string(p.Value)
			if strings.HasPrefix(file, "proxy:") {
				if at := strings.Index(file, "://"); at >= 0 {
					if slash := strings.IndexByte(file[at+3:], '/'); slash >= 0 {
						address, file = file[:at+3+slash], file[at+3+slash:]
					}
				}
			}
			pairs[i].Value = []byte(address + m.apply(file))
		}
	}
	return pairs
}
