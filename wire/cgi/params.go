package cgi

import (
	"bytes"

	"github.com/fcgiscope/fcgiscope/wire"
)

// Check returns a *ParamError for parameters that no app can take as they are:
// an empty name, a name with =, a NUL byte (php-fpm and libfcgi cut there).
// Nothing else keeps anybody from sending them.
func Check(params []wire.Pair) error {
	for _, p := range params {
		switch {
		case len(p.Name) == 0:
			return &ParamError{"", "a parameter has no name"}
		case bytes.IndexByte(p.Name, 0) >= 0, bytes.IndexByte(p.Value, 0) >= 0:
			return &ParamError{string(p.Name), "a parameter holds a NUL byte"}
		case bytes.IndexByte(p.Name, '=') >= 0, bytes.IndexByte(p.Name, '\r') >= 0, bytes.IndexByte(p.Name, '\n') >= 0:
			return &ParamError{string(p.Name), "the name of a parameter holds = or a line end"}
		}
	}
	return nil
}

// Override returns params with those of user: a name that both have gets the
// user's value in its old place, the others are added at the end in their
// order. A name that the user has several times is there several times.
func Override(params, user []wire.Pair) []wire.Pair {
	used := make([]bool, len(user))
	index := make(map[string]int, len(user))
	for i := len(user) - 1; i >= 0; i-- {
		index[string(user[i].Name)] = i
	}
	var out []wire.Pair
	for _, p := range params {
		i, found := index[string(p.Name)]
		switch {
		case !found:
			out = append(out, p)
		case !used[i]:
			used[i] = true
			out = append(out, user[i])
		}
	}
	for i, p := range user {
		if !used[i] {
			out = append(out, p)
		}
	}
	return out
}

// Unset returns params without those of the names.
func Unset(params []wire.Pair, names ...string) []wire.Pair {
	unset := make(map[string]bool, len(names))
	for _, name := range names {
		unset[name] = true
	}
	var out []wire.Pair
	for _, p := range params {
		if !unset[string(p.Name)] {
			out = append(out, p)
		}
	}
	return out
}

// Variables returns what an AUTHORIZER wants the request to have as further
// parameters: its fields Variable-NAME, as NAME. They count only if the status
// is 200. See FastCGI 1.0, section 6.3.
func (h *Header) Variables() []wire.Pair {
	const prefix = "Variable-"
	var pairs []wire.Pair
	for name, value := range h.Fields() {
		if len(name) > len(prefix) && equalFold(name[:len(prefix)], prefix) {
			pairs = append(pairs, wire.Pair{Name: name[len(prefix):], Value: value})
		}
	}
	return pairs
}
