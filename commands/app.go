package commands

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// Main runs fcgiscope with args, the program's name first, and returns its
// exit code. When ctx ends before the work is done, that is 130.
func Main(ctx context.Context, args []string, env *Env) int {
	if len(args) > 1 && args[1] == completeWord {
		complete(newApp(env, ""), env, args[2:])
		return 0
	}
	// What a command starts tells what happens while the command does.
	loud := *env
	loud.Stderr = &lockedWriter{w: env.Stderr}
	loud.run = run
	return report(ctx, &loud, run(ctx, args, &loud))
}

func run(ctx context.Context, args []string, env *Env) error {
	word := ""
	if len(args) > 1 {
		word = args[1]
	}
	app := newApp(env, word)
	line, err := arrange(app, args)
	switch {
	case err != nil:
		return asProbe(env, line.command, args, err)
	case line.help && line.command != nil:
		return writeHelp(env.Stdout, helpColumns(env.Terminal), line.command)
	case line.help:
		return writeAppHelp(env.Stdout, helpColumns(env.Terminal), app)
	}
	if line, err = loaded(ctx, env, line); err != nil {
		return err
	}
	env.words = line.words
	onlyGiven(app, line)
	if !soonOver(word) {
		awaitSignals(ctx)
	}
	return asProbe(env, line.command, line.words, app.RunContext(ctx, line.words))
}

// onlyGiven leaves the flags that stand on the command line. The library
// registers every flag that a command has, and so many take it longer than the
// request takes the application; the others keep what they hold, so no flag has
// a Value that is not in its Destination already.
func onlyGiven(app *cli.App, line commandLine) {
	flags := &app.Flags
	if line.command != nil {
		app.Flags, flags = nil, &line.command.Flags
	}
	given := make(map[string]bool, len(line.words))
	for _, word := range line.words {
		name, _, _ := strings.Cut(word, "=")
		given[name] = true
	}
	*flags = slices.DeleteFunc(*flags, func(f cli.Flag) bool { return !given["--"+namesOf(f)[0]] })
}

// newApp builds the application anew, because flags keep what was parsed into
// them, with the commands that build makes for word. What it sets is what urfave/cli does otherwise: split values of flags
// at commas, end the process, print usage errors to stdout, share its help flag
// between all applications.
func newApp(env *Env, word string) *cli.App {
	var version bool
	app := &cli.App{
		Name:                      "fcgiscope",
		Usage:                     "look into FastCGI: send requests, decode captures, check applications",
		Commands:                  build(env, word),
		Reader:                    env.Stdin,
		Writer:                    env.Stdout,
		ErrWriter:                 env.Stderr,
		Compiled:                  time.Unix(0, 0), // or it looks up the program's file
		DisableSliceFlagSeparator: true,
		HideHelp:                  true,
		HideHelpCommand:           true,
		HideVersion:               true,
		OnUsageError:              onUsageError,
		ExitErrHandler:            func(*cli.Context, error) {},
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "version", Aliases: []string{"V"}, Usage: "print the version", Destination: &version},
		},
	}
	app.Flags = append(app.Flags, helpFlag())
	app.Action = func(c *cli.Context) error {
		switch {
		case version:
			return printVersion(env)
		case c.Args().Present():
			return unknownCommand(app, c.Args().First())
		}
		if err := writeAppHelp(env.Stderr, helpColumns(env.Terminal), app); err != nil {
			return err
		}
		return usagef("no command given")
	}
	setUp(app)
	for _, c := range app.Commands {
		prepare(c)
	}
	return app
}

// setUp lets the library name the commands. It would sort flags into categories,
// for a help that is not shown, and spend more time on that than a request
// takes: so it sees none.
func setUp(app *cli.App) {
	flags := make([][]cli.Flag, len(app.Commands))
	for i, c := range app.Commands {
		flags[i], c.Flags = c.Flags, nil
	}
	app.Setup()
	for i, c := range app.Commands {
		c.Flags = flags[i]
	}
}

// prepare gives a command, and those below it, what all of them have.
func prepare(c *cli.Command) {
	c.HideHelp, c.HideHelpCommand = true, true
	c.OnUsageError = onUsageError
	c.Flags = append(c.Flags, helpFlag())
	if c.Action == nil {
		c.Action = func(given *cli.Context) error { return whichOne(c, given.Args().First()) }
	}
	for _, sub := range c.Subcommands {
		sub.HelpName = c.HelpName + " " + sub.Name
		prepare(sub)
	}
}

// helpFlag returns a flag that arrange looks for, so that the library never
// comes to print its own help.
func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "print this help"}
}

// wordsOf returns the words that name a command, such as "fpm ping".
func wordsOf(c *cli.Command) string { return strings.TrimPrefix(c.HelpName, "fcgiscope ") }

// onUsageError is told of values that a flag does not take.
func onUsageError(c *cli.Context, err error, _ bool) error {
	text := strings.Replace(err.Error(), "for flag -", "for --", 1)
	return withHint(usagef("%s: %s", wordsOf(c.Command), text), "see "+c.Command.HelpName+" --help")
}
