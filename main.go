// Fcgiscope shows, sends and plays back FastCGI conversations.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/fcgiscope/fcgiscope/commands"
)

func main() {
	// The first signal cancels what the command does, so that it can end
	// properly; the second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(commands.Main(ctx, os.Args, commands.OS()))
}
