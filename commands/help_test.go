package commands

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// eachCommand calls f for every command, those below others too.
func eachCommand(app *cli.App, f func(c *cli.Command)) {
	var walk func([]*cli.Command)
	walk = func(commands []*cli.Command) {
		for _, c := range commands {
			f(c)
			walk(c.Subcommands)
		}
	}
	walk(app.Commands)
}

func newTestApp() *cli.App {
	env, _, _ := testEnv("")
	return newApp(env, "")
}

func TestHelp(t *testing.T) {
	t.Parallel()
	app := newTestApp()
	texts := map[string]string{}
	var root strings.Builder
	if err := writeAppHelp(&root, helpWidth, app); err != nil {
		t.Fatal(err)
	}
	texts["fcgiscope"] = root.String()
	for _, row := range exits {
		if want := fmt.Sprintf("\n  %-3d  %s\n", row.code, row.meaning); (row.code != 0) != strings.Contains(root.String(), want) {
			t.Errorf("fcgiscope --help and the exit code %d: %s", row.code, root.String())
		}
	}
	eachCommand(app, func(c *cli.Command) {
		var b strings.Builder
		if err := writeHelp(&b, helpWidth, c); err != nil {
			t.Fatal(err)
		}
		texts[c.HelpName] = b.String()
		if !strings.Contains(root.String(), "\n  "+c.Name+" ") && len(strings.Fields(c.HelpName)) == 2 {
			t.Errorf("%s is not listed in fcgiscope --help", c.Name)
		}
	})
	for name, text := range texts {
		for i, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("%s --help: line %d has %d columns: %s", name, i+1, n, line)
			}
			if strings.ContainsAny(line, "\t`") || strings.TrimRight(line, " ") != line {
				t.Errorf("%s --help: line %d has a tab, a backquote or blanks at its end: %q", name, i+1, line)
			}
		}
		if strings.Contains(text, "\n\n\n") || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("%s --help has empty lines too many or none at its end", name)
		}
	}
}

// TestExamples: every command has three examples, and their flags exist.
func TestExamples(t *testing.T) {
	t.Parallel()
	app := newTestApp()
	eachCommand(app, func(c *cli.Command) {
		if len(c.Subcommands) > 0 {
			return
		}
		_, examples, ok := strings.Cut(c.Description, "\nExamples:\n")
		examples, _, _ = strings.Cut(examples, "\n\n")
		if !ok {
			t.Errorf("%s: the description has no examples", c.HelpName)
			return
		}
		n := 0
		for line := range strings.Lines(examples) {
			start := strings.Index(line, "fcgiscope ")
			if start < 0 {
				continue
			}
			n++
			if _, err := arrange(app, shellWords(t, line[start:])); err != nil {
				t.Errorf("%s: example %q: %v", c.HelpName, strings.TrimSpace(line), err)
			}
		}
		if n < 3 {
			t.Errorf("%s has %d examples, want 3 or more", c.HelpName, n)
		}
	})
}

// shellWords splits the first simple command of an example.
func shellWords(t *testing.T, s string) []string {
	t.Helper()
	var words []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range strings.TrimSpace(s) {
		switch {
		case r == '\'':
			quoted, begun = !quoted, true
		case !quoted && strings.ContainsRune(" |<>);", r):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
			if r != ' ' {
				return words
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		t.Fatalf("example %q: a quote is open", s)
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// TestEntryColumn: the column is one of characters, not of bytes.
func TestEntryColumn(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	writeEntry(&b, 10, "[N…]", "text")
	writeEntry(&b, 10, "[N.]", "text")
	writeEntry(&b, 10, "sixsix", "text")
	writeEntry(&b, 10, "sevense", "text") // two blanks have no room
	if got, want := b.String(), "  [N…]    text\n  [N.]    text\n  sixsix  text\n  sevense\n          text\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestFlagText: the value of a flag is named, and its default told, if there is
// one to tell.
func TestFlagText(t *testing.T) {
	t.Parallel()
	for flag, want := range map[cli.DocGenerationFlag]flagText{
		&cli.StringFlag{Name: "level", Aliases: []string{"l"}, Usage: "set `N`, once", Value: "low"}: {"l", "level", "N", "set N, once (default low)"},
		&cli.StringFlag{Name: "x", Usage: "without a name"}:                                          {"x", "", "", "without a name"},
		&cli.BoolFlag{Name: "quiet", Usage: "no value"}:                                              {"", "quiet", "", "no value"},
	} {
		if got := flagTextOf(flag); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
