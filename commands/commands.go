// Package commands is the command line of fcgiscope: one file per command, and
// the only place that knows urfave/cli.
//
// A command is an options struct, its flags() and a run function that takes a
// context, an Env and the options; the process itself (arguments, standard
// streams, environment, signals, exit) appears in main.go, OS and UntilSignal only.
package commands

import "github.com/urfave/cli/v2"

// commands are all there are, in the order in which help lists them.
var commands = []struct {
	name string
	make func(*Env) *cli.Command
	// soon says that it is over so soon, as a rule, that it does not wait until
	// signals are watched; see UntilSignal.
	soon bool
}{
	{"request", requestCommand, true},
	{"get-values", getValuesCommand, true},
	{"send", sendCommand, true},
	{"shell", shellCommand, false},
	{"dump", dumpCommand, false},
	{"tap", tapCommand, false},
	{"replay", replayCommand, false},
	{"serve", serveCommand, false},
	{"gateway", gatewayCommand, false},
	{"fpm", fpmCommand, false},
	{"diagnose", diagnoseCommand, false},
	{"explain", explainCommand, true},
	{"rules", rulesCommand, true},
	{"completion", completionCommand, true},
	{"version", versionCommand, true},
}

// soonOver reports whether word names a command that is soon over.
func soonOver(word string) bool {
	for _, row := range commands {
		if row.name == word {
			return row.soon
		}
	}
	return false
}

// build makes the command that word names, or, where it names none, all of
// them: that of every flag of every command takes as long as a whole request.
func build(env *Env, word string) []*cli.Command {
	var all []*cli.Command
	for _, row := range commands {
		if row.name == word {
			return []*cli.Command{row.make(env)}
		}
	}
	for _, row := range commands {
		all = append(all, row.make(env))
	}
	return all
}
