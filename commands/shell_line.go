package commands

import (
	"errors"
	"fmt"
	"strings"
)

// A shellLine is a command of a session: one line, or the part of one before
// "; ", or several that belong together.
type shellLine struct {
	name   string // of the command; "" for nothing to do
	nameAt int    // its column, from 1
	rest   string // what follows it, without a comment
	restAt int    // the column of that
	text   string // all of it, as it was written
	from   string // what it was read from, "" is standard input
	number int    // of the line, from 1; 0: it was typed
}

// A typed is a word of a line, in quotes or not, as it is written.
type typed struct {
	text string
	at   int // its column, from 1
}

// maxShellLine is the most bytes of a command.
const maxShellLine = 4 << 20

// splitLine makes commands of a line: "; " separates them, and a # where a word
// could begin starts a comment, both but in quotes.
func splitLine(line string) []*shellLine {
	if isEntry(strings.TrimLeft(line, " \t")) {
		return []*shellLine{{name: textName, nameAt: 1, rest: line, restAt: 1, text: line}}
	}
	var all []*shellLine
	start, quote := 0, byte(0)
	end := len(line)
	for i := 0; i < end; i++ {
		c := line[i]
		blank := i == 0 || line[i-1] == ' ' || line[i-1] == '\t'
		switch {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"', c == '\'' && shellQuotes(line[start:i]):
			quote = c
		case c == '#' && blank:
			end = i
		case c == ';' && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t'):
			all = append(all, newShellLine(line, start, i))
			start = i + 1
		}
	}
	if l := newShellLine(line, start, min(end, len(line))); l.name != "" || len(all) == 0 {
		all = append(all, l)
	}
	return all
}

// isEntry reports whether s begins as an entry of the text form does.
func isEntry(s string) bool { return s != "" && strings.IndexByte("><@!", s[0]) >= 0 }

// shellQuotes reports whether '…' is a quote in the command that begins so: in
// those that take words as a shell does.
func shellQuotes(begin string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(begin, " \t"), " ")
	c := findVerb(name)
	return c != nil && c.words
}

func newShellLine(line string, start, end int) *shellLine {
	part := line[start:end]
	trimmed := strings.TrimLeft(part, " \t")
	l := &shellLine{nameAt: start + len(part) - len(trimmed) + 1, text: strings.TrimSpace(part)}
	if isEntry(trimmed) {
		l.name, l.rest, l.restAt = textName, trimmed, l.nameAt
		return l
	}
	n := strings.IndexAny(trimmed, " \t")
	if n < 0 {
		n = len(trimmed)
	}
	l.name = trimmed[:n]
	rest := strings.TrimLeft(trimmed[n:], " \t")
	l.restAt = l.nameAt + len(trimmed) - len(rest)
	l.rest = strings.TrimRight(rest, " \t")
	return l
}

// words splits what follows the command at blanks outside of "…".
func (l *shellLine) words() []typed {
	var words []typed
	s := l.rest
	start, quoted := -1, false
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || !quoted && (s[i] == ' ' || s[i] == '\t'):
			if start >= 0 {
				words = append(words, typed{s[start:i], l.restAt + start})
			}
			start = -1
			continue
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i = min(i+1, len(s)-1)
		}
		if start < 0 {
			start = i
		}
	}
	return words
}

// args splits what follows the command as a shell does.
func (l *shellLine) args() ([]typed, error) {
	words, err := splitPlaces(l.rest)
	var wrong *splitError
	if errors.As(err, &wrong) {
		return nil, l.fail(l.restAt+wrong.at-1, "in quotes it is nothing special: '…'", "the %s %s", wrong.mark, wrong.what)
	}
	for i := range words {
		words[i].at += l.restAt - 1
	}
	return words, nil
}

// glued reports whether a ; without a blank, and a command, follow somewhere.
func (l *shellLine) glued() bool {
	for _, w := range l.words() {
		_, name, _ := strings.Cut(w.text, ";")
		if v := findVerb(name); v != nil && !strings.Contains(w.text, `"`) {
			return true
		}
	}
	return false
}

// none refuses words after a command that takes none.
func (l *shellLine) none() error {
	if l.rest != "" {
		return l.fail(l.restAt, l.name+" takes nothing", "unexpected %q", l.rest)
	}
	return nil
}

// A lineError says what is wrong with a line, and where.
type lineError struct {
	column int
	what   string
}

func (e *lineError) Error() string { return e.what }

// fail returns an error at a column.
func (l *shellLine) fail(column int, hint, format string, args ...any) error {
	if l.glued() {
		hint = `a blank behind the ";" separates commands`
	}
	return withHint(usageError{&lineError{column, fmt.Sprintf(format, args...)}}, hint)
}

// A linedError says in which line it happened.
type linedError struct {
	where string
	error
}

func (e linedError) Error() string { return e.where + plain(e.error) }
func (e linedError) Unwrap() error { return e.error }

// place says where an error happened: the line of a script, and the column of a
// mistake.
func (l *shellLine) place(err error) error {
	var placed linedError
	if errors.As(err, &placed) { // in a script that it loads
		return err
	}
	var where string
	if l.number > 0 {
		where = fmt.Sprintf("line %d", l.number)
		if l.from != "" {
			where = l.from + ": " + where
		}
	}
	var at *lineError
	if errors.As(err, &at) {
		if where != "" {
			where += ", "
		}
		where += fmt.Sprintf("column %d", at.column)
	}
	if where == "" {
		return err
	}
	return linedError{where + ": ", err}
}
