package wiretest

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
)

func TestMain(m *testing.M) { os.Exit(NoLeaks(m).Run()) }

// exits is tests that do nothing but return an exit code.
type exits int

func (code exits) Run() int { return int(code) }

// TestNoLeaks: what is left behind makes tests fail that pass otherwise, and is
// named. In the bubble the time for which it waits passes at once.
func TestNoLeaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var report strings.Builder
		all := Tests{exits(3), &report}
		if code := all.Run(); code != 3 || report.Len() > 0 {
			t.Errorf("failing tests: exit code %d, %q", code, report.String())
		}
		done := make(chan struct{})
		defer close(done)
		go outlive(done)
		all.tests = exits(0)
		if code := all.Run(); code != 1 || !strings.Contains(report.String(), "wiretest.outlive(") {
			t.Errorf("a goroutine is left: exit code %d, %q", code, report.String())
		}
	})
}

func outlive(done chan struct{}) { <-done }

// TestLeftover: descriptors and processes, as long as they are there.
func TestLeftover(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("/proc tells that on Linux")
	}
	opened := "/dev/zero"
	before := descriptors(os.Getpid())
	if left := leftover(before); strings.Contains(left, opened) {
		t.Error(left)
	}
	f, err := os.Open(opened)
	if err != nil {
		t.Fatal(err)
	}
	if left := leftover(before); !strings.Contains(left, ": "+opened+"\n") {
		t.Errorf("%s is open: %q", opened, left)
	}
	if left := leftover(descriptors(os.Getpid())); strings.Contains(left, opened) {
		t.Errorf("it was open before: %q", left)
	}
	f.Close()
	if left := leftover(before); strings.Contains(left, opened) {
		t.Errorf("it is closed: %q", left)
	}
	cat := exec.Command("cat")
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	if left := leftover(before); !strings.Contains(left, "processes [") || !Alive(cat.Process.Pid) {
		t.Errorf("cat runs: %q", left)
	}
	in.Close()
	Eventually(t, "cat has ended, though nobody has waited for it", func() bool { return !Alive(cat.Process.Pid) })
	if err := cat.Wait(); err != nil {
		t.Error(err)
	}
	if left := leftover(before); strings.Contains(left, "processes [") || Alive(cat.Process.Pid) {
		t.Errorf("cat is gone: %q", left)
	}
}
