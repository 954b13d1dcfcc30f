// Fcgiscope shows, sends and plays back FastCGI conversations.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/commands"
)

func main() {
	// The first signal cancels what the command does, so that it can end
	// properly; the second one kills. Not at once: timeout(1) sends its signal
	// to the process and to its group, which is twice.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(250*time.Millisecond, stop) })
	os.Exit(commands.Main(ctx, os.Args, commands.OS()))
}
