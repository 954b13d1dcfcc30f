package commands

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// asProbe gives a wrong command line of a container's or a monitor's probe the
// exit code that they expect: 2 is reserved by Docker, and "critical" to Nagios.
// words may be those that could not be read.
func asProbe(env *Env, c *cli.Command, words []string, err error) error {
	if !is[usageError](err) || is[statusError](err) || c == nil {
		return err
	}
	if i := slices.Index(words, "--"); i >= 0 {
		words = words[:i]
	}
	given := func(flag string) bool {
		return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return namesOf(f)[0] == flag }) &&
			(slices.Contains(words, "--"+flag) || slices.Contains(words, "--"+flag+"=true"))
	}
	switch {
	case given("healthcheck"):
		return asHealthcheck(true, err)
	case given("nagios"):
		return nagiosUnknowable(env, err)
	}
	return err
}

// nagiosUnknowable says on stdout, where Nagios looks, why nothing could be
// judged.
func nagiosUnknowable(env *Env, err error) error {
	if writeErr := write(env.Stdout, []byte("FPM UNKNOWN - "+pretty.Clean(plain(err))+"\n")); writeErr != nil {
		return writeErr
	}
	return silenced{withStatus(nagiosUnknown, err)}
}
