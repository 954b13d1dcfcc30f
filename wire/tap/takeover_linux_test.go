package tap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// An app is an application that says its name to who connects.
type app struct {
	l    net.Listener
	path string
}

// newApp listens at path with a mode that is not the usual one.
func newApp(t *testing.T, path, name string) *app {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o620); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, name)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return &app{l, path}
}

// ask returns what answers at path.
func ask(path string) (string, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	b, err := io.ReadAll(c)
	return string(b), err
}

// only checks that path is the application's and nothing lies beside it.
func only(t *testing.T, path, want string) {
	t.Helper()
	if got, err := ask(path); err != nil || got != want {
		t.Errorf("at the path: %q, %v, want %q", got, err, want)
	}
	found, err := filepath.Glob(path + "*")
	if err != nil || len(found) != 1 {
		t.Errorf("files: %v, %v", found, err)
	}
}

func TestTakeOverAndGiveBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(wiretest.SocketDir(t), "s")
	newApp(t, path, "real")
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	repaired, o, err := TakeOver(context.Background(), path)
	if err != nil || repaired != "" {
		t.Fatal(repaired, err)
	}
	during, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if os.SameFile(before, during) || during.Mode() != before.Mode() {
		t.Errorf("%v, then %v", before.Mode(), during.Mode())
	}
	if b, d := before.Sys().(*syscall.Stat_t), during.Sys().(*syscall.Stat_t); b.Uid != d.Uid || b.Gid != d.Gid {
		t.Errorf("owner %d:%d, then %d:%d", b.Uid, b.Gid, d.Uid, d.Gid)
	}
	w := &Watcher{}
	p := &Proxy{Dial: o.Dial, Watchers: []*Watcher{w}}
	served := make(chan error, 1)
	go func() { served <- p.Serve(context.Background(), o.Listener()) }()
	if got, err := ask(path); err != nil || got != "real" {
		t.Errorf("%q, %v", got, err)
	}
	if o.Lost() || !o.Alive(context.Background()) {
		t.Error("lost, or not alive")
	}
	if err := o.GiveBack(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	only(t, path, "real")
	after, err := os.Lstat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Error("it is not the same file again")
	}
	if err := o.GiveBack(); err != nil {
		t.Error(err)
	}
	var s seen
	w.Close()
	w.Run(context.Background(), s.show, func() {})
	if s.bytes[1].String() != "real" {
		t.Errorf("saw %q", s.bytes[1].String())
	}
}

// TestThePathIsNeverMissing: while it is taken over and given back.
func TestThePathIsNeverMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(wiretest.SocketDir(t), "s")
	newApp(t, path, "real")
	var stop atomic.Bool
	result := make(chan error, 1)
	go func() {
		var asked int
		for !stop.Load() || asked == 0 {
			if got, err := ask(path); err != nil || got != "real" {
				result <- fmt.Errorf("%q, %w", got, err)
				return
			}
			asked++
		}
		result <- nil
	}()
	for range 20 {
		_, o, err := TakeOver(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		p := &Proxy{Dial: o.Dial}
		served := make(chan error, 1)
		go func() { served <- p.Serve(context.Background(), o.Listener()) }()
		if err := o.GiveBack(); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		if err := p.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	}
	stop.Store(true)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestAnApplicationThatBindsAnew is noticed, and taken over again.
func TestAnApplicationThatBindsAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(wiretest.SocketDir(t), "s")
	old := newApp(t, path, "old")
	_, o, err := TakeOver(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	old.l.Close()
	if o.Alive(context.Background()) {
		t.Error("alive")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	newApp(t, path, "new")
	if !o.Lost() {
		t.Error("not noticed")
	}
	if err := o.Again(context.Background()); err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Dial: o.Dial}
	go p.Serve(context.Background(), o.Listener())
	if got, err := ask(path); err != nil || got != "new" {
		t.Errorf("%q, %v", got, err)
	}
	if err := o.GiveBack(); err != nil {
		t.Fatal(err)
	}
	only(t, path, "new")
}

func TestTakeOverRefuses(t *testing.T) {
	t.Parallel()
	dir := wiretest.SocketDir(t)
	file, stale, long := filepath.Join(dir, "f"), filepath.Join(dir, "dead"), filepath.Join(dir, strings.Repeat("x", 105-len(dir)))
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newApp(t, stale, "").l.Close()
	newApp(t, long, "")
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "there is no socket",
		file:                       "it is no socket",
		stale:                      "nobody answers",
		long:                       "too long",
		dir + "/no/s":              "no such file",
	} {
		_, _, err := TakeOver(context.Background(), path)
		var e *TakeoverError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	path := filepath.Join(dir, "s")
	newApp(t, path, "real")
	_, o, err := TakeOver(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := TakeOver(context.Background(), path); err == nil || !strings.Contains(err.Error(), "another tap") {
		t.Errorf("a second one: %v", err)
	}
	if err := o.GiveBack(); err != nil {
		t.Fatal(err)
	}
	only(t, path, "real")
}

// The process that is killed is this test's binary, with these variables.
const (
	victimPath = "FCGISCOPE_TEST_TAKEOVER"
	victimStep = "FCGISCOPE_TEST_STEP"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimPath); path != "" {
		os.Exit(victim(path, os.Getenv(victimStep)))
	}
	os.Exit(wiretest.NoLeaks(m).Run())
}

// victim takes over and gives back, and kills itself at a step; "": never, but
// it goes on until it is killed.
func victim(path, at string) int {
	step := func(s string) {
		if s == at {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	fmt.Println("begun")
	for {
		_, o, err := takeOver(context.Background(), path, step)
		if err == nil {
			err = o.GiveBack()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if at != "" {
			return 0
		}
	}
}

// kill runs a victim, which has to die by SIGKILL: at its step, or so long after
// it has begun.
func kill(t *testing.T, path, step string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimPath+"="+path, victimStep+"="+step)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = out.Read(make([]byte, 1)) // it begins, or is dead, which Wait tells
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("step %q: %v: %s", step, err, &said)
	}
}

// TestKilledAtEachStep: one command makes the socket usable again, also if the
// application has gone meanwhile.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"listen", "exchange", "taken", "exchange back", "remove ours", "given"} {
		path := filepath.Join(wiretest.SocketDir(t), "s")
		real := newApp(t, path, "real")
		kill(t, path, step, limit)
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		if _, err := Repair(context.Background(), path); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		only(t, path, "real")

		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		kill(t, path, step, limit)
		real.l.Close()
		if _, err := Repair(context.Background(), path); err != nil {
			t.Errorf("%s, and the application has gone: %v", step, err)
		}
		after, err := os.Lstat(path)
		if err != nil || !os.SameFile(before, after) {
			t.Errorf("%s, and the application has gone: its socket is not at the path: %v", step, err)
		}
		if found, _ := filepath.Glob(path + "*"); len(found) != 1 {
			t.Errorf("%s, and the application has gone: %v", step, found)
		}
	}
}

// TestKilledAtRandom: fifty times, at any moment.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	path := filepath.Join(wiretest.SocketDir(t), "s")
	newApp(t, path, "real")
	for range 50 {
		kill(t, path, "", rand.N(30*time.Millisecond))
		if _, err := Repair(context.Background(), path); err != nil {
			t.Fatal(err)
		}
		only(t, path, "real")
	}
}
