package commands

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestOneHand: every command answers the same mistakes in the same words, with
// its name before them, a hint behind, and nothing on stdout.
func TestOneHand(t *testing.T) {
	t.Parallel()
	eachCommand(newTestApp(), func(c *cli.Command) {
		words := strings.TrimPrefix(c.HelpName, "fcgiscope ")
		for mistake, want := range map[string]string{
			"--nonsense":  `unknown flag "--nonsense"`,
			"--hlep":      `unknown flag "--hlep" (did you mean --help?)`,
			"--help=many": "--help takes no value",
		} {
			got := runMain(t, "", append(strings.Fields(words), mistake)...)
			want = "fcgiscope: " + words + ": " + want + "\nfcgiscope: hint: see " + c.HelpName + " --help\n"
			if got.code != 2 || got.stdout != "" || got.stderr != want {
				t.Errorf("%s %s: exit code %d, stdout %q, stderr %q, want 2 and %q", c.HelpName, mistake, got.code, got.stdout, got.stderr, want)
			}
		}
		if len(c.Subcommands) == 0 {
			return
		}
		for mistake, want := range map[string]string{
			"":                           "which one?\nfcgiscope: hint: " + c.HelpName + " --help lists them",
			"nothing-like-it":            `unknown command "nothing-like-it"` + "\nfcgiscope: hint: " + c.HelpName + " --help lists them",
			c.Subcommands[0].Name + "en": `unknown command "` + c.Subcommands[0].Name + `en" (did you mean ` + c.Subcommands[0].Name + "?)",
		} {
			got := runMain(t, "", strings.Fields(words+" "+mistake)...)
			if want = "fcgiscope: " + words + ": " + want + "\n"; got.code != 2 || got.stdout != "" || got.stderr != want {
				t.Errorf("%s %s: exit code %d, stdout %q, stderr %q, want 2 and %q", c.HelpName, mistake, got.code, got.stdout, got.stderr, want)
			}
		}
	})
}

// TestFlagNames: no two flags of a command have the same name, and a flag that
// several commands have is short for all that abbreviate it in the same way.
func TestFlagNames(t *testing.T) {
	t.Parallel()
	short := map[string]string{}
	eachCommand(newTestApp(), func(c *cli.Command) {
		seen := map[string]bool{}
		for _, f := range c.Flags {
			text := flagTextOf(f.(cli.DocGenerationFlag))
			for _, name := range namesOf(f) {
				if seen[name] {
					t.Errorf("%s has two flags %q", c.HelpName, name)
				}
				seen[name] = true
			}
			if text.short == "" || text.long == "" {
				continue
			}
			if other := short[text.long]; other != "" && other != text.short {
				t.Errorf("%s: --%s is -%s, elsewhere -%s", c.HelpName, text.long, text.short, other)
			}
			short[text.long] = text.short
		}
	})
}

// TestHelpOrder: what a command does comes first, its exit codes behind that,
// then the examples; only what is for looking things up follows.
func TestHelpOrder(t *testing.T) {
	t.Parallel()
	eachCommand(newTestApp(), func(c *cli.Command) {
		exit, examples := strings.Index(c.Description, "Exit codes: "), strings.Index(c.Description, "\nExamples:\n")
		if exit == 0 || exit > examples || examples < 0 {
			t.Errorf("%s: exit codes at %d, examples at %d of the description", c.HelpName, exit, examples)
		}
		if u := c.Usage; u == "" || strings.HasSuffix(u, ".") || strings.ToLower(u[:1]) != u[:1] {
			t.Errorf("%s: what it is, in one line, is a capital letter or a full stop away from that: %q", c.HelpName, u)
		}
	})
}
