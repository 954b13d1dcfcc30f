package client

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when goroutines of the package outlive the tests. Those of a
// test in a synctest bubble are checked there.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftover(5 * time.Second); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftover waits until no goroutine runs code of the client.
func leftover(limit time.Duration) string {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var left string
	for start := time.Now(); time.Since(start) < limit; <-tick.C {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		left = ""
		for stack := range strings.SplitSeq(string(buf), "\n\n") {
			for _, owner := range []string{"client.(*Conn)", "client.(*Response)", "client.(*Pool)"} {
				if strings.Contains(stack, owner) {
					left += stack + "\n\n"
					break
				}
			}
		}
		if left == "" {
			return ""
		}
	}
	return left
}
