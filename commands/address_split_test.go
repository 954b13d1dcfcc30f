package commands

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want string // the words, each in []; or ? and the error
	}{
		{"", ""},
		{" \t ", ""},
		{"a", "[a]"},
		{" a  b\tc ", "[a][b][c]"},
		{`a 'b c' "d e"`, "[a][b c][d e]"},
		{`a''b '' ""`, "[ab][][]"},
		{`a\ b \'c \\`, `[a b]['c][\]`},
		{`"a\"b\\c\$d\x'"`, `[a"b\c$d\x']`},
		{`'a\b"$;'`, `[a\b"$;]`},
		{"* ? ~ # [a] {b,c} !", "[*][?][~][#][[a]][{b,c}][!]"},
		{"-d x=ü", "[-d][x=ü]"},
		{"a 'b", "?the ' at byte 3 is not closed"},
		{`a "b`, `?the " at byte 3 is not closed`},
		{`a "b\"`, `?the " at byte 3 is not closed`},
		{`a\`, `?the \ at byte 2 escapes nothing`},
		{"a | b", "?the '|' at byte 3 is for a shell"},
		{"a > b", "?the '>' at byte 3"},
		{"a $HOME", "?the '$' at byte 3"},
		{`a "$HOME"`, "?the '$' at byte 4"},
		{"a\nb", `?the '\n' at byte 2`},
	}
	for _, tt := range tests {
		words, err := splitCommand(tt.in)
		got := ""
		for _, w := range words {
			got += "[" + w + "]"
		}
		if want, fails := strings.CutPrefix(tt.want, "?"); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v, want %q", tt.in, err, want)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: %s, error %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

// FuzzSplitCommand: a real shell makes the same words of what is not refused.
func FuzzSplitCommand(f *testing.F) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Skip("no sh")
	}
	for _, s := range []string{"a", `a 'b c' "d\"e"`, `a\ b '' \'`, `"a\b"`, `x'y'"z"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// What a shell does more, and is no error: patterns, ~ and comments.
		if strings.ContainsAny(s, "*?[]~#{}!=\x00\r\v\f") || len(s) > 100 {
			return
		}
		for i := range len(s) {
			if s[i] >= 0x80 {
				return // the shell's blanks depend on the locale
			}
		}
		words, err := splitCommand(s)
		if err != nil || strings.Contains(s, "\\\n") {
			return
		}
		out, err := exec.Command(sh, "-c", `printf '%s\0' x `+s).Output()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")[1:]
		if diff := cmp.Diff(got, append([]string{}, words...)); diff != "" {
			t.Errorf("%q (-sh +got):\n%s", s, diff)
		}
	})
}
