package commands

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// request [ADDR] URL FLAGS…: the whole command, over a connection of its own.
// With one argument, the address is that of the current connection.
func (s *shellSession) request(ctx context.Context, l *shellLine) error {
	words, err := l.args()
	if err != nil {
		return err
	}
	var args []string
	for _, w := range words {
		args = append(args, w.text)
	}
	if addr := s.requestAddress(args); addr != "" {
		args = slices.Insert(args, 0, addr)
	}
	env := *s.env
	env.Stdin = strings.NewReader("") // that of the session has its lines
	env.Terminal.Stdin = false
	err = s.env.run(ctx, append([]string{"fcgiscope", "request"}, args...), &env)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case is[usageError](err):
		return l.fail(l.mistaken(words, plain(err)), hintOf(err), "%s", plain(err))
	}
	return err
}

// mistaken is the column of the word that a message is about: the first that it
// holds, else that of the first word.
func (l *shellLine) mistaken(words []typed, message string) int {
	for _, w := range words {
		name, _, _ := strings.Cut(w.text, "=")
		if name != "" && (strings.Contains(message, strconv.Quote(w.text)) || strings.Contains(message, strconv.Quote(name)) || strings.HasPrefix(name, "-") && strings.Contains(message+" ", name+" ")) {
			return w.at
		}
	}
	return l.restAt
}

// requestAddress returns the address that is missing from the arguments of
// request, "" if none is.
func (s *shellSession) requestAddress(args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return ""
	}
	_, rest, err := splitWords(tableOf(new(requestOptions).flags()), args)
	if err != nil || len(rest) != 1 || slices.Contains(args, "--help") {
		return ""
	}
	t := s.current.target
	if t.process != nil { // another connection to the one that runs
		return t.addr.String()
	}
	return s.current.addr
}

// interruptible is ctx, which ends at Ctrl-C, too.
func (s *shellSession) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.interrupts == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.interrupts:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
