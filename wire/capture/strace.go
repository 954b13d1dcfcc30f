package capture

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// Bounds on what is kept of a trace.
const (
	maxProcesses   = 4096     // whose descriptors are followed
	maxDescriptors = 65536    // of all processes
	maxUnfinished  = 16 << 20 // bytes of calls that other processes interrupted
)

// matchStrace claims what has mostly lines of strace.
func matchStrace(head []byte) int {
	n, calls := 0, 0
	for _, line := range headLines(head) {
		if len(bytes.TrimSpace(line)) == 0 || isAside(line) {
			continue
		}
		n++
		if c, ok := parseLine(line); ok && (c.rest != nil || c.kind != callWhole) {
			calls++
		}
	}
	if calls == 0 || calls*2 < n || !isText(head) {
		return 0
	}
	return scoreSure + 10
}

// isAside reports whether a line is about the call before it: a frame of its
// stack, as -k prints, or its data once more, as -e read=all does.
func isAside(line []byte) bool {
	return bytes.HasPrefix(line, []byte(" > ")) || bytes.HasPrefix(line, []byte(" | "))
}

func openStrace(r *bufio.Reader, o Options) (Source, error) {
	return &straceSource{
		lines: lineReader{in: r}, tables: map[string]*fdTable{}, unfinished: map[string][]byte{}, sockets: map[string]*traced{},
	}, nil
}

// A callKind says how much of a system call a line holds.
type callKind uint8

const (
	callWhole      callKind = iota
	callUnfinished          // its arguments as far as they are known
	callResumed             // the rest of them, and the result
	callExit                // the process ended
)

// A call is a line of strace.
type call struct {
	pid  string
	at   time.Time
	kind callKind
	name string
	rest []byte // behind the opening parenthesis, or behind "resumed>"

	args   []byte
	ret    int64
	failed bool
	retFd  []byte // what -y says about the descriptor that is returned
}

// parseLine takes the parts of a line apart that come before the arguments.
func parseLine(line []byte) (c call, ok bool) {
	c.pid, line = linePid(line)
	// A time, and what -i and -n print: [00007f12] [   0]
	for {
		word, rest, found := bytes.Cut(line, []byte(" "))
		switch {
		case found && len(word) > 0 && word[0] >= '0' && word[0] <= '9':
			c.at, line = lineTime(word), bytes.TrimLeft(rest, " ")
			continue
		case bytes.HasPrefix(line, []byte("[")):
			if _, rest, found = bytes.Cut(line, []byte("] ")); found {
				line = rest
				continue
			}
		}
		break
	}
	if rest, found := bytes.CutPrefix(line, []byte("<... ")); found {
		name, rest, found := bytes.Cut(rest, []byte(" resumed>"))
		c.kind, c.name, c.rest = callResumed, string(name), rest
		return c, found
	}
	if bytes.HasPrefix(line, []byte("+++ ")) {
		c.kind = callExit
		return c, true
	}
	if bytes.HasPrefix(line, []byte("--- SIG")) || bytes.HasPrefix(line, []byte("strace: ")) {
		return c, true
	}
	name, rest, found := bytes.Cut(line, []byte("("))
	if !found || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r > 'z' || !isWord(byte(r)) }) {
		return c, false
	}
	c.name, c.rest = string(name), rest
	if args, found := bytes.CutSuffix(bytes.TrimRight(rest, " "), []byte("<unfinished ...>")); found {
		c.kind, c.rest = callUnfinished, args
		return c, true
	}
	return c, bytes.Contains(rest, []byte("= ")) || bytes.HasSuffix(rest, []byte("...>"))
}

// linePid takes the process off a line: "123 ", "123<php-fpm8.2> ", "[pid 123] ".
func linePid(line []byte) (pid string, rest []byte) {
	word, rest, found := bytes.Cut(line, []byte(" "))
	if r, ok := bytes.CutPrefix(line, []byte("[pid ")); ok {
		word, rest, found = bytes.Cut(bytes.TrimLeft(r, " "), []byte("] "))
	}
	word, _, _ = bytes.Cut(word, []byte("<"))
	if !found || !isNumber(word) {
		return "", line
	}
	return string(word), bytes.TrimLeft(rest, " ")
}

func isNumber(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

var errCutCall = errors.New("the line of a system call is cut")

// result splits arguments and result of a whole call.
func (c *call) result() error {
	i := bytes.LastIndex(c.rest, []byte(" = "))
	if i < 0 {
		return errCutCall
	}
	args, found := bytes.CutSuffix(bytes.TrimRight(c.rest[:i], " "), []byte(")"))
	if !found {
		return errCutCall
	}
	c.args = args
	word, _, _ := bytes.Cut(c.rest[i+3:], []byte(" "))
	word, c.retFd, _ = bytes.Cut(word, []byte("<"))
	ret, err := strconv.ParseInt(string(word), 0, 64)
	c.ret, c.failed = ret, err != nil || ret < 0
	return nil
}

// A straceSource yields what processes read from and wrote to descriptors.
type straceSource struct {
	lines      lineReader
	tables     map[string]*fdTable // by process
	sockets    map[string]*traced  // by what -yy says of a socket
	unfinished map[string][]byte   // by process: name( and arguments
	held       int                 // bytes of unfinished
	open       int                 // descriptors in tables
	out        []Chunk
	pos        int
	at         time.Time
	done       bool
	warned     bool // of strings that strace cut
}

// Next implements Source.
func (s *straceSource) Next() (Chunk, error) {
	for s.pos == len(s.out) {
		if s.done {
			return Chunk{}, io.EOF
		}
		s.out, s.pos = s.out[:0], 0
		line, err := s.lines.next()
		if err == nil {
			err = s.line(line)
		}
		switch {
		case err == io.EOF:
			s.done = true
		case err != nil:
			return Chunk{}, s.lines.where(err)
		}
	}
	s.pos++
	return s.out[s.pos-1], nil
}

// Close implements Source.
func (s *straceSource) Close() error { return nil }

func (s *straceSource) line(line []byte) error {
	if isAside(line) {
		return nil
	}
	c, ok := parseLine(line)
	if !ok {
		return s.odd(line)
	}
	s.at = c.at
	switch c.kind {
	case callExit:
		s.exit(c.pid)
		return nil
	case callUnfinished:
		return s.interrupt(&c)
	case callResumed:
		start := s.unfinished[c.pid]
		if !bytes.HasPrefix(start, []byte(c.name+"(")) {
			return nil // its beginning is not in the trace
		}
		delete(s.unfinished, c.pid)
		s.held -= len(start)
		c.rest = append(start[len(c.name)+1:], c.rest...)
	}
	handle := syscalls[c.name]
	if handle == nil || bytes.HasSuffix(c.rest, []byte("<detached ...>")) {
		return nil
	}
	if err := c.result(); err != nil {
		return err
	}
	return handle(s, &c)
}

// odd complains of a line that could have been a call with data.
func (s *straceSource) odd(line []byte) error {
	if bytes.IndexByte(line, '(') > 0 && bytes.IndexByte(line, '"') > 0 {
		return errCutCall
	}
	return nil
}

// interrupt keeps the beginning of a call that is resumed later.
func (s *straceSource) interrupt(c *call) error {
	if syscalls[c.name] == nil {
		return nil
	}
	s.held -= len(s.unfinished[c.pid])
	if s.held+len(c.rest) > maxUnfinished || len(s.unfinished) == maxProcesses {
		return errors.New("too many interrupted calls at once")
	}
	s.unfinished[c.pid] = []byte(c.name + "(" + string(c.rest))
	s.held += len(s.unfinished[c.pid])
	return nil
}

// nextArg splits the first argument off a list.
func nextArg(b []byte) (arg, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{' || c == '(' || c == '<' && i+1 < len(b) && b[i+1] != '<':
			depth++
		case c == ']' || c == '}' || c == ')' || c == '>' && b[i-1] != '-':
			depth--
		case c == ',' && depth <= 0:
			return bytes.TrimSpace(b[:i]), bytes.TrimSpace(b[i+1:])
		}
	}
	return bytes.TrimSpace(b), nil
}

// descriptor reads a descriptor with what -y says about it.
func descriptor(arg []byte) (fd int, about string, ok bool) {
	number, rest, _ := strings.Cut(string(arg), "<")
	fd, err := strconv.Atoi(number)
	return fd, strings.TrimSuffix(rest, ">"), err == nil
}

// str decodes a string argument and appends it to dst. cut says that strace
// did not print all of it.
func str(dst, arg []byte) (out []byte, cut, ok bool) {
	body, ok := bytes.CutPrefix(arg, []byte(`"`))
	if !ok {
		return dst, false, false
	}
	body, cut = bytes.CutSuffix(body, []byte(`"...`))
	if !cut {
		if body, ok = bytes.CutSuffix(body, []byte(`"`)); !ok {
			return dst, false, false
		}
	}
	d := literal{bare: true}
	dst, err := d.decode(dst, body)
	dst, ending := d.end(dst)
	return dst, cut, err == nil && ending == nil
}

// field finds name=value in a structure and returns what begins at the value.
func field(arg []byte, name string) []byte {
	_, value, found := bytes.Cut(arg, []byte(name+"="))
	if !found {
		return nil
	}
	value, _ = nextArg(value)
	return bytes.TrimRight(value, "}]")
}

func (s *straceSource) pidNumber(pid string) int {
	n, _ := strconv.Atoi(pid)
	return n
}
