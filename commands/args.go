package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/urfave/cli/v2"
)

// What urfave/cli takes for flags ends at the first argument, and it knows no
// joined short flags with values. People type what curl takes, so arrange
// brings a command line into the one order that the library reads:
//
//	fcgiscope COMMAND... --flag --flag=value... -- ARGUMENT...
//
// Flags may come before and after arguments, short ones joined with each other
// and with their value (-iv, -XPOST, -d@file), and end at "--". What follows
// the word "exec:" is a command line of its own and left alone.

// A flagTable holds the flags of a command by each of their names.
type flagTable map[string]flagRow

type flagRow struct {
	name  string // the first one, by which the library is told
	value bool   // it takes a value
}

func tableOf(flags []cli.Flag) flagTable {
	table := flagTable{}
	for _, f := range flags {
		takes := f.(cli.DocGenerationFlag).TakesValue()
		names := namesOf(f)
		for _, name := range names {
			table[name] = flagRow{names[0], takes}
		}
	}
	return table
}

// namesOf returns the names of a flag, the first one is its own. It is what
// Names returns, which looks for commas in each of them with a regular
// expression: a quarter of a millisecond for all flags of a command.
func namesOf(f cli.Flag) []string {
	switch f := f.(type) {
	case *cli.BoolFlag:
		return append([]string{f.Name}, f.Aliases...)
	case *cli.StringFlag:
		return append([]string{f.Name}, f.Aliases...)
	case *cli.GenericFlag:
		return append([]string{f.Name}, f.Aliases...)
	}
	return f.Names()
}

// A commandLine is one that was arranged.
type commandLine struct {
	command *cli.Command // nil where none was named
	words   []string     // in the library's order, the program's name first
	help    bool         // --help is among the flags
}

// arrange reads args, the program's name first.
func arrange(app *cli.App, args []string) (commandLine, error) {
	line := commandLine{words: args[:min(1, len(args))]}
	words := args[len(line.words):]
	help := len(words) > 0 && words[0] == "help"
	if help { // a habit: help COMMAND
		words = append(slices.Clone(words[1:]), "--help")
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return arrangeRoot(app, line, words)
	}
	for commands := app.Commands; len(words) > 0; commands = line.command.Subcommands {
		next := find(commands, words[0])
		if next == nil {
			break
		}
		line.command = next
		line.words, words = append(line.words, next.Name), words[1:]
	}
	if line.command == nil {
		return line, unknownCommand(app, words[0])
	}
	flags, rest, err := splitWords(tableOf(line.command.Flags), words)
	if err != nil {
		return line, withHint(usagef("%s: %w", wordsOf(line.command), err), "see "+line.command.HelpName+" --help")
	}
	if help && len(rest) > 0 && len(line.command.Subcommands) > 0 {
		return line, whichOne(line.command, rest[0])
	}
	line.help = slices.Contains(flags, "--help")
	line.words = slices.Concat(line.words, flags, []string{"--"}, rest)
	return line, nil
}

// arrangeRoot is for a command line that names no command at its beginning.
func arrangeRoot(app *cli.App, line commandLine, words []string) (commandLine, error) {
	flags, rest, err := splitWords(tableOf(app.Flags), words)
	if err == nil {
		line.help = slices.Contains(flags, "--help")
		line.words = slices.Concat(line.words, flags, rest)
		return line, nil
	}
	if i := slices.IndexFunc(words, func(w string) bool { return find(app.Commands, w) != nil }); i > 0 {
		return line, withHint(usageError{err}, "flags come after the command: fcgiscope "+words[i]+" "+strings.Join(words[:i], " ")+" …")
	}
	return line, withHint(usageError{err}, "see fcgiscope --help")
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// splitWords tells the flags of table among words from the arguments.
func splitWords(table flagTable, words []string) (flags, rest []string, err error) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			return flags, append(rest, words[i+1:]...), nil
		case word == "exec:":
			return flags, append(rest, words[i:]...), nil
		case word == "-" || !strings.HasPrefix(word, "-"):
			rest = append(rest, word)
			continue
		}
		split := table.short
		if strings.HasPrefix(word, "--") {
			split = table.long
		}
		found, open, err := split(word)
		if err != nil {
			return nil, nil, err
		}
		if open { // the value is the next word, whatever it looks like
			if i++; i == len(words) {
				return nil, nil, fmt.Errorf("%s needs a value", word)
			}
			found[len(found)-1] += "=" + words[i]
		}
		flags = append(flags, found...)
	}
	return flags, rest, nil
}

// long reads --name or --name=value. Open says that the value is missing.
func (t flagTable) long(word string) (flags []string, open bool, err error) {
	name, value, joined := strings.Cut(word[2:], "=")
	row, ok := t[name]
	switch {
	case !ok || len(name) == 1:
		return nil, false, t.unknown("--"+name, name)
	case joined && !row.value && value != "true" && value != "false":
		return nil, false, fmt.Errorf("--%s takes no value", name)
	case joined:
		return []string{"--" + row.name + "=" + value}, false, nil
	}
	return []string{"--" + row.name}, row.value, nil
}

// short reads -a, -abc, -oVALUE or -abcoVALUE.
func (t flagTable) short(word string) (flags []string, open bool, err error) {
	letters := word[1:]
	// -output is one letter too few rather than -o with the value "utput".
	if name, _, _ := strings.Cut(letters, "="); len(name) > 1 && t[name].name != "" {
		return nil, false, fmt.Errorf("unknown flag %q (did you mean --%s?)", "-"+name, name)
	}
	for i, letter := range letters {
		row, ok := t[string(letter)]
		switch {
		case !ok:
			if i == 0 {
				return nil, false, t.unknown("-"+string(letter), letters)
			}
			return nil, false, fmt.Errorf("unknown flag %q in %q", "-"+string(letter), word)
		case !row.value:
			flags = append(flags, "--"+row.name)
		case i+len(string(letter)) == len(letters):
			return append(flags, "--"+row.name), true, nil
		default:
			return append(flags, "--"+row.name+"="+letters[i+len(string(letter)):]), false, nil
		}
	}
	return flags, false, nil
}

// unknown says which flag there is not, and which one there is.
func (t flagTable) unknown(given, name string) error {
	var names []string
	for n := range t {
		if len(n) > 1 {
			names = append(names, n)
		}
	}
	if near := wire.Nearest(name, names); near != "" {
		return fmt.Errorf("unknown flag %q (did you mean --%s?)", given, near)
	}
	return fmt.Errorf("unknown flag %q", given)
}

// unknownCommand says what the word may have meant.
func unknownCommand(app *cli.App, word string) error {
	err := usagef("unknown command %q", word)
	var names, below []string
	for _, c := range app.Commands {
		names = append(names, c.Names()...)
		if sub := find(c.Subcommands, word); sub != nil {
			below = append(below, wordsOf(sub))
		}
	}
	topic, _ := findTopics(topics(), word)
	file := strings.HasSuffix(word, ".pcap") || strings.HasSuffix(word, ".pcapng")
	switch near := wire.Nearest(word, names); {
	case len(below) > 0:
		return usagef("unknown command %q (did you mean %s?)", word, orList(below))
	case len(topic) > 0:
		return withHint(err, "what it is: fcgiscope explain "+topic[0].reference())
	case near != "":
		return usagef("unknown command %q (did you mean %s?)", word, near)
	case file:
		return withHint(err, "to decode it: fcgiscope dump "+word)
	case strings.ContainsAny(word, "/:"):
		return withHint(err, "to send a request there: fcgiscope request "+word)
	}
	return withHint(err, "fcgiscope --help lists the commands")
}

// whichOne is for a command that has others below it, of which word names none.
func whichOne(c *cli.Command, word string) error {
	err, hint := usagef("%s: which one?", wordsOf(c)), c.HelpName+" --help lists them"
	if word == "" {
		return withHint(err, hint)
	}
	var names []string
	for _, sub := range c.Subcommands {
		names = append(names, sub.Name)
	}
	if near := wire.Nearest(word, names); near != "" {
		return usagef("%s: unknown command %q (did you mean %s?)", wordsOf(c), word, near)
	}
	return withHint(usagef("%s: unknown command %q", wordsOf(c), word), hint)
}
