package redact

import (
	"bytes"
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "A", false}, {"*", "", true}, {"*", "AB", true}, {"A", "A", true}, {"A", "AB", false},
		{"A*", "AB", true}, {"*A", "BA", true}, {"*A", "AB", false}, {"*A*", "BAB", true}, {"A?C", "ABC", true}, {"A?", "A", false},
		{"*AB*CD*", "AABXCXCD", true}, {"*AB*CD*", "CDAB", false}, {"**A", "A", true}, {"*A?", "AAAB", true},
		{"*TOKEN*", "U[TOKEN]/X", true},
	}
	for _, tt := range tests {
		if got := matches(tt.pattern, []byte(tt.name)); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}

// TestLongNames: a name without end is looked at, and not kept.
func TestLongNames(t *testing.T) {
	t.Parallel()
	n := newNames(Names())
	for _, name := range []string{"password" + strings.Repeat("x", 5000), strings.Repeat("x", 5000) + "password", strings.Repeat("x", 2500) + "password" + strings.Repeat("x", 2500)} {
		f := &form{names: n, strict: true}
		var out []byte
		for _, c := range []byte(name + "=abc") {
			out = append(out, f.step(c))
			if len(f.name.buf) > maxWord {
				t.Fatalf("%d bytes are kept", len(f.name.buf))
			}
		}
		if !bytes.HasSuffix(out, []byte("=***")) {
			t.Errorf("%.20q… is not masked", name)
		}
	}
}
