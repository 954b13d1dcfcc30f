package commands

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestEscaper(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"", ""},
		{"plain\n", "plain\n"},
		{"tab\tand \"quotes\" and \\n\n", "tab\tand \"quotes\" and \\n\n"},
		{"é€𝄞\n", "é€𝄞\n"},
		{"dos\r\nline\r\n", "dos\r\nline\r\n"},
		{"over\rwrite\n", `over\rwrite` + "\n"},
		{"\x1b[2J\x07", `\x1b[2J\x07`},
		{"\xc2\x9b1m", `\xc2\x9b1m`}, // a C1 control as UTF-8
		{"\x9b1m", `\x9b1m`},         // and as a byte
		{"\xff\xfe", `\xff\xfe`},
		{"a\xe2\x82", `a\xe2\x82`}, // the beginning of €
		{"\u202ertl", `\xe2\x80\xaertl`},
		{"end\r", `end\r`},
	}
	for _, tt := range tests {
		// However the body is cut, the text is the same.
		for cut := range len(tt.in) + 1 {
			var b bytes.Buffer
			e := &escaper{w: &b}
			for _, piece := range []string{tt.in[:cut], tt.in[cut:]} {
				if n, err := e.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Fatalf("Write(%q) = %d, %v", piece, n, err)
				}
			}
			if err := e.Flush(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("%q cut at %d (-want +got):\n%s", tt.in, cut, diff)
			}
		}
	}
}

// FuzzEscaper: what a terminal gets is text, however it comes.
func FuzzEscaper(f *testing.F) {
	f.Add([]byte("a\x1b]0;x\x07\xc2"), uint8(3))
	f.Add([]byte("\xe2\x82\xac\r\n\r"), uint8(1))
	f.Fuzz(func(t *testing.T, p []byte, piece uint8) {
		var b bytes.Buffer
		e := &escaper{w: &b}
		for rest := p; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			if _, err := e.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if !utf8.ValidString(text) {
			t.Errorf("%q is shown as %q, which is not UTF-8", p, text)
		}
		for _, r := range strings.ReplaceAll(text, "\r\n", "\n") {
			if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q is shown as %q, with the control character %q", p, text, r)
			}
		}
	})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxMessage)
	tests := []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{"one\n"}, "fcgiscope: stderr: one\n"},
		{[]string{"o", "ne\ntw", "o"}, "fcgiscope: stderr: one\nfcgiscope: stderr: two\n"},
		{[]string{"dos\r\n\r\n\nnext\n"}, "fcgiscope: stderr: dos\nfcgiscope: stderr: next\n"},
		{[]string{"\x1b[31mred\n"}, `fcgiscope: stderr: \x1b[31mred` + "\n"},
		{[]string{long, "\n"}, "fcgiscope: stderr: " + long + "\n"},
		{[]string{long + "y\n"}, "fcgiscope: stderr: " + long + "\nfcgiscope: stderr: y\n"},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		m := &messages{env: &Env{Stderr: &b}}
		for _, piece := range tt.in {
			if n, err := m.Write([]byte(piece)); n != len(piece) || err != nil {
				t.Fatalf("Write = %d, %v, want %d", n, err, len(piece))
			}
		}
		m.flush()
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("%.40q (-want +got):\n%s", tt.in, diff)
		}
	}
}
