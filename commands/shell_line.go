package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/text"
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
func (l *shellLine) args() ([]string, error) {
	words, err := splitCommand(l.rest)
	if err != nil {
		return nil, l.fail(l.restAt, "in quotes it is nothing special: '…'", "%v", err)
	}
	return words, nil
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

// A lineSource gives the lines of a session.
type lineSource interface {
	// next returns the next line; more says that others which may belong to it
	// are likely to follow. Where patience is not 0 it returns errLater when no
	// line has come for so long. io.EOF is the end.
	next(ctx context.Context, patience time.Duration) (line string, more bool, err error)
	// where says what the lines are read from, and the number of the last one.
	where() (from string, number int)
}

var errLater = errors.New("no line yet")

// knownLines are lines that are all there.
type knownLines struct {
	name  string
	lines []string
	n     int // that were given
	shift int // lines of the file before the first
}

func (t *knownLines) next(context.Context, time.Duration) (string, bool, error) {
	if t.n == len(t.lines) {
		return "", false, io.EOF
	}
	t.n++
	return t.lines[t.n-1], true, nil
}

func (t *knownLines) where() (string, int) { return t.name, t.n + t.shift }

// comingLines are lines as they come.
type comingLines struct {
	name  string
	n     int
	lines chan readLine
	ended error
}

type readLine struct {
	line string
	err  error
}

// newComingLines reads r until ctx ends.
func newComingLines(ctx context.Context, r io.Reader, name string) *comingLines {
	t := &comingLines{name: name, lines: make(chan readLine)}
	go func() {
		b := bufio.NewReader(until(ctx, r))
		for {
			line, err := readShellLine(b)
			if err == io.EOF && line != "" {
				err = nil
			}
			select {
			case t.lines <- readLine{line, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return t
}

var errLineLong = fmt.Errorf("a line of more than %d MiB", maxShellLine>>20)

func readShellLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxShellLine {
			return "", errLineLong
		}
		if err != bufio.ErrBufferFull {
			return string(bytes.TrimRight(line, "\r\n")), err
		}
	}
}

func (t *comingLines) next(ctx context.Context, patience time.Duration) (string, bool, error) {
	if t.ended != nil {
		return "", false, t.ended
	}
	var late <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case l := <-t.lines:
		if l.err != nil {
			t.ended = l.err
			return "", false, l.err
		}
		t.n++
		return l.line, true, nil
	case <-late:
		return "", false, errLater
	case <-ctx.Done():
		return "", false, context.Cause(ctx)
	}
}

func (t *comingLines) where() (string, int) { return t.name, t.n }

// togetherTime is how long a line waits for one that continues it.
const togetherTime = 50 * time.Millisecond

// An assembler makes commands of lines: it splits those that hold several, and
// puts together an entry of the text form with the indented lines below it, and
// lines of hex digits.
type assembler struct {
	in   lineSource
	todo []*shellLine // that are complete
	held *shellLine   // that may go on in the next line; nil if there is none
	err  error        // of the source
}

// next returns the next command, nil at the end.
func (a *assembler) next(ctx context.Context) (*shellLine, error) {
	for {
		if len(a.todo) > 0 {
			l := a.todo[0]
			a.todo = a.todo[1:]
			return l, nil
		}
		if a.err == io.EOF {
			return nil, nil
		} else if a.err != nil {
			return nil, a.err
		}
		patience := time.Duration(0)
		if a.held != nil {
			patience = togetherTime
		}
		line, more, err := a.in.next(ctx, patience)
		if err != nil {
			a.release()
			if err != errLater {
				a.err = err
			}
			continue
		}
		a.take(line, more)
	}
}

func (a *assembler) release() {
	if a.held != nil {
		a.todo = append(a.todo, a.held)
	}
	a.held = nil
}

func (a *assembler) take(line string, more bool) {
	indented := line != "" && (line[0] == ' ' || line[0] == '\t')
	hex := isHexLine(line)
	if h := a.held; h != nil && (h.name == textName && indented || h.name == hexName && hex) && len(h.text) < maxShellLine {
		h.rest += "\n" + line
		h.text += "\n" + line
	} else {
		a.release()
		from, number := a.in.where()
		if hex {
			a.held = &shellLine{name: hexName, nameAt: 1, rest: line, restAt: 1, text: line, from: from, number: number}
		} else {
			for _, l := range splitLine(line) {
				l.from, l.number = from, number
				a.release()
				a.held = l
			}
		}
	}
	if h := a.held; h != nil && (!more || h.name != textName && h.name != hexName) {
		a.release()
	}
}

// The commands of lines that begin with no command.
const (
	textName = ">" // an entry of the text form
	hexName  = "0" // bytes in hexadecimal
)

// isHexLine reports whether a line is a dump of bytes and nothing else: pairs of
// hex digits, in words or not, at least four of them, so that no word of a
// language is one. An offset with a colon before and a text behind, as xxd and
// hexdump -C print, may be there.
func isHexLine(line string) bool {
	b, err := hexLine(line)
	return err == nil && len(b) >= 4
}

var errNotHex = errors.New("not hex")

// hexLine returns the bytes of a line of a dump.
func hexLine(line string) ([]byte, error) {
	digits := strings.TrimSpace(line)
	if i := strings.IndexByte(digits, '|'); i >= 0 { // hexdump -C
		offset, rest, ok := strings.Cut(digits[:i], " ")
		if !ok || len(offset) != 8 {
			return nil, errNotHex
		}
		digits = rest
	} else if offset, rest, ok := strings.Cut(digits, ": "); ok && strings.Trim(offset, "0123456789abcdefABCDEF") == "" { // xxd
		digits, _, _ = strings.Cut(rest, "  ")
	}
	var b []byte
	for w := range strings.FieldsSeq(digits) {
		if len(w)%2 != 0 {
			return nil, errNotHex
		}
		part, err := text.Unquote(nil, []byte(`x"`+w+`"`))
		if err != nil {
			return nil, errNotHex
		}
		b = append(b, part...)
	}
	return b, nil
}
