package commands

import (
	"context"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"time"

	"golang.org/x/term"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// An Env is what a command sees of the process that runs it.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        func() []string // NAME=VALUE; nil is none
	Now            func() time.Time
	Terminal       Terminal
	// Dial connects to an address; ctx limits the connecting only. The error is
	// a *transport.DialError.
	Dial func(ctx context.Context, addr transport.Addr) (net.Conn, error)

	words []string // the command line, as arrange left it
	// run runs another command line: the function run, which a command cannot
	// name, as that names all commands.
	run func(ctx context.Context, args []string, env *Env) error
	// Root is the files of the system, in which php-fpm's are looked for.
	Root fs.FS
	// Interrupts tells of interrupts until stop is called, and keeps those after
	// the first, which cancels the context, from killing the process. nil: there
	// are none.
	Interrupts func() (c <-chan os.Signal, stop func())
}

func (e *Env) interrupts() (c <-chan os.Signal, stop func()) {
	if e.Interrupts == nil {
		return nil, func() {}
	}
	return e.Interrupts()
}

// A Terminal says which of the standard streams are one, and how wide it is.
type Terminal struct {
	Stdin, Stdout, Stderr bool
	// Width returns the columns of the terminal, which is that of stderr where
	// stdout is none; nil or 0: not known.
	Width func() int
	// Height returns its lines, likewise.
	Height func() int
	// Raw makes standard input give every key at once, Ctrl-C too, until restore
	// is called; nil: it cannot.
	Raw func() (restore func(), err error)
}

// columns returns how many columns what goes to stdout has, 0 where that is no
// terminal: there nothing is fitted.
func (t Terminal) columns() int {
	if !t.Stdout || t.Width == nil {
		return 0
	}
	return t.Width()
}

// OS returns the environment of this process. Its signals are for UntilSignal.
func OS() *Env {
	size := func() (width, height int) {
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			if width, height, err := term.GetSize(int(f.Fd())); err == nil {
				return width, height
			}
		}
		return 0, 0
	}
	return &Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv:  os.Getenv,
		Environ: os.Environ,
		Now:     time.Now,
		Dial:    transport.Dial,
		Root:    os.DirFS("/"),
		Interrupts: func() (<-chan os.Signal, func()) {
			c := make(chan os.Signal, 1)
			signal.Notify(c, endSignals()...)
			return c, func() { signal.Stop(c) }
		},
		Terminal: Terminal{
			Stdin:  term.IsTerminal(int(os.Stdin.Fd())),
			Stdout: term.IsTerminal(int(os.Stdout.Fd())),
			Stderr: term.IsTerminal(int(os.Stderr.Fd())),
			Width:  func() int { width, _ := size(); return width },
			Height: func() int { _, height := size(); return height },
			Raw: func() (func(), error) {
				before, err := term.MakeRaw(int(os.Stdin.Fd()))
				if err != nil {
					return nil, err
				}
				return func() { term.Restore(int(os.Stdin.Fd()), before) }, nil
			},
		},
	}
}
