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
