package commands

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// A ManPage is a page of the manual, made from a command.
type ManPage struct {
	Name string // of its file, such as "fcgiscope-request.1"
	Text []byte
}

// ManPages returns the pages of section 1 of the manual: that of the program,
// and one for each command, those below others too.
func ManPages() []ManPage {
	app := newApp(&Env{}, "")
	pages := []ManPage{{app.Name + ".1", rootPage(app)}}
	var walk func(parent string, all []*cli.Command)
	walk = func(parent string, all []*cli.Command) {
		for _, c := range all {
			if !c.Hidden {
				pages = append(pages, ManPage{pageName(c.HelpName) + ".1", commandPage(parent, c)})
				walk(c.HelpName, c.Subcommands)
			}
		}
	}
	walk(app.Name, app.Commands)
	return pages
}

// pageName is the name of a command's page, without the section.
func pageName(command string) string { return strings.ReplaceAll(command, " ", "-") }

// A roff is a manual page that is being written, in the macros of man(7).
type roff struct{ bytes.Buffer }

// begin writes the title and the section NAME.
func (r *roff) begin(command, usage string) {
	r.line("." + `\" Made by scripts/gen-docs from the commands' help.`)
	r.line(fmt.Sprintf(`.TH %q 1 "" "fcgiscope" "User Commands"`, strings.ToUpper(pageName(command))))
	r.section("NAME")
	r.line(escapeRoff(pageName(command)) + ` \- ` + escapeRoff(usage))
}

func (r *roff) line(s string) { r.WriteString(s + "\n") }

func (r *roff) section(name string) { r.line(".SH " + name) }

// entry writes a term, which is roff, and its explanation.
func (r *roff) entry(term, text string) {
	r.line(".TP")
	r.line(term)
	r.line(escapeRoff(text))
}

// text writes what help says in lines: paragraphs, and as they are those lines
// that are indented.
func (r *roff) text(lines []string) {
	asIs := false
	switchTo := func(on bool) {
		switch {
		case on && !asIs:
			r.line(".PP\n.RS 4\n.nf")
		case !on && asIs:
			r.line(".fi\n.RE")
		}
		asIs = on
	}
	paragraph := true
	for _, line := range lines {
		switch {
		case line == "":
			paragraph = true
			continue
		case strings.HasPrefix(line, "  "):
			if asIs && paragraph {
				r.line("")
			}
			switchTo(true)
			line = strings.TrimPrefix(line, "  ")
		default:
			switchTo(false)
			if paragraph {
				r.line(".PP")
			}
		}
		paragraph = false
		r.line(escapeRoff(line))
	}
	switchTo(false)
}

// escapeRoff makes a line of text mean itself.
func escapeRoff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// rootPage is the page of the program.
func rootPage(app *cli.App) []byte {
	var r roff
	r.begin(app.Name, app.Usage)
	r.section("SYNOPSIS")
	r.line(`.B fcgiscope`)
	r.line(`.I COMMAND`)
	r.line(`[\fIFLAGS\fR] [\fIARGUMENTS\fR]`)
	r.section("COMMANDS")
	for _, c := range app.Commands {
		if !c.Hidden {
			r.entry(`\fB`+escapeRoff(pageName(c.HelpName))+`\fR(1)`, c.Usage)
		}
	}
	r.section("OPTIONS")
	r.flags(app.Flags)
	r.line(".PP\nFlags may come before and after the arguments.")
	r.section(exitSection)
	for _, row := range exits {
		r.entry(fmt.Sprintf(`\fB%d\fR`, row.code), row.meaning)
	}
	return r.Bytes()
}

const exitSection = `"EXIT STATUS"`

// commandPage is the page of a command, which parent is above.
func commandPage(parent string, c *cli.Command) []byte {
	var r roff
	r.begin(c.HelpName, c.Usage)
	r.section("SYNOPSIS")
	r.line(`.B ` + escapeRoff(c.HelpName))
	args := `[\fIFLAGS\fR] ` + escapeRoff(c.ArgsUsage)
	if len(c.Subcommands) > 0 {
		args = `\fICOMMAND\fR [\fIFLAGS\fR] [\fIARGUMENTS\fR]`
	}
	r.line(strings.TrimSpace(args))
	description, exit, examples, notes := splitDescription(c.Description)
	if len(description) > 0 {
		r.section("DESCRIPTION")
		r.text(description)
	}
	if len(c.Subcommands) > 0 {
		r.section("COMMANDS")
		for _, sub := range c.Subcommands {
			r.entry(`\fB`+escapeRoff(pageName(sub.HelpName))+`\fR(1)`, sub.Usage)
		}
	}
	r.section("OPTIONS")
	headings := categories(c.Flags)
	for _, category := range headings {
		if len(headings) > 1 {
			r.line(fmt.Sprintf(".SS %q", category))
		}
		var shown []cli.Flag
		for _, f := range c.Flags {
			if visible(f) && categoryOf(f) == category {
				shown = append(shown, f)
			}
		}
		r.flags(shown)
	}
	r.section(exitSection)
	if len(exit) > 0 {
		r.text(exit)
	}
	r.line(".PP\nAll of them are in\n.BR fcgiscope (1).")
	if len(examples) > 0 {
		r.section("EXAMPLES")
		r.text(examples)
	}
	if len(notes) > 0 {
		r.section("NOTES")
		r.text(notes)
	}
	r.section(`"SEE ALSO"`)
	r.line(".BR " + escapeRoff(pageName(parent)) + " (1)")
	return r.Bytes()
}

// flags writes a list of flags.
func (r *roff) flags(flags []cli.Flag) {
	for _, f := range flags {
		t := flagTextOf(f.(cli.DocGenerationFlag))
		var names []string
		if t.short != "" {
			names = append(names, `\fB\-`+escapeRoff(t.short)+`\fR`)
		}
		if t.long != "" {
			names = append(names, `\fB\-\-`+escapeRoff(t.long)+`\fR`)
		}
		term := strings.Join(names, ", ")
		if t.value != "" {
			term += ` \fI` + escapeRoff(t.value) + `\fR`
		}
		r.entry(term, t.usage)
	}
}

// splitDescription takes the paragraph about exit codes, the examples and what
// follows those out of a description.
func splitDescription(text string) (description, exit, examples, notes []string) {
	part := &description
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		switch {
		case line == "Examples:":
			part = &examples
			continue
		case strings.HasPrefix(line, "Exit codes: "):
			part = &exit
			line = strings.TrimPrefix(line, "Exit codes: ")
		case line == "" && part == &exit:
			part = &description
		case line == "" && part == &examples:
			part = &notes
		}
		*part = append(*part, line)
	}
	return description, exit, examples, notes
}
