package commands

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

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
	for page, want := range map[string]string{
		"fcgiscope-fpm.1":      ".SH \"SEE ALSO\"\n.BR fcgiscope (1)\n",
		"fcgiscope-fpm-ping.1": ".SH \"SEE ALSO\"\n.BR fcgiscope\\-fpm (1)\n",
		"fcgiscope-request.1":  ".SH NOTES\n.PP\nVariables of ",
		"fcgiscope-rules.1":    ".SH \"EXIT STATUS\"\n.PP\nAll of them are in\n",
		"fcgiscope-version.1":  ".SH OPTIONS\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\n",
	} {
		if !strings.Contains(pages[page], want) {
			t.Errorf("%s lacks %q:\n%s", page, want, pages[page])
		}
	}
	if hidden := ".TP\n\\fB\\-f\\fR\n"; strings.Contains(pages["fcgiscope-request.1"], hidden) || !strings.Contains(pages["fcgiscope-dump.1"], "\n\\fB\\-f\\fR, ") {
		t.Error("fcgiscope-request.1 has the flag -f, which is hidden, or dump's lacks it")
	}
	for in, want := range map[string]string{".TH": `\&.TH`, `'x`: `\&'x`, `a\n-b`: `a\en\-b`} {
		if got := escapeRoff(in); got != want {
			t.Errorf("escapeRoff(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestCandidates: words for a shell are one a line, and what a terminal would
// take for its own is in none.
func TestCandidates(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, word := range []string{"one", "other", "two", "o\x1b[31m", "o\nthree"} {
		candidate(&b, "o", word, "what it is\x1b[0m")
	}
	if got, want := b.String(), "one\twhat it is\\x1b[0m\nother\twhat it is\\x1b[0m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCompleteAddress: where php-fpm may listen is offered, a path as far as the
// shell completes it.
func TestCompleteAddress(t *testing.T) {
	t.Parallel()
	env, stdout, _ := testEnv("")
	env.Root = fstest.MapFS{"run/php/php-fpm.sock": {Mode: fs.ModeSocket | 0o660}}
	for current, want := range map[string]bool{"": true, "/run/php/": true, "/run/php/p": true, "/run/": false, "unix:/r": true, "app:": false} {
		stdout.Reset()
		completeAddress(env, current)
		if got := strings.Contains(stdout.String(), "/run/php/php-fpm.sock\t"); got != want {
			t.Errorf("%q offers the socket: %v, want %v:\n%s", current, got, want, stdout)
		}
	}
}
