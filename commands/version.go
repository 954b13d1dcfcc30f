package commands

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Description: `
The version, the commit that it was built from, the Go release and the platform.

Examples:
  fcgiscope version
  fcgiscope --version
  fcgiscope version | cut -d' ' -f2`,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return printVersion(env)
		},
	}
}

func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("%s: unexpected argument %q", wordsOf(c.Command), c.Args().First())
	}
	return nil
}

// printVersion prints one line: program, version, and how it was built.
func printVersion(env *Env) error {
	version, commit := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		commit = commitOf(info)
	}
	return write(env.Stdout, fmt.Appendf(nil, "fcgiscope %s%s %s %s/%s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH))
}

// commitOf returns " (commit 0123456789ab)", with a mark where files had been
// changed, "" where the build knows none.
func commitOf(info *debug.BuildInfo) string {
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed"
		}
	}
	if commit == "" {
		return ""
	}
	return " (commit " + commit + changed + ")"
}
