package commands

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// UntilSignal returns a context that ends at the first signal that wants the
// process to end: Ctrl-C, SIGTERM, or SIGHUP of a terminal that was closed. The
// second one kills, unless the command has asked for it (see Env.Interrupts).
// A stdout whose reader has gone is an error from then on and no longer a signal
// that kills: the command ends what it has started, quietly.
func UntilSignal() context.Context {
	ctx, interrupt := context.WithCancel(context.Background())
	watched := make(chan struct{})
	// Beside the rest, as it takes a third of a millisecond.
	go watchSignals(watched, interrupt)
	return context.WithValue(ctx, signalsWatched{}, watched)
}

// signalsWatched is the key of the channel that is closed when signals are.
type signalsWatched struct{}

// awaitSignals waits until a signal does not kill any more, but ends ctx: before that
// a command makes nothing that it has to clean up. A request on its way does not
// wait for it: the system takes back all there is.
func awaitSignals(ctx context.Context) {
	if c, ok := ctx.Value(signalsWatched{}).(chan struct{}); ok {
		<-c
	}
}

// watchSignals closes watched when a signal does not kill any more, and calls
// interrupt at the first one, so that the command ends properly; the second one
// kills. Not at once: timeout(1) sends its signal to the process and to its
// group, which is twice.
func watchSignals(watched chan<- struct{}, interrupt func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endSignals()...)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	close(watched)
	<-signals
	interrupt()
	time.Sleep(sameInterrupt)
	signal.Stop(signals)
}

// endSignals are the signals that want the process to end. nohup(1) has it
// started with SIGHUP ignored, which is to stay so.
func endSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
