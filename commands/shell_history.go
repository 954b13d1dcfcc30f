package commands

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/redact"
)

const (
	maxHistory     = 1000      // lines that are remembered
	maxHistoryLine = 4 << 10   // bytes of one
	maxHistoryFile = 512 << 10 // bytes; above it, only the last maxHistory lines are kept
)

// shellHistory is the lines of this session and of earlier ones. The file is a
// help, not a result: where it cannot be used, there is none, after a word about
// it. It holds no line with a secret.
type shellHistory struct {
	lines []string // the oldest first
	file  *os.File // nil: they are not kept
	mask  *redact.Redactor
	env   *Env
}

func newShellHistory(env *Env, o *shellOptions) *shellHistory {
	h := &shellHistory{mask: redact.New(o.redaction.names...), env: env}
	name := historyFile(env)
	if o.noHistory || name == "" {
		return h
	}
	if err := h.open(name); err != nil {
		complain(env, fmt.Sprintf("the history is not kept: %v\r", err))
	}
	return h
}

// historyFile is the name of the file, "" if there is no place for it. See the
// XDG base directory specification.
func historyFile(env *Env) string {
	dir := env.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home := env.Getenv("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "fcgiscope", "history")
}

// open reads the file, and makes it shorter if it is too long.
func (h *shellHistory) open(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(name + ": is no file")
	}
	if err == nil && info.Mode().Perm() != 0o600 {
		err = f.Chmod(0o600)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if over := info.Size() - 2*maxHistoryFile; over > 0 { // somebody else wrote it
		_, _ = f.Seek(over, 0)
	}
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxHistoryLine+1)
	for in.Scan() {
		h.remember(in.Text())
	}
	h.file = f
	if info.Size() > maxHistoryFile {
		return h.shorten()
	}
	return nil
}

// shorten writes the lines that are remembered in place of the file.
func (h *shellHistory) shorten() error {
	if err := h.file.Truncate(0); err != nil {
		return err
	}
	_, err := h.file.WriteString(strings.Join(h.lines, "\n") + "\n")
	return err
}

// remember adds a line; one that the terminal should not see is none.
func (h *shellHistory) remember(line string) {
	if n := len(h.lines); line == "" || len(line) > maxHistoryLine || n > 0 && h.lines[n-1] == line || pretty.Clean(line) != line {
		return
	}
	if len(h.lines) == maxHistory {
		h.lines = append(h.lines[:0], h.lines[1:]...)
	}
	h.lines = append(h.lines, line)
}

// Add implements term.History.
func (h *shellHistory) Add(line string) {
	before := len(h.lines)
	line = strings.TrimRight(line, " ")
	h.remember(line)
	if h.file == nil || len(h.lines) == before && before < maxHistory || h.secret(line) {
		return
	}
	if _, err := h.file.WriteString(line + "\n"); err != nil {
		h.file.Close()
		h.file = nil
	}
}

// Len implements term.History.
func (h *shellHistory) Len() int { return len(h.lines) }

// At implements term.History; 0 is the last line.
func (h *shellHistory) At(i int) string { return h.lines[len(h.lines)-1-i] }

func (h *shellHistory) close() {
	if h.file != nil {
		h.file.Close()
	}
}

// secret reports whether a line may hold a secret: the value of a name that
// --redact masks, wherever it stands; what request takes as credentials; a name
// and a password in a URL; and raw bytes, as nobody looks into them.
func (h *shellHistory) secret(line string) bool {
	name, rest, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	switch {
	case name == "raw", isHexLine(line), strings.Contains(rest, `x"`), strings.HasPrefix(rest, "raw "), strings.Contains(line, "> raw"):
		return true
	case name == "request" && hasSecretFlag(rest):
		return true
	case strings.Contains(line, "://") && strings.Contains(line, "@"):
		return true
	}
	for _, word := range strings.FieldsFunc(line, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		if h.mask.Secret(word) || h.mask.Secret(strings.TrimPrefix(strings.ToUpper(word), "HTTP_")) || strings.EqualFold(word, "cookie") {
			return true
		}
	}
	return false
}

// hasSecretFlag reports whether a command line of request names a user or
// cookies.
func hasSecretFlag(rest string) bool {
	words, err := splitCommand(rest)
	if err != nil {
		return true
	}
	flags, _, err := splitWords(tableOf(new(requestOptions).flags()), words)
	if err != nil {
		return true
	}
	for _, f := range flags {
		name, _, _ := strings.Cut(f, "=")
		switch name {
		case "--user", "--cookie", "--load":
			return true
		}
	}
	return false
}
