package commands

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// completeWord is the hidden first argument by which the shells' scripts ask:
//
//	fcgiscope complete-words WORD... CURRENT
//
// The answer is one possible word a line, with its explanation after a tab.
// (The library's own way reads os.Args and the environment of the process.)
const completeWord = "complete-words"

// scripts is the table of shells.
var scripts = []struct{ shell, script string }{
	{"bash", `_fcgiscope() {
  local IFS=$'\n' words
  words=$(fcgiscope ` + completeWord + ` "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _fcgiscope fcgiscope
`},
	{"zsh", `#compdef fcgiscope
_fcgiscope() {
  local -a found
  local line
  fcgiscope ` + completeWord + ` "${(@)words[2,CURRENT]}" 2>/dev/null | while IFS=$'\t' read -r line text; do
    found+=("${line//:/\\:}:$text")
  done
  if (( $#found )); then _describe 'fcgiscope' found; else _files; fi
}
compdef _fcgiscope fcgiscope
`},
	{"fish", `complete -c fcgiscope -a '(fcgiscope ` + completeWord + ` (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`},
}

func completionCommand(env *Env) *cli.Command {
	var shells []string
	for _, s := range scripts {
		shells = append(shells, s.shell)
	}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a shell's completion script",
		ArgsUsage: strings.Join(shells, "|"),
		Description: `
The script completes commands, flags and the values of flags.

Examples:
  source <(fcgiscope completion bash)
  fcgiscope completion zsh >"${fpath[1]}/_fcgiscope"
  fcgiscope completion fish >~/.config/fish/completions/fcgiscope.fish`,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("completion: want one shell: %s", orList(shells))
			}
			for _, s := range scripts {
				if s.shell == c.Args().First() {
					return write(env.Stdout, []byte(s.script))
				}
			}
			return usagef("completion: unknown shell %q, want %s", c.Args().First(), orList(shells))
		},
	}
}

// complete prints what the last one of words, which may be empty, can become.
// It prints nothing where files are due.
func complete(app *cli.App, words []string, w io.Writer) {
	if len(words) == 0 {
		return
	}
	words, current := words[:len(words)-1], words[len(words)-1]
	commands, flags := app.Commands, app.Flags
	var command *cli.Command
	for _, word := range words {
		if next := find(commands, word); next != nil {
			command, commands, flags = next, next.Subcommands, next.Flags
		}
	}
	if len(words) > 0 && completeValue(flags, words[len(words)-1], current, w) {
		return
	}
	if strings.HasPrefix(current, "-") {
		completeFlags(flags, current, w)
		return
	}
	for _, c := range commands {
		candidate(w, current, c.Name, c.Usage)
	}
	if command != nil && command.Name == "completion" {
		for _, s := range scripts {
			candidate(w, current, s.shell, "")
		}
	}
}

func candidate(w io.Writer, current, word, text string) {
	if strings.HasPrefix(word, current) {
		fmt.Fprintf(w, "%s\t%s\n", word, text)
	}
}

func completeFlags(flags []cli.Flag, current string, w io.Writer) {
	for _, f := range flags {
		if name := f.Names()[0]; visible(f) && len(name) > 1 {
			candidate(w, current, "--"+name, strings.ReplaceAll(f.(cli.DocGenerationFlag).GetUsage(), "`", ""))
		}
	}
}

// completeValue prints the words that the flag before the current word takes.
// It reports whether that flag takes a value at all.
func completeValue(flags []cli.Flag, before, current string, w io.Writer) bool {
	row, ok := tableOf(flags)[strings.TrimLeft(before, "-")]
	if !ok || !row.value || !strings.HasPrefix(before, "-") {
		return false
	}
	for _, f := range flags {
		generic, isGeneric := f.(*cli.GenericFlag)
		if !isGeneric || generic.Name != row.name {
			continue
		}
		if c, ok := generic.Value.(*choice); ok {
			for _, word := range c.words {
				candidate(w, current, word, "")
			}
		}
	}
	return true
}
