package commands

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestManPages: each command has a page, with its flags and its examples, and
// the lines of text in it are none of roff's.
func TestManPages(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	for _, d := range ManPages() {
		pages[d.Name] = string(d.Text)
	}
	app := newTestApp()
	check := func(name string, flags []cli.Flag, examples string) {
		page, ok := pages[name]
		if !ok {
			t.Errorf("there is no %s", name)
			return
		}
		shown := strings.NewReplacer(`\-`, "-", `\e`, `\`, `\&`, "", `\fB`, "", `\fI`, "", `\fR`, "").Replace(page)
		for _, f := range flags {
			if name := namesOf(f)[0]; visible(f) && !strings.Contains(shown, "--"+name) && !strings.Contains(shown, "-"+name) {
				t.Errorf("%s lacks --%s", name, name)
			}
		}
		for line := range strings.Lines(examples) {
			if !strings.Contains(shown, strings.TrimSpace(line)) {
				t.Errorf("%s lacks the example %q", name, line)
			}
		}
		open := 0
		for line := range strings.Lines(page) {
			macro, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch {
			case macro == ".nf":
				open++
			case macro == ".fi":
				open--
			case strings.HasPrefix(line, "'"), strings.HasPrefix(line, ".") && !strings.Contains(` .\" .TH .SH .SS .PP .TP .RS .RE .B .I .BR `, " "+macro+" "):
				t.Errorf("%s: a line that roff takes for its own: %s", name, line)
			}
			if open < 0 || open > 1 {
				t.Fatalf("%s: .nf and .fi do not match", name)
			}
		}
		if open != 0 {
			t.Errorf("%s: .nf is open at the end", name)
		}
	}
	check("fcgiscope.1", app.Flags, "")
	eachCommand(app, func(c *cli.Command) {
		_, examples, _ := strings.Cut(c.Description, "\nExamples:\n")
		check(pageName(c.HelpName)+".1", c.Flags, examples)
	})
	var n int
	eachCommand(app, func(*cli.Command) { n++ })
	if len(pages) != n+1 {
		t.Errorf("%d pages for %d commands and the program", len(pages), n)
	}
	for in, want := range map[string]string{".TH": `\&.TH`, `'x`: `\&'x`, `a\n-b`: `a\en\-b`} {
		if got := escapeRoff(in); got != want {
			t.Errorf("escapeRoff(%q) = %q, want %q", in, got, want)
		}
	}
}
