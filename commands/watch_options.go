package commands

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// A watching is how a command that runs on shows what goes on meanwhile: a line
// a request on stdout where the user says nothing else, and with -v each
// conversation on stderr.
type watching struct {
	output
	choosing
	redaction
	recording
	verbose bool
	silent  bool
}

func (o *watching) flags() []cli.Flag {
	shown := o.output.flags("", "show what happens on stdout as `FORMAT`: "+orList(formatNames())+" (default summary)", "f")
	return slices.Concat([]cli.Flag{
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputFlags, Usage: "show every record, both ways, on stderr", Destination: &o.verbose},
		&cli.BoolFlag{Name: "silent", Aliases: []string{"s"}, Category: outputFlags, Usage: "nothing on stdout, and on stderr only what goes wrong", Destination: &o.silent},
	}, shown, []cli.Flag{o.partFlag(), o.inflateFlag()}, o.redaction.flags(outputFlags), o.recording.flags(outputFlags), o.choosing.flags())
}

func (o *watching) check(command string) error {
	if o.silent && o.output.format.word != "" {
		return usagef("%s: --silent shows nothing, and --format says how to show it", command)
	}
	return cmp.Or(o.output.check(), o.recording.check())
}

// watcher starts what the user wants; nil if that is nothing. inputs are files
// that are read, and must not be recorded to.
func (o *watching) watcher(env *Env, command string, inputs []string) (*watcher, error) {
	v, err := o.view(env, command, inputs, nil)
	if v == nil || err != nil {
		return nil, err
	}
	return watch(v), nil
}

// view makes what the user wants to see and keep, and what else a command
// shows, by a name for it; nil if that is nothing.
func (o *watching) view(env *Env, command string, inputs []string, more map[string]pretty.Sink) (*view, error) {
	name := o.output.format.word
	if name == "" && !o.silent {
		name = "summary"
	}
	v := &view{mask: o.redactor()}
	add := func(what string, sink pretty.Sink) {
		v.all = append(v.all, &outlet{sink: sink, failed: func(err error) {
			if !isReaderGone(outputError{err}) {
				complain(env, fmt.Sprintf("%s: %s: nothing more of it is written", what, plain(err)))
			}
		}})
	}
	choice := o.choice()
	show := func(name, what string, w io.Writer, terminal bool) error {
		format, sink, err := o.sink(env, name, w, terminal)
		if err == nil {
			err = checkChoice(command, choice, format)
		}
		if err != nil {
			return err
		}
		v.whole = v.whole || format.NeedsWhole
		add(what, sink)
		return nil
	}
	if name != "" {
		if err := show(name, "stdout", env.Stdout, env.Terminal.Stdout); err != nil {
			return nil, err
		}
	}
	if o.verbose {
		if err := show("text", "stderr", env.Stderr, env.Terminal.Stderr); err != nil {
			return nil, err
		}
	}
	if o.recording.file != "" {
		r, err := o.recording.open(inputs)
		if err != nil {
			return nil, err
		}
		add(o.recording.file, r)
	}
	for what, sink := range more {
		add(what, sink)
	}
	if len(v.all) == 0 {
		return nil, nil
	}
	v.sink = v.all
	if !choice.All() {
		v.whole = v.whole || choice.NeedsWhole()
		v.chosen = pretty.Choose(choice, v.all)
		v.sink = v.chosen
	}
	return v, nil
}

// finish ends the watcher, which may be nil, and says what there is to say.
func (o *watching) finish(env *Env, w *watcher) error {
	if w == nil {
		return nil
	}
	err := w.close()
	if w.view.chosen != nil && err == nil {
		tellChosen(env, w.view.chosen)
	}
	return err
}
