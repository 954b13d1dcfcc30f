// Package commands is the command line of fcgiscope: one file per command, and
// the only place that knows urfave/cli.
//
// A command is an options struct, its flags() and a run function that takes a
// context, an Env and the options; the process itself (arguments, standard
// streams, environment, exit) appears in main.go and OS only.
package commands

import "github.com/urfave/cli/v2"

// all returns the commands, in the order in which help lists them.
func all(env *Env) []*cli.Command {
	return []*cli.Command{
		requestCommand(env),
		getValuesCommand(env),
		dumpCommand(env),
		rulesCommand(env),
		completionCommand(env),
		versionCommand(env),
	}
}
