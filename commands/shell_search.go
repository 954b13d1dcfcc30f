package commands

import (
	"strings"
	"sync"

	"golang.org/x/term"
)

// Keys that shellKeys makes of others while the history is searched: the line
// editor would take those for itself, and passes these on. Unicode leaves them to
// private use.
const (
	keySearchErase  = '\uE000' // the last character of what is searched for
	keySearchCancel = '\uE001' // back to the line before
	keySearchTake   = '\uE002' // go on with the line that was found
)

// A shellSearch looks for earlier lines, from the last one back, as they are
// typed: Ctrl-R begins, and goes on to the line before the one that was found.
type shellSearch struct {
	history *shellHistory

	mu     sync.Mutex
	active bool
	failed bool
	what   string // is searched for
	found  int    // index of the line in history, 0 is the last; -1: none yet
	before string // the line when the search began
}

// key does what a key means for the search; ok is false where it means nothing.
func (h *shellSearch) key(line string, pos int, key rune) (newLine string, newPos int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.active && key != keySearch:
		return "", 0, false
	case !h.active:
		h.active, h.failed, h.what, h.found, h.before = true, false, "", -1, line
		return line, pos, true
	case key == keySearchTake:
		h.active = false
		return line, pos, true
	case key == keySearchCancel:
		h.active = false
		return h.before, len(h.before), true
	case key == keySearch:
		return h.look(line, pos, h.found+1)
	case key == keySearchErase:
		if r := []rune(h.what); len(r) > 0 {
			h.what = string(r[:len(r)-1])
		}
		return h.look(line, pos, 0)
	case key < ' ':
		return line, pos, true
	}
	h.what += string(key)
	return h.look(line, pos, max(0, h.found))
}

// look finds the next line from index on, and the place in it.
func (h *shellSearch) look(line string, pos, from int) (string, int, bool) {
	h.failed = false
	if h.what == "" {
		h.found = -1
		return h.before, len(h.before), true
	}
	for i := from; i < h.history.Len(); i++ {
		if at := strings.Index(h.history.At(i), h.what); at >= 0 {
			h.found = i
			return h.history.At(i), at, true
		}
	}
	h.failed = true
	return line, pos, true
}

// prompt says what is searched for, "" if nothing is.
func (h *shellSearch) prompt() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.active:
		return ""
	case h.failed:
		return "no line with '" + h.what + "'> "
	}
	return "search '" + h.what + "'> "
}

// keyed returns what the line editor asks at each key that it does not know.
func (in *terminalLines) keyed(complete func(string, int, rune) (string, int, bool)) func(string, int, rune) (string, int, bool) {
	return func(line string, pos int, key rune) (string, int, bool) {
		if newLine, newPos, ok := in.search.key(line, pos, key); ok {
			in.showPrompt()
			return newLine, newPos, true
		}
		return complete(line, pos, key)
	}
}

// A shellPrompt is what stands before the line that is typed.
type shellPrompt struct {
	mu    sync.Mutex
	t     *term.Terminal
	shown string
}

// show shows a prompt, which what returns, and draws it if it is another one
// than before and somebody types behind it.
func (p *shellPrompt) show(what func() string, typing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := what()
	if text == p.shown {
		return
	}
	p.shown = text
	p.t.SetPrompt(text)
	if typing {
		_, _ = p.t.Write(nil) // draws it
	}
}
