package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// promptTick is how often the prompt, and the size of the terminal, are looked
// at when nothing else happens.
const promptTick = 500 * time.Millisecond

// interact runs a session on the terminal. What comes is printed above the line
// that is being typed.
func interact(ctx context.Context, env *Env, o *shellOptions) error {
	restore, err := env.Terminal.Raw()
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	defer restore()
	keys := newShellKeys(ctx, env.Stdin)
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, env.Stdout}, "")
	t.SetBracketedPasteMode(true)
	defer t.SetBracketedPasteMode(false)

	out := &aboveLine{t: t, plain: env.Stdout, terminal: &env.Terminal}
	screen := *env
	screen.Stdout, screen.Stderr = out, out
	screen.Terminal.Stderr = true
	s, err := newShell(&screen, o)
	if err != nil {
		return err
	}
	s.interrupts = keys.interrupts
	history := newShellHistory(env, o)
	defer history.close()
	t.History = history
	in := &terminalLines{s: s, t: t, out: out, keys: keys, read: make(chan typedLine, 1), prompt: shellPrompt{t: t}, search: shellSearch{history: history}}
	t.AutoCompleteCallback = in.keyed(s.completeKey(t))
	if err := s.start(ctx); err != nil {
		explain(s.env, err)
	}
	err = s.lively(ctx, in)
	keys.running.Store(true) // no line is being typed any more
	out.leave(in.asked)
	return errors.Join(err, s.close())
}

// An aboveLine writes above the line that is being typed, until that is left.
type aboveLine struct {
	t        *term.Terminal // which locks
	plain    io.Writer
	terminal *Terminal

	mu            sync.Mutex
	left          bool
	part          bool // of a line was written last
	width, height int
}

// fit learns the size of the terminal, before something is drawn for one that it
// has no more.
func (a *aboveLine) fit() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fitLocked()
}

func (a *aboveLine) fitLocked() {
	if a.terminal.Width == nil || a.terminal.Height == nil {
		return
	}
	if w, h := a.terminal.Width(), a.terminal.Height(); w > 0 && h > 0 && (w != a.width || h != a.height) {
		a.width, a.height = w, h
		_ = a.t.SetSize(w, h) // the terminal may have gone
	}
}

func (a *aboveLine) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(p) > 0 {
		a.part = p[len(p)-1] != '\n'
	}
	if !a.left {
		a.fitLocked()
		return a.t.Write(p)
	}
	if _, err := a.plain.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// endLine ends the line that was written last, such as that of a body without a
// line feed: the prompt begins at the left.
func (a *aboveLine) endLine() {
	a.mu.Lock()
	part := a.part
	a.mu.Unlock()
	if part {
		_, _ = io.WriteString(a, "\n") // the terminal may have gone
	}
}

// leave lets the line on the screen, if there is one, stay as it is, and what is
// written from now on begin below it.
func (a *aboveLine) leave(typing bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = true
	if typing {
		_, _ = io.WriteString(a.plain, "\r\n")
	}
}

// lively runs lines until the user has enough. Their errors are told.
func (s *shellSession) lively(ctx context.Context, in *terminalLines) error {
	a := assembler{in: in}
	for {
		l, err := a.next(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		case l == nil:
			return nil
		}
		in.keys.running.Store(true)
		err = s.do(ctx, l)
		in.keys.running.Store(false)
		in.out.endLine()
		switch {
		case err == errExit:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !is[silenced](err):
			explain(s.env, l.place(err))
		}
	}
}

// terminalLines are the lines that are typed.
type terminalLines struct {
	s      *shellSession
	t      *term.Terminal
	out    *aboveLine
	keys   *shellKeys
	read   chan typedLine
	asked  bool // somebody is reading a line
	prompt shellPrompt
	search shellSearch
}

type typedLine struct {
	line string
	err  error
}

func (in *terminalLines) next(ctx context.Context, patience time.Duration) (string, bool, error) {
	in.refresh()
	if !in.asked {
		in.asked = true
		go func() {
			line, err := in.t.ReadLine()
			in.read <- typedLine{line, err}
		}()
	}
	tick := time.NewTicker(promptTick)
	defer tick.Stop()
	var late <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	for {
		in.s.mu.Lock()
		changed := in.s.changed
		in.s.mu.Unlock()
		in.tellLost()
		in.refresh()
		select {
		case l := <-in.read:
			pasted := l.err == term.ErrPasteIndicator
			if l.err != nil && !pasted {
				return "", false, l.err // the prompt stays on the screen
			}
			in.asked = false
			return l.line, pasted, nil
		case <-in.s.interrupts:
			if len(in.read) > 0 { // it is for the command that was typed before it
				select {
				case in.s.interrupts <- struct{}{}:
				default:
				}
				continue
			}
			in.interrupt(ctx)
		case <-changed:
		case <-tick.C:
		case <-late:
			return "", false, errLater
		case <-ctx.Done():
			return "", false, context.Cause(ctx)
		}
	}
}

func (in *terminalLines) where() (string, int) { return "", 0 }

// tellLost tells what an application did against the protocol when it does it,
// and not to the next wait, which may be about another connection. For save there
// is a line that waits for it.
func (in *terminalLines) tellLost() {
	s := in.s
	s.mu.Lock()
	broken := s.broken
	s.broken = ""
	s.mu.Unlock()
	if broken != "" {
		complain(s.env, broken)
		s.lines.add("wait "+lostWord, true)
	}
}

// interrupt is Ctrl-C on an empty line.
func (in *terminalLines) interrupt(ctx context.Context) {
	s := in.s
	s.mu.Lock()
	open := 0
	for _, c := range s.conns {
		open += len(c.begun)
	}
	s.mu.Unlock()
	if open == 0 {
		complain(s.env, "nothing is open; exit, or Ctrl-D, ends the session")
		return
	}
	switch n, err := s.abortOpen(ctx); {
	case err != nil:
		explain(s.env, err)
	case n == 0:
		complain(s.env, "aborted already, and not answered; close ends the connection")
	}
}

// refresh shows the prompt as it should be, and learns the size of the terminal.
func (in *terminalLines) refresh() {
	in.out.fit()
	in.prompt.show(in.wanted, in.asked)
}

// showPrompt is refresh for who reads a line.
func (in *terminalLines) showPrompt() { in.prompt.show(in.wanted, true) }

// wanted is the prompt as it should be.
func (in *terminalLines) wanted() string {
	if text := in.search.prompt(); text != "" {
		return text
	}
	return in.s.prompt()
}

// maxPromptAddress is how many characters of an address the prompt shows.
const maxPromptAddress = 30

// prompt says where the next record goes: the address, how many requests are
// open there, and how long nothing was sent nor came.
func (s *shellSession) prompt() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current
	if c == nil {
		return "fcgiscope> "
	}
	name := []rune(pretty.Clean(c.target.String()))
	if len(name) > maxPromptAddress {
		name = append([]rune("…"), name[len(name)-maxPromptAddress+1:]...)
	}
	text := string(name)
	if len(s.conns) > 1 {
		text = fmt.Sprintf("%d %s", c.n, text)
	}
	switch {
	case c.closed:
		return text + " closed> "
	case len(c.begun) > 0:
		text += fmt.Sprintf(" %d open", len(c.begun))
	}
	if idle := coarse(s.env.Now().Sub(c.last)); idle > 0 && !s.o.stable {
		text += fmt.Sprintf(" idle %v", idle)
	}
	return text + "> "
}

// coarse is a time in steps that grow with it, so that the prompt stays quiet.
func coarse(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Second:
		return d.Truncate(time.Second)
	case d < time.Minute:
		return d.Truncate(10 * time.Second)
	}
	return d.Truncate(time.Minute)
}
