package replay

import (
	"bytes"
	"slices"
	"strings"
)

// A Path is a directory that has another name now.
type Path struct{ Was, Is string }

// A renamer puts old names of directories in place of new ones in a stream, so
// that it can be compared. A name counts where no longer one begins with it.
type renamer struct {
	is, was [][]byte
	longest int
	carry   []byte // bytes that may begin a name
	out     []byte
}

// newRenamer returns nil where there is nothing to do. Slashes may be escaped, as
// in what PHP's json_encode writes. The root alone is no name that could be
// found.
func newRenamer(paths []Path) *renamer {
	r := &renamer{}
	paths = slices.SortedStableFunc(slices.Values(paths), func(a, b Path) int { return len(b.Is) - len(a.Is) })
	for _, p := range paths {
		if len(p.Is) < 2 || p.Is == p.Was {
			continue
		}
		is, was := []byte(p.Is), []byte(strings.TrimRight(p.Was, "/"))
		for range 2 {
			r.is, r.was = append(r.is, is), append(r.was, was)
			r.longest = max(r.longest, len(is))
			is, was = bytes.ReplaceAll(is, []byte("/"), []byte(`\/`)), bytes.ReplaceAll(was, []byte("/"), []byte(`\/`))
		}
	}
	if len(r.is) == 0 {
		return nil
	}
	return r
}

// feed takes the next piece and returns what is sure by now; all of it at the
// end. What it returns is valid until the next call.
func (r *renamer) feed(p []byte, end bool) []byte {
	r.carry = append(r.carry, p...)
	b := r.carry
	limit := len(b)
	if !end {
		limit = max(0, len(b)-r.longest) // a name, and what follows it
	}
	r.out = r.out[:0]
	i := 0
	for i < limit {
		at, which := r.find(b[i:])
		if which < 0 || i+at >= limit {
			break
		}
		r.out = append(r.out, b[i:i+at]...)
		r.out = append(r.out, r.was[which]...)
		i += at + len(r.is[which])
	}
	if i < limit {
		r.out = append(r.out, b[i:limit]...)
		i = limit
	}
	r.carry = append(b[:0], b[i:]...)
	return r.out
}

// find returns the first name in b, the longest at its place.
func (r *renamer) find(b []byte) (at, which int) {
	at, which = len(b), -1
	for k, name := range r.is {
		for from := 0; ; {
			j := bytes.Index(b[from:min(len(b), at+len(name))], name)
			if j < 0 {
				break
			}
			j += from
			if after := j + len(name); after == len(b) || !nameByte(b[after]) {
				if j < at {
					at, which = j, k
				}
				break
			}
			from = j + 1
		}
	}
	return at, which
}

// nameByte reports whether a name would go on with c.
func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c >= 0x80
}
