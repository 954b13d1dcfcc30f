package commands

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

func TestMain(m *testing.M) {
	testscript.Main(wiretest.NoLeaks(m), map[string]func(){
		"fcgiscope": func() { os.Exit(Main(UntilSignal(), os.Args, OS())) }, // as main does
		"fcgi-app":  fcgiApp,
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	fixtures, err := filepath.Abs(filepath.Join("..", "fixtures", "capture"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CAPTURES", fixtures)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // or each run takes a second with -race
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   exitsWith,
			"peer":    peer,
			"waitfor": waitFor,
		},
	})
}

// exitsWith is exits N COMMAND… runs a command, whose exit code has to be N.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// peer VARIABLE KIND starts one of badPeers and puts its address into VARIABLE.
func peer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || badPeers[args[1]] == nil {
		ts.Fatalf("usage: peer VARIABLE KIND")
	}
	addr, stop, err := startPeer(badPeers[args[1]])
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv(args[0], addr)
}

// waitFor ADDR waits until somebody listens there, for at most 10 s.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor ADDR")
	}
	network := "tcp"
	if strings.Contains(args[0], "/") {
		network = "unix"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial(network, ts.MkAbs(args[0]))
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("nobody listens on %s: %v", args[0], err)
		}
	}
}

// TestEveryCommandHasAScript: testdata/script/NAME.txtar runs it.
func TestEveryCommandHasAScript(t *testing.T) {
	t.Parallel()
	eachCommand(newTestApp(), func(c *cli.Command) {
		if len(c.Subcommands) > 0 {
			return
		}
		name := strings.Join(strings.Fields(c.HelpName)[1:], "-") + ".txtar"
		text, err := os.ReadFile(filepath.Join("testdata", "script", name))
		if err != nil {
			t.Errorf("%s has no script: %v", c.HelpName, err)
		} else if !strings.Contains(string(text), c.HelpName) {
			t.Errorf("%s does not run %s", name, c.HelpName)
		}
	})
}
