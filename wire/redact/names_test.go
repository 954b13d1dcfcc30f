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
	n := newPatterns(Names())
	for _, name := range []string{"password" + strings.Repeat("x", 5000), strings.Repeat("x", 5000) + "password", strings.Repeat("x", 2500) + "password" + strings.Repeat("x", 2500)} {
		f := &form{names: n, strict: true}
		out := []byte(name + "=abc")
		for i := range out {
			f.run(out[i:i+1], []byte{out[i]})
			if len(f.name.buf) > 2*maxWord {
				t.Fatalf("%d bytes are kept", len(f.name.buf))
			}
		}
		whole := []byte(name + "=abc")
		(&form{names: n, strict: true}).run(whole, bytes.Clone(whole))
		if !bytes.HasSuffix(out, []byte("=***")) || !bytes.Equal(out, whole) {
			t.Errorf("%.20q… is not masked: …%q byte by byte, …%q in one piece", name, out[len(out)-3:], whole[len(whole)-3:])
		}
	}
}
