// Package commands is the command line of fcgiscope: one file per command, and
// the only place that knows urfave/cli.
//
// A command is an options struct, its flags() and a run function that takes a
// context, an Env and the options; the process itself (arguments, standard
// streams, environment, exit) appears in main.go and OS only.
package commands

import "github.com/urfave/cli/v2"

// commands are all there are, in the order in which help lists them.
var commands = []struct {
	name string
	make func(*Env) *cli.Command
}{
	{"request", requestCommand},
	{"get-values", getValuesCommand},
	{"send", sendCommand},
	{"shell", shellCommand},
	{"dump", dumpCommand},
	{"tap", tapCommand},
	{"replay", replayCommand},
	{"serve", serveCommand},
	{"gateway", gatewayCommand},
	{"fpm", fpmCommand},
	{"diagnose", diagnoseCommand},
	{"explain", explainCommand},
	{"rules", rulesCommand},
	{"completion", completionCommand},
	{"version", versionCommand},
}

// soonOver are the commands that are over so soon, as a rule, that they do not wait
// until signals are watched; see UntilSignal.
var soonOver = map[string]bool{
	"request": true, "get-values": true, "send": true, "explain": true, "rules": true, "completion": true, "version": true,
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
