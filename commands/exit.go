package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// The kinds of failure. What is none of them is our own: exit code 1.
type (
	usageError   struct{ error } // the command line is wrong
	peerError    struct{ error } // the peer, or the capture, broke the protocol
	answerError  struct{ error } // the peer answered properly and negatively
	connectError struct{ error } // there is no connection
	timeoutError struct{ error } // there was no answer in time
	interrupted  struct{ error } // a signal came before the work was done
)

func (e usageError) Unwrap() error   { return e.error }
func (e peerError) Unwrap() error    { return e.error }
func (e answerError) Unwrap() error  { return e.error }
func (e connectError) Unwrap() error { return e.error }
func (e timeoutError) Unwrap() error { return e.error }
func (e interrupted) Unwrap() error  { return e.error }

// exits is the table of exit codes. The first row whose function reports true
// gives the code of an error; where none does, it is 1.
var exits = []struct {
	code    int
	meaning string
	is      func(error) bool
}{
	{0, "done", func(err error) bool { return err == nil || isReaderGone(err) }},
	{1, "fcgiscope could not do it: no such file, a full disk", func(error) bool { return false }},
	{2, "wrong usage", is[usageError]},
	{3, "the peer, or the capture, broke the protocol", is[peerError]},
	{4, "the peer answered, but negatively", is[answerError]},
	{5, "no connection", is[connectError]},
	{6, "no answer in time", is[timeoutError]},
	{130, "interrupted before the work was done", is[interrupted]},
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// exitCode returns the exit code for the result of a command.
func exitCode(err error) int {
	var status statusError
	if errors.As(err, &status) {
		return status.code
	}
	for _, row := range exits {
		if row.is(err) {
			return row.code
		}
	}
	return 1
}

// usagef returns a usageError.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// An outputError says that a result could not be written.
type outputError struct{ error }

func (e outputError) Unwrap() error { return e.error }

// isReaderGone reports whether stdout's reader has gone away (`| head`): it
// has what it wanted, so that is no failure.
func isReaderGone(err error) bool {
	return is[outputError](err) && errors.Is(err, syscall.EPIPE)
}

// A hinted error has an advice for the user, printed on a line of its own.
type hinted struct {
	error
	hint string
}

func (e hinted) Unwrap() error { return e.error }

// withHint adds an advice to err; an empty one is none.
func withHint(err error, hint string) error {
	if hint == "" || err == nil {
		return err
	}
	return hinted{err, hint}
}

// report tells the user about err and returns the exit code for it.
func report(ctx context.Context, env *Env, err error) int {
	if err != nil && ctx.Err() != nil && !isReaderGone(err) && !is[ended](err) {
		err = interrupted{errInterrupted}
	}
	code := exitCode(err)
	if code != 0 && !is[silenced](err) {
		explain(env, err)
	}
	return code
}

// An ended error is the result of a command whose normal end is an interrupt.
type ended struct{ error }

func (e ended) Unwrap() error { return e.error }

// explain prints err and its advice; of several errors, each.
func explain(env *Env, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			explain(env, one)
		}
		return
	}
	complain(env, plain(err))
	hints(env, err)
}

var errInterrupted = errors.New("interrupted")

// A silenced error has its exit code, but its message is not wanted.
type silenced struct{ error }

func (e silenced) Unwrap() error { return e.error }

// hints prints the advice in err's chain, the outermost first.
func hints(env *Env, err error) {
	var h hinted
	for errors.As(err, &h) {
		for line := range strings.Lines(h.hint) {
			complain(env, "hint: "+strings.TrimSuffix(line, "\n"))
		}
		err = h.error
	}
}

// complain writes one message to stderr. Whatever it quotes, no control
// character of it reaches a terminal.
func complain(env *Env, message string) {
	fmt.Fprintf(env.Stderr, "fcgiscope: %s\n", pretty.Clean(message))
}

// packages are ours whose errors begin with their name. Users know commands,
// and not these.
var packages = []string{"capture", "cgi", "client", "fpm", "pretty", "replay", "server", "text", "transport", "wire"}

// plain returns an error's message without the names of packages in it. fpm and
// replay are commands, too: what is wrong with a command line begins with those.
func plain(err error) string {
	text := err.Error()
	if command, rest, ok := strings.Cut(text, ": "); ok && is[usageError](err) && (strings.HasPrefix(command, "fpm") || command == "replay") {
		return command + ": " + plain(errors.New(rest))
	}
	for _, name := range packages {
		text = strings.ReplaceAll(strings.TrimPrefix(text, name+": "), ": "+name+": ", ": ")
	}
	return text
}

// hintOf returns the advice in err's chain, "" if there is none.
func hintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}
