package commands

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"unicode/utf8"
)

// The keys that have a meaning of their own.
const (
	keyInterrupt = 0x03 // Ctrl-C
	keyLineEnd   = 0x05 // Ctrl-E
	keyCancel    = 0x07 // Ctrl-G
	keyBackspace = 0x08 // Ctrl-H
	keySearch    = 0x12 // Ctrl-R
	keyErase     = 0x15 // Ctrl-U
	keyEscape    = 0x1b
	keyRubout    = 0x7f
)

// What a terminal puts around what is pasted.
var (
	pasteBegins = []byte("\x1b[200~")
	pasteEnds   = []byte("\x1b[201~")
)

// shellKeys reads what is typed, all the time, so that Ctrl-C is noticed while a
// command runs. It passes on what the line editor understands: Ctrl-C erases the
// line, or is told through interrupts where there is none; what is pasted has no
// control characters but line ends; bytes that are no UTF-8 are left out.
type shellKeys struct {
	running    atomic.Bool // a command runs, and no line is being typed
	interrupts chan struct{}

	in    chan []byte
	rest  []byte
	err   error // set before in is closed
	held  []byte
	paste bool
	typed bool // something stands on the line
	// search: what is typed is searched for in the history.
	search bool
}

// newShellKeys reads r until it ends, or ctx does.
func newShellKeys(ctx context.Context, r io.Reader) *shellKeys {
	k := &shellKeys{interrupts: make(chan struct{}, 1), in: make(chan []byte, 64)}
	go func() {
		defer close(k.in)
		buf := make([]byte, 4<<10)
		for {
			n, err := r.Read(buf)
			if out := k.pass(buf[:n]); len(out) > 0 {
				select {
				case k.in <- out:
				case <-ctx.Done():
					err = context.Cause(ctx)
				}
			}
			if err != nil {
				k.err = err
				return
			}
		}
	}()
	return k
}

// Read implements io.Reader for the line editor.
func (k *shellKeys) Read(p []byte) (int, error) {
	if len(p) == 0 { // the editor waits for the end of a key that has none
		return 0, io.ErrShortBuffer
	}
	for len(k.rest) == 0 {
		more, ok := <-k.in
		if !ok {
			return 0, k.err
		}
		k.rest = more
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

// pass returns what the editor is to see of p, which came after what was passed
// before. What may be a part of something is held back until the rest comes.
func (k *shellKeys) pass(p []byte) []byte {
	b := append(k.held, p...)
	k.held = nil
	var out []byte
	for len(b) > 0 {
		c := b[0]
		if k.search && !k.paste {
			if key, taken := k.searchKey(c); key != 0 {
				out = utf8.AppendRune(out, key)
				if taken {
					b = b[1:]
					continue
				}
			}
		}
		switch {
		case c == keySearch && !k.paste:
			out, k.search, k.typed = append(out, c), true, true
		case c == keyEscape:
			if n := len(pasteBegins); len(b) < n && (bytes.HasPrefix(pasteBegins, b) || bytes.HasPrefix(pasteEnds, b)) {
				k.held = bytes.Clone(b)
				return out
			}
			switch {
			case bytes.HasPrefix(b, pasteBegins) && !k.paste, bytes.HasPrefix(b, pasteEnds) && k.paste:
				k.paste = !k.paste
				out, b = append(out, b[:len(pasteBegins)]...), b[len(pasteBegins):]
				continue
			case !k.paste:
				out = append(out, c)
			}
		case c == '\t' && k.paste:
			out = append(out, ' ')
		case c == '\r' || c == '\n':
			out, k.typed = append(out, c), false
		case k.paste && (c < ' ' || c == keyRubout):
		case c == keyInterrupt:
			out = k.interrupt(out)
		case c < utf8.RuneSelf:
			out, k.typed = append(out, c), true
		default:
			if !utf8.FullRune(b) {
				k.held = bytes.Clone(b)
				return out
			}
			r, n := utf8.DecodeRune(b)
			if r != utf8.RuneError && (r < keySearchErase || r > keySearchTake) {
				out, k.typed = append(out, b[:n]...), true
			}
			b = b[n:]
			continue
		}
		b = b[1:]
	}
	return out
}

// searchKey returns the key that c means while the history is searched, 0 if it
// is no other, and whether it is all that c means.
func (k *shellKeys) searchKey(c byte) (key rune, all bool) {
	switch {
	case c == keyRubout || c == keyBackspace:
		return keySearchErase, true
	case c >= ' ' || c == keySearch:
		return 0, false
	}
	k.search = false
	if c == keyCancel {
		return keySearchCancel, true
	}
	return keySearchTake, false
}

// interrupt is Ctrl-C.
func (k *shellKeys) interrupt(out []byte) []byte {
	if k.typed && !k.running.Load() {
		k.typed = false
		return append(out, keyLineEnd, keyErase)
	}
	select {
	case k.interrupts <- struct{}{}:
	default:
	}
	return out
}
