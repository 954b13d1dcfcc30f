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
	ctx, interrupt := context.WithCancel(context.Background())
	// Beside the rest: it takes a third of a millisecond, and what there is to
	// end in an orderly way begins later.
	go watchSignals(interrupt)
	os.Exit(commands.Main(ctx, os.Args, commands.OS()))
}

// watchSignals calls interrupt at the first signal, so that the command ends
// properly; the second one kills. Not at once: timeout(1) sends its signal to
// the process and to its group, which is twice.
func watchSignals(interrupt func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	interrupt()
	time.Sleep(250 * time.Millisecond)
	signal.Stop(signals)
}
