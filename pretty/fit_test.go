package pretty

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTableIn: what has no room is broken, or cut, and nothing is lost.
func TestTableIn(t *testing.T) {
	t.Parallel()
	head := []string{"pool", "max children reached", "address"}
	rows := [][]string{{"www", "3", "unix:/run/php/www.sock"}, {"日本語のプール", "12345", "e\u0301e\u0301e\u0301e\u0301e\u0301"}}
	for _, columns := range []int{0, 60} {
		var piped, in, cut bytes.Buffer
		if err := errors.Join(Table(&piped, head, rows), TableIn(&in, columns, head, rows), TableCut(&cut, columns, head, rows)); err != nil {
			t.Fatal(err)
		}
		if in.String() != piped.String() || cut.String() != piped.String() {
			t.Errorf("%d columns: %s\n%s", columns, in.String(), cut.String())
		}
	}
	var in, cut bytes.Buffer
	if err := errors.Join(TableIn(&in, 46, head, rows), TableCut(&cut, 46, head, rows)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(brokenTable, "\n"+in.String()); d != "" {
		t.Errorf("broken: %s", d)
	}
	if d := cmp.Diff(cutTable, "\n"+cut.String()); d != "" {
		t.Errorf("cut: %s", d)
	}
	for columns := 20; columns <= 60; columns++ {
		for name, table := range map[string]func(*bytes.Buffer) error{
			"in":  func(b *bytes.Buffer) error { return TableIn(b, columns, head, rows) },
			"cut": func(b *bytes.Buffer) error { return TableCut(b, columns, head, rows) },
		} {
			var b bytes.Buffer
			if err := table(&b); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if n := Columns(strings.TrimSuffix(line, "\n")); n > columns {
					t.Errorf("%s: %d columns, want %d at most: %q", name, n, columns, line)
				}
			}
			if name == "in" && strings.Count(b.String(), "\n\n") == 0 && letters(b.String()) != letters(strings.Join(head, "")+strings.Join(rows[0], "")+strings.Join(rows[1], "")) {
				t.Errorf("%d columns: something is missing in\n%s", columns, b.String())
			}
		}
	}
}

const brokenTable = `
pool            max children  address
                reached
www             3             unix:/run/php/
                              www.sock
日本語のプール  12345         ééééé
`

const cutTable = `
pool            max children  address
                reached
www             3             unix:/run/p...
日本語のプール  12345         ééééé
`

// letters is how often each character occurs, without blanks.
func letters(s string) string {
	counts := map[rune]int{}
	for _, r := range s {
		if r != ' ' && r != '\n' {
			counts[r]++
		}
	}
	var b strings.Builder
	for r := rune(0); r < 0x10000; r++ {
		if counts[r] > 0 {
			b.WriteRune(r)
			b.WriteByte(byte('0' + counts[r]%10))
		}
	}
	return b.String()
}

// TestWrap: lines are broken between words, and characters stay whole.
func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s       string
		columns int
		want    string // lines, with | between them
	}{
		{"", 4, ""},
		{"max children reached", 8, "max|children|reached"},
		{"max children reached", 12, "max children|reached"},
		{"max children reached", 13, "max children|reached"},
		{"/a/long/path", 5, "/a/lo|ng/pa|th"},
		{"日本語", 4, "日本|語"},
		{"日本語", 5, "日本|語"},
		{"日本", 1, "日|本"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301e\u0301|e\u0301"},
		{"a  b", 2, "a|b"},
	} {
		if got := strings.Join(Wrap(tt.s, tt.columns), "|"); got != tt.want {
			t.Errorf("%q in %d columns: %q, want %q", tt.s, tt.columns, got, tt.want)
		}
	}
	for _, tt := range []struct {
		s       string
		columns int
		want    string
	}{{"abcd", 4, "abcd"}, {"abcde", 4, "a..."}, {"日本語", 6, "日本語"}, {"日本語", 5, "日..."}, {"日本語", 4, "..."}, {"e\u0301e\u0301e\u0301e\u0301e\u0301", 4, "e\u0301..."}} {
		if got := Clip(tt.s, tt.columns); got != tt.want {
			t.Errorf("%q in %d columns: %q, want %q", tt.s, tt.columns, got, tt.want)
		}
	}
}
