package commands

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// completeWord is the hidden first argument with which the scripts in
// completions/ ask:
//
//	fcgiscope complete-words WORD... CURRENT
//
// The answer is one possible word a line, with its explanation after a tab.
// (The library's own way reads os.Args and the environment of the process.)
const completeWord = "complete-words"

// completionFiles holds the shells' scripts, under the names by which the shells
// find them. (all: because that for zsh begins with an underscore.)
//
//go:embed all:completions
var completionFiles embed.FS

// completionScripts is the table of shells, with their scripts.
var completionScripts = []struct{ shell, file string }{
	{"bash", "fcgiscope.bash"},
	{"zsh", "_fcgiscope"},
	{"fish", "fcgiscope.fish"},
}

func completionCommand(env *Env) *cli.Command {
	var shells []string
	for _, s := range completionScripts {
		shells = append(shells, s.shell)
	}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a shell's completion script",
		ArgsUsage: strings.Join(shells, "|"),
		Description: `
The script completes commands, flags, the values of flags, and addresses: applications that are
built in, and the sockets and pools of php-fpm that there are.

Examples:
  source <(fcgiscope completion bash)
  fcgiscope completion zsh >"${fpath[1]}/_fcgiscope"
  fcgiscope completion fish >~/.config/fish/completions/fcgiscope.fish`,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("completion: want one shell: %s", orList(shells))
			}
			for _, s := range completionScripts {
				if s.shell == c.Args().First() {
					script, err := completionFiles.ReadFile(path.Join("completions", s.file))
					if err != nil {
						return err
					}
					return write(env.Stdout, script)
				}
			}
			if near := wire.Nearest(c.Args().First(), shells); near != "" {
				return usagef("completion: unknown shell %q (did you mean %s?)", c.Args().First(), near)
			}
			return usagef("completion: unknown shell %q, want %s", c.Args().First(), orList(shells))
		},
	}
}

// complete prints what the last one of words, which may be empty, can become.
// It prints nothing where files are due.
func complete(app *cli.App, env *Env, words []string) {
	if len(words) == 0 {
		return
	}
	w := env.Stdout
	words, current := words[:len(words)-1], words[len(words)-1]
	commands, flags := app.Commands, app.Flags
	var command *cli.Command
	for len(words) > 0 {
		next := find(commands, words[0])
		if next == nil {
			break
		}
		command, commands, flags, words = next, next.Subcommands, next.Flags, words[1:]
	}
	if len(words) > 0 && completeValue(env, flags, words[len(words)-1], current) {
		return
	}
	if strings.HasPrefix(current, "-") {
		if name, value, joined := strings.Cut(current, "="); joined {
			completeJoined(env, flags, name, value)
			return
		}
		completeFlags(flags, current, w)
		return
	}
	for _, c := range commands {
		candidate(w, current, c.Name, c.Usage)
	}
	if command != nil {
		_, before, _ := splitWords(tableOf(flags), words)
		completeArgument(env, argumentAt(command.ArgsUsage, len(before)), current)
	}
}

// argumentAt returns the word of ArgsUsage for the argument number n: ADDR for
// the first of "[ADDR [URL]]", and for each of "[ADDR...]". "" is none.
func argumentAt(usage string, n int) string {
	words := strings.Fields(usage)
	if len(words) == 0 {
		return ""
	}
	last := words[len(words)-1]
	if n >= len(words) && !strings.Contains(last, "...") {
		return ""
	}
	return strings.Trim(words[min(n, len(words)-1)], "[].")
}

// completeArgument prints what an argument, called what in ArgsUsage, can be.
func completeArgument(env *Env, what, current string) {
	w := env.Stdout
	switch what {
	case "ADDR":
		completeAddress(env, current)
	case "APP":
		for _, app := range appWords() {
			candidate(w, current, app.name, app.help)
		}
	case "RULE":
		for _, r := range wire.Rules() {
			candidate(w, current, string(r.ID), r.Text)
		}
	case "TOPIC":
		completeTopics(env, current)
	case "NAME":
		for _, name := range wire.ValueNames() {
			candidate(w, current, name, "")
		}
	default: // the shells themselves
		if strings.Contains(what, "|") {
			for word := range strings.SplitSeq(what, "|") {
				candidate(w, current, word, "")
			}
		}
	}
}

// completeAddress prints kinds of addresses, what is built in, and where
// php-fpm may listen. Other paths are for the shell.
func completeAddress(env *Env, current string) {
	w := env.Stdout
	kind, _, found := strings.Cut(current, ":")
	if found && kind == "app" {
		completeApps(w, "app:", current)
		return
	}
	for _, k := range kinds {
		candidate(w, current, k.word, k.help)
	}
	for _, place := range fpm.Find(env.Root) {
		switch {
		case place.Err != nil:
		case place.Addr.Network == "tcp":
			candidate(w, current, place.Addr.Address, place.From)
		case current == "", path.Dir(place.Addr.Address) == path.Dir(current): // as far as the shell goes
			candidate(w, current, place.Addr.Address, place.From)
		case found && kind == "unix":
			candidate(w, current, place.Addr.String(), place.From)
		}
	}
}

// completeApps prints the applications that are built in.
func completeApps(w io.Writer, prefix, current string) {
	for _, app := range server.Apps() {
		candidate(w, current, prefix+app.Name, app.Help)
	}
}

func candidate(w io.Writer, current, word, text string) {
	if strings.HasPrefix(word, current) && pretty.Clean(word) == word {
		fmt.Fprintf(w, "%s\t%s\n", word, pretty.Clean(text))
	}
}

func completeFlags(flags []cli.Flag, current string, w io.Writer) {
	for _, f := range flags {
		if name := namesOf(f)[0]; visible(f) && len(name) > 1 {
			candidate(w, current, "--"+name, strings.ReplaceAll(f.(cli.DocGenerationFlag).GetUsage(), "`", ""))
		}
	}
}

// completeValue prints the words that the flag before the current word takes.
// It reports whether that flag takes a value at all.
func completeValue(env *Env, flags []cli.Flag, before, current string) bool {
	row, ok := tableOf(flags)[strings.TrimLeft(before, "-")]
	if !ok || !row.value || !strings.HasPrefix(before, "-") {
		return false
	}
	for _, f := range flags {
		if namesOf(f)[0] != row.name {
			continue
		}
		generic, _ := f.(*cli.GenericFlag)
		if generic != nil {
			if v, ok := generic.Value.(interface{ offer(io.Writer, string) }); ok {
				v.offer(env.Stdout, current)
			}
		}
		usage := f.(cli.DocGenerationFlag).GetUsage()
		if row.name != "listen" && strings.Contains(usage, "`ADDR`") { // nobody listens at an address yet
			completeAddress(env, current)
		}
	}
	return true
}

// completeJoined is completeValue for --name=value.
func completeJoined(env *Env, flags []cli.Flag, name, value string) {
	var words bytes.Buffer
	inner := *env
	inner.Stdout = &words
	completeValue(&inner, flags, name, value)
	for line := range strings.Lines(words.String()) {
		fmt.Fprintf(env.Stdout, "%s=%s", name, line)
	}
}
