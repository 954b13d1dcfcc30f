package wiretest

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a condition is waited for: far longer than it takes on a
// loaded machine, and no time is lost where nothing is wrong.
const patience = 20 * time.Second

// Eventually waits until cond holds, and ends the test when it does not within
// 20 s; what says what was waited for.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if !holds(cond) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// holds asks often at first, then less so.
func holds(cond func() bool) bool {
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; !cond(); wait = min(2*wait, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(wait)
	}
	return true
}

// Tests are the tests of a package, after which nothing may be left.
type Tests struct {
	tests  interface{ Run() int }
	report io.Writer
}

// NoLeaks is for TestMain: os.Exit(wiretest.NoLeaks(m).Run()). Those goroutines
// that a test starts in a bubble of testing/synctest are checked there.
func NoLeaks(m *testing.M) Tests { return Tests{m, os.Stderr} }

// Run runs the tests and returns their exit code: 1 also when they pass, but
// goroutines, descriptors or child processes outlive them, which it then lists
// on standard error. Without /proc it knows goroutines only.
func (s Tests) Run() int {
	before := descriptors(os.Getpid())
	if code := s.tests.Run(); code != 0 {
		return code // a test that has failed may leave what it will
	}
	left := ""
	if holds(func() bool { left = leftover(before); return left == "" }) {
		return 0
	}
	fmt.Fprintf(s.report, "left behind by the tests:\n%s", left)
	return 1
}

// leftover describes what was not there before the tests; "" is nothing.
func leftover(before []Descriptor) string {
	var b strings.Builder
	for _, stack := range goroutines() {
		fmt.Fprintf(&b, "%s\n\n", stack)
	}
	for _, d := range descriptors(os.Getpid()) {
		if !slices.Contains(before, d) {
			fmt.Fprintf(&b, "descriptor %d: %s\n", d.Number, d.Target)
		}
	}
	if pids, _ := children(os.Getpid()); len(pids) > 0 {
		fmt.Fprintf(&b, "processes %d\n", pids)
	}
	return b.String()
}

// goroutines returns the stacks of all goroutines but the caller's and that
// with which os/signal waits, which never ends.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	all := strings.Split(strings.TrimSpace(string(buf)), "\n\n")
	return slices.DeleteFunc(all[1:], func(stack string) bool { return strings.Contains(stack, "\nos/signal.loop()") })
}
