// Fcgiscope shows, sends and plays back FastCGI conversations.
package main

import (
	"os"

	"github.com/fcgiscope/fcgiscope/commands"
)

func main() {
	os.Exit(commands.Main(commands.UntilSignal(), os.Args, commands.OS()))
}
