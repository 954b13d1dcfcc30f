package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/text"
)

// terminals are the widths for which all texts are looked at.
var terminals = []int{40, 60, 80, helpWidth}

// helpTexts returns all texts that teach, as they are for helpWidth columns.
func helpTexts(t *testing.T) map[string]string {
	t.Helper()
	app := newTestApp()
	texts := map[string]string{}
	keep := func(name string, print func(w io.Writer) error) {
		var b strings.Builder
		if err := print(&b); err != nil {
			t.Fatal(err)
		}
		texts[name] = b.String()
	}
	keep("--help", func(w io.Writer) error { return writeAppHelp(w, helpWidth, app) })
	eachCommand(app, func(c *cli.Command) {
		keep(c.HelpName+" --help", func(w io.Writer) error { return writeHelp(w, helpWidth, c) })
	})
	all := topics()
	texts["explain"] = string(listTopics(all))
	for _, k := range topicKinds {
		var b bytes.Buffer
		listKind(&b, all, k.word)
		texts["explain "+k.plural] = b.String()
	}
	for _, topic := range all {
		var b bytes.Buffer
		topic.append(&b)
		texts["explain "+topic.reference()] = b.String()
	}
	var b bytes.Buffer
	listVerbs(&b)
	texts["help in the shell"] = b.String()
	return texts
}

// TestTextsFit: every text that teaches fits every terminal, says the same
// there, and has examples that can still be copied.
func TestTextsFit(t *testing.T) {
	t.Parallel()
	for name, whole := range helpTexts(t) {
		for _, columns := range terminals {
			fitted := string(fit([]byte(whole), columns))
			if columns == helpWidth && fitted != whole {
				t.Errorf("%s is not left as it is for %d columns", name, columns)
			}
			for line := range strings.Lines(fitted) {
				line = strings.TrimSuffix(line, "\n")
				if strings.TrimRight(line, " ") != line {
					t.Errorf("%s, %d columns: a line ends in a blank: %q", name, columns, line)
				}
				if columnsOf(line) > columns && breakable(line, columns) {
					t.Errorf("%s, %d columns: a line is too wide: %q", name, columns, line)
				}
			}
			if got, want := wordsOfText(fitted), wordsOfText(whole); !slices.Equal(got, want) {
				t.Errorf("%s, %d columns: there are other words in it:\n%s\nwant\n%s", name, columns, fitted, whole)
			}
			_, examples, _ := strings.Cut(whole, "\nExamples:\n")
			examples, _, _ = strings.Cut(examples, "\n\n")
			for line := range strings.Lines(examples) {
				if !strings.Contains(strings.ReplaceAll(fitted, " \\\n    ", " "), line) {
					t.Errorf("%s, %d columns: the example %q cannot be copied from\n%s", name, columns, line, fitted)
				}
			}
		}
	}
}

// breakable reports whether a line that is too wide could have been broken: at a
// blank that is in no quotes, and not so far to the left that only a term is
// before it. What is in the header and the fixed body of a record has to be on
// one line.
func breakable(line string, columns int) bool {
	if isText(line) {
		return len(textArguments(splitOutside(strings.TrimSpace(line), `"`))) > 1
	}
	words := splitOutside(strings.TrimSuffix(line, ` \`), `'"`)
	before := strings.TrimSuffix(line, words[len(words)-1])
	return columnsOf(before) > columns*3/4
}

// wordsOfText returns the words of a text, without what only joins its lines.
func wordsOfText(s string) []string {
	s = strings.ReplaceAll(s, " \\\n", " ")
	return slices.DeleteFunc(strings.Fields(s), func(w string) bool { return w == "#" })
}

// TestTopicsFitAScreen: what a topic has to say is to be seen at once, on a
// terminal of 24 lines and 80 columns too, and its example stays the same.
func TestTopicsFitAScreen(t *testing.T) {
	t.Parallel()
	for _, topic := range topics() {
		var b bytes.Buffer
		topic.append(&b)
		for _, columns := range terminals {
			fitted := string(fit(b.Bytes(), columns))
			if n := strings.Count(fitted, "\n"); columns >= 80 && n > screenful {
				t.Errorf("%s has %d lines in %d columns:\n%s", topic.reference(), n, columns, fitted)
			}
			_, example, _ := strings.Cut(fitted, "ADDR):\n")
			if got, want := canonical(t, example), canonical(t, topic.example); got != want {
				t.Errorf("%s: the example for %d columns is\n%swant\n%s", topic.reference(), columns, got, want)
			}
		}
	}
}

// canonical is what lines of the text form stand for, in its own form.
func canonical(t *testing.T, s string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(s) {
		lines = append(lines, strings.TrimPrefix(line, "  "))
	}
	var b strings.Builder
	r := text.NewReader(strings.NewReader(strings.Join(lines, "")))
	for {
		line, err := r.Next()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, s)
		}
		fmt.Fprintf(&b, "%d %v %v %q\n", line.Kind, line.Dir, line.After, line.AppendWire(nil))
	}
}

// TestFit: each of the forms that fit knows.
func TestFit(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", 90)
	for name, row := range map[string]struct {
		columns  int
		in, want string
	}{
		"a paragraph":           {30, "one two three\nfour five six seven\n", "one two three four five six\nseven\n"},
		"an empty line":         {30, "one\n\ntwo\n", "one\n\ntwo\n"},
		"a heading, and a list": {30, "List:\n  one, two\n  three\n", "List:\n  one, two\n  three\n"},
		"a list over lines":     {40, "  " + full + " one,\n  twoisalongone, two\n", "  " + full + "\n  one, twoisalongone, two\n"},
		"a term":                {30, "  term  what it is, said in a few words\n        and more\n  other  short\n", "  term  what it is, said in a\n        few words and more\n  other  short\n"},
		"two indentations":      {50, "  -c, --cookie FILE  keep it\n                     there\n      --root DIR     document root\n", "  -c, --cookie FILE  keep it there\n      --root DIR     document root\n"},
		"a term without room":   {30, "  a long term          what it is, said in words\n", "  a long term\n        what it is, said in\n        words\n"},
		"a wide term":           {30, "  command [WORD] [ANOTHER] [LAST]\n              what it is\n", "  command [WORD] [ANOTHER]\n      [LAST]\n              what it is\n"},
		"a term above":          {40, "  -f, --flag VALUE\n              what it is, said in words\n", "  -f, --flag VALUE\n              what it is, said in words\n"},
		"a comment":             {30, "  stdin 1     # likewise, as for the others\n", "  stdin 1     # likewise, as\n              # for the others\n"},
		"usage":                 {30, "usage: fcgiscope command [FLAGS] ADDR\n", "usage: fcgiscope command\n    [FLAGS] ADDR\n"},
		"a command": {30, "Examples:\n  fcgiscope request app:echo -d 'a b' --stable < f\n  other\n\n  no example\n",
			"Examples:\n  fcgiscope request app:echo \\\n    -d 'a b' --stable < f\n  other\n\n  no example\n"},
		"a quote in quotes":     {30, "Examples:\n  fcgiscope request -d \"a \\\" b c d e f\"\n", "Examples:\n  fcgiscope request \\\n    -d \"a \\\" b c d e f\"\n"},
		"the end of a command":  {30, "Examples:\n  fcgiscope request app:echo /a\n", "Examples:\n  fcgiscope request app:echo \\\n    /a\n"},
		"a pipe":                {30, "Examples:\n  tcpdump -i lo -U -w - 'tcp' | fcgiscope\n", "Examples:\n  tcpdump -i lo -U -w - \\\n    'tcp' | fcgiscope\n"},
		"pairs":                 {30, "  > PARAMS id=1 A=b C=\"d e f\" G=h\n     I=j\n", "  > PARAMS id=1 A=b C=\"d e f\"\n     G=h I=j\n"},
		"fields":                {30, "  < END_REQUEST id=1 appStatus=0 protocolStatus=0\n", "  < END_REQUEST id=1 appStatus=0 protocolStatus=0\n"},
		"a small name":          {30, "  > PARAMS id=1 NAME=value and-another=1\n", "  > PARAMS id=1 NAME=value\n     and-another=1\n"},
		"fields before a pair":  {30, "  > PARAMS id=1 pad=8 version=2 LONGNAME=a\n", "  > PARAMS id=1 pad=8 version=2\n     LONGNAME=a\n"},
		"raw bytes":             {30, "  > raw \"one and two\" \"three and four\"\n", "  > raw \"one and two\" \"three and four\"\n"},
		"escaped quotes":        {30, "  < STDOUT id=1 \"a \\\" b c d e f g h\" \"i\"\n", "  < STDOUT id=1\n     \"a \\\" b c d e f g h\" \"i\"\n"},
		"more than there is":    {200, full + " " + full + "\n", full + " " + full + "\n"},
		"characters, not bytes": {30, "ääääääääää ääääääääää äääääääää\n", "ääääääääää ääääääääää\näääääääää\n"},
	} {
		if got := string(fit([]byte(row.in), row.columns)); got != row.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, row.want)
		}
	}
}

// TestHelpOnATerminal: what is printed there has its width; anywhere else, and
// where the width is not known, it is as ever.
func TestHelpOnATerminal(t *testing.T) {
	t.Parallel()
	run := func(terminal Terminal, args ...string) string {
		env, stdout, stderr := testEnv("")
		env.Terminal = terminal
		if code := Main(context.Background(), append([]string{"fcgiscope"}, args...), env); code != 0 {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
		return stdout.String()
	}
	of := func(n int) func() int { return func() int { return n } }
	for _, args := range [][]string{
		{"--help"}, {"help"}, {"request", "--help"}, {"help", "fpm", "ping"}, {"explain"}, {"explain", "roles"}, {"explain", "SCRIPT_FILENAME"},
		{"diagnose", "--rule", "D13"}, {"shell", "-c", "help"}, {"shell", "-c", "help begin"}, {"shell", "-c", "help D13"},
	} {
		whole := run(Terminal{}, args...)
		if got, want := run(Terminal{Stdout: true, Width: of(60)}, args...), string(fit([]byte(whole), 60)); got != want || got == whole {
			t.Errorf("%q on a terminal of 60 columns:\n%s", args, got)
		}
		if got := run(Terminal{Stdout: true, Width: of(2)}, args...); got != string(fit([]byte(whole), minColumns)) {
			t.Errorf("%q on a terminal of 2 columns:\n%s", args, got)
		}
		for name, terminal := range map[string]Terminal{
			"no terminal": {Width: of(60)}, "unknown width": {Stdout: true, Width: of(0)}, "no width": {Stdout: true}, "wide": {Stdout: true, Width: of(200)},
		} {
			if got := run(terminal, args...); got != whole {
				t.Errorf("%q, %s:\n%s", args, name, got)
			}
		}
	}
	example := []string{"explain", "REQUEST_URI", "--example"}
	if run(Terminal{Stdout: true, Width: of(40)}, example...) != run(Terminal{}, example...) {
		t.Error("--example is laid out for the terminal: it is for send")
	}
}
