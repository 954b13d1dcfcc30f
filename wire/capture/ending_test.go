package capture

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestLastIsDamaged: what cannot be read at the very end is told of, once, and
// all before it is there.
func TestLastIsDamaged(t *testing.T) {
	t.Parallel()
	raw := readFixture(t, "capture/text/post-small.c2s.bin")
	var list []string
	for _, c := range raw {
		list = append(list, fmt.Sprint(c))
	}
	numbers := strings.Join(list, ", ")
	escapes := strings.ReplaceAll(fmt.Sprintf("% x", raw), " ", `\x`)
	for _, test := range []struct{ name, format, input, warning string }{
		{"a number", "literal", numbers + ", 256", "a number is no byte"},
		{"a list that is cut", "literal", "{" + numbers + ", 0x101", "a number is no byte"},
		{"an escape", "literal", `"\x` + escapes + `\x`, "an escape is no byte"},
		{"a digit", "hex", fmt.Sprintf("%x", raw) + "7", "the last byte has one digit"},
		{"a character", "base64", strings.TrimRight(string(readFixture(t, "capture/text/post-small.c2s.b64-oneline.txt")), "=\n") + "A", "only a part of a byte"},
	} {
		for _, end := range []string{"", "\n"} {
			if end != "" && test.format == "literal" {
				continue // told by that what comes behind it
			}
			src, f, err := Open(strings.NewReader(test.input+end), Options{})
			if err != nil || f.Name != test.format {
				t.Fatalf("%s: opened as %q: %v", test.name, f.Name, err)
			}
			chunks, warnings := drain(t, src)
			var got []byte
			for _, ch := range chunks {
				got = append(got, ch.Data...)
			}
			if !bytes.HasPrefix(got, raw) || len(got) > len(raw)+2 {
				t.Errorf("%s: %d bytes, want %d", test.name, len(got), len(raw))
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0], test.warning) {
				t.Errorf("%s: warnings %q, want %q", test.name, warnings, test.warning)
			}
			if !slices.ContainsFunc(chunks, func(ch Chunk) bool { return ch.Kind == ChunkGap }) {
				t.Errorf("%s: no gap", test.name)
			}
		}
	}
}
