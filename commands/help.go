package commands

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// helpWidth is the most columns that a line of help has.
const helpWidth = 100

// flagColumn is where the text of a flag begins.
const flagColumn = 30

// writeAppHelp prints what there is, for so many columns.
func writeAppHelp(w io.Writer, columns int, app *cli.App) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n\nusage: %s COMMAND [FLAGS] [ARGUMENTS]\n\nCommands:\n", app.Name, app.Usage, app.Name)
	for _, c := range app.Commands {
		if !c.Hidden {
			writeEntry(&b, 14, c.Name, c.Usage)
		}
	}
	b.WriteString("\nfcgiscope COMMAND --help explains a command. Flags may come before and after the arguments.\n\nExit codes:\n")
	for _, row := range exits {
		if row.code != 0 {
			writeEntry(&b, 7, fmt.Sprint(row.code), row.meaning)
		}
	}
	return write(w, fit(b.Bytes(), columns))
}

// writeHelp prints the help of a command, for so many columns.
func writeHelp(w io.Writer, columns int, c *cli.Command) error {
	var b bytes.Buffer
	args := "[FLAGS] " + c.ArgsUsage
	if len(c.Subcommands) > 0 {
		args = "COMMAND [FLAGS] [ARGUMENTS]"
	}
	fmt.Fprintf(&b, "%s: %s\n\nusage: %s %s\n", c.HelpName, c.Usage, c.HelpName, strings.TrimSpace(args))
	if c.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.Description))
	}
	if len(c.Subcommands) > 0 {
		b.WriteString("\nCommands:\n")
		for _, sub := range c.Subcommands {
			writeEntry(&b, 14, sub.Name, sub.Usage)
		}
	}
	headings := categories(c.Flags)
	for _, category := range headings {
		title := category
		if len(headings) == 1 {
			title = "Flags"
		}
		fmt.Fprintf(&b, "\n%s:\n", title)
		for _, f := range c.Flags {
			if visible(f) && categoryOf(f) == category {
				writeFlag(&b, f.(cli.DocGenerationFlag))
			}
		}
	}
	return write(w, fit(b.Bytes(), columns))
}

// categories returns the headings of flags in the order of their first use;
// the flags without one come last.
func categories(flags []cli.Flag) []string {
	var list []string
	seen := map[string]bool{otherFlags: true}
	for _, f := range flags {
		if name := categoryOf(f); visible(f) && !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return append(list, otherFlags)
}

const otherFlags = "Other flags"

func categoryOf(f cli.Flag) string {
	if name := f.(cli.CategorizableFlag).GetCategory(); name != "" {
		return name
	}
	return otherFlags
}

func visible(f cli.Flag) bool { return f.(cli.VisibleFlag).IsVisible() }

// writeFlag prints one flag.
func writeFlag(b *bytes.Buffer, f cli.DocGenerationFlag) {
	t := flagTextOf(f)
	short, long, value := "    ", "", ""
	if t.short != "" {
		short = "-" + t.short + ", "
	}
	if t.long != "" {
		long = "--" + t.long
	} else {
		short = strings.TrimSuffix(short, ", ")
	}
	if t.value != "" {
		value = " " + t.value
	}
	writeEntry(b, flagColumn, short+long+value, t.usage)
}

// A flagText is what help says of a flag.
type flagText struct {
	short, long string // names without hyphens; "" is none
	value       string // the name of its value; "" is none
	usage       string // with the default at its end
}

// flagTextOf reads a flag. The word in backquotes of its usage is the name of
// its value.
func flagTextOf(f cli.DocGenerationFlag) flagText {
	t := flagText{usage: f.GetUsage()}
	if before, rest, ok := strings.Cut(t.usage, "`"); ok {
		name, after, _ := strings.Cut(rest, "`")
		t.usage, t.value = before+name+after, name
	}
	for _, name := range namesOf(f.(cli.Flag)) {
		if len(name) == 1 {
			t.short = name
		} else if t.long == "" {
			t.long = name
		}
	}
	if text := f.GetDefaultText(); f.TakesValue() && text != "" && text != `""` {
		t.usage += " (default " + strings.Trim(text, `"`) + ")"
	}
	return t
}

// writeEntry prints a term and, beginning in a column, its explanation. There
// are two blanks between them at least, by which fit knows them.
func writeEntry(b *bytes.Buffer, column int, term, text string) {
	line := "  " + term
	if columnsOf(line)+2 > column {
		b.WriteString(line + "\n")
		line = ""
	}
	line += strings.Repeat(" ", column-columnsOf(line))
	first := true
	for word := range strings.FieldsSeq(text) {
		if !first && columnsOf(line)+1+columnsOf(word) > helpWidth {
			b.WriteString(line + "\n")
			line, first = strings.Repeat(" ", column), true
		}
		if !first {
			line += " "
		}
		line, first = line+word, false
	}
	b.WriteString(line + "\n")
}

// write writes a result to stdout.
func write(w io.Writer, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return outputError{err}
	}
	return nil
}
