//go:build linux

package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// runProcess runs a program, until the end of the test at most.
func runProcess(t *testing.T, name string, args ...string) (cmd *exec.Cmd, said *wiretest.Buffer) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("missing peer: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	said = &wiretest.Buffer{}
	cmd = exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if cmd.ProcessState == nil {
			cmd.Wait()
		}
	})
	return cmd, said
}

// TestServeSignals: SIGTERM lets requests that have begun be answered, and a
// second one does not.
func TestServeSignals(t *testing.T) {
	t.Parallel()
	for _, twice := range []bool{false, true} {
		t.Run(strconv.FormatBool(twice), func(t *testing.T) {
			t.Parallel()
			socket := filepath.Join(wiretest.SocketDir(t), "app")
			cmd, said := runProcess(t, "fcgiscope", "serve", "echo", "--listen", socket)
			said.Wait(t, "\n", 1)
			c := dialServe(t, socket)
			c.begin(1, wire.KeepConn, "REQUEST_URI=/late")
			c.values()
			cmd.Process.Signal(syscall.SIGTERM)
			wiretest.Eventually(t, "nobody is let in", func() bool {
				other, err := net.Dial("unix", socket)
				if err == nil {
					other.Close()
				}
				return err != nil
			})
			want := 0
			if twice {
				want = 130
				defer insist(func() { cmd.Process.Signal(syscall.SIGTERM) })()
			} else {
				c.send(wire.NewRecord(wire.TypeStdin, 1, []byte("the body")), wire.NewRecord(wire.TypeStdin, 1, nil))
				if stdout, end := c.end(); !strings.HasSuffix(stdout, "the body") || end.AppStatus != 0 {
					t.Errorf("%q, %+v", stdout, end)
				}
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != want || strings.Contains(said.String(), "cut short") != twice {
				t.Errorf("%v, want exit code %d; it said %s", err, want, said)
			}
			if _, err := os.Stat(socket); !os.IsNotExist(err) {
				t.Errorf("the socket: %v", err)
			}
		})
	}
}

// TestServeSocketActivation: systemd's own program starts serve when somebody
// connects, with two sockets.
func TestServeSocketActivation(t *testing.T) {
	t.Parallel()
	exe, err := exec.LookPath("fcgiscope")
	if err != nil {
		t.Fatal(err)
	}
	dir := wiretest.SocketDir(t)
	sockets := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	cmd, said := runProcess(t, "systemd-socket-activate", "-l", sockets[0], "-l", sockets[1], exe, "serve", "hello")
	said.Wait(t, "Listening on", 2)
	for _, socket := range sockets {
		if got := runMain(t, "", "request", socket, "/"); got.stdout != "Hello from fcgiscope.\n" {
			t.Errorf("%+v", got)
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "serving hello on fd:3\n") || !strings.Contains(said.String(), "serving hello on fd:4\n") {
		t.Errorf("%v, it said %s", err, said)
	}
}

// TestServeLeavesNothing: after peers that read slowly, break off and do not
// close, and programs that are killed or do not start, nothing of serve is left.
// It counts goroutines, and so cannot run beside other tests; and it does
// without garbage collection, which would close files that were forgotten.
func TestServeLeavesNothing(t *testing.T) {
	dir := wiretest.SocketDir(t)
	hangs := filepath.Join(dir, "hangs")
	if err := os.WriteFile(hangs, []byte("#!/bin/sh\nprintf 'A: b\\n\\n'\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	noProgram := filepath.Join(dir, "no-program")
	if err := os.WriteFile(noProgram, []byte("#!"+dir+"/missing\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	runtime.GC() // it runs the finalizers of what others have left
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := runtime.NumGoroutine()
	opened := len(wiretest.Descriptors(t, os.Getpid()))
	for _, app := range [][]string{{"echo"}, {"upload"}, {"slow"}, {"big"}, {"exec", hangs}, {"exec", noProgram}} {
		name := filepath.Base(app[len(app)-1])
		t.Run(name, func(t *testing.T) {
			s := startServe(t, append(app, "--listen", filepath.Join(dir, name+".sock"), "--record", filepath.Join(dir, name+".pcapng"))...)
			var leaving, staying, waiting sync.WaitGroup
			gone := make(chan struct{})
			for i := range 24 {
				c := dialServe(t, s.addr)
				peers := &leaving
				if i%4 == 3 {
					peers = &staying
					waiting.Add(1)
				}
				peers.Go(func() {
					defer c.Close()
					c.begin(1, wire.KeepConn, "QUERY_STRING=bytes=100000000&lines=1000", "REQUEST_METHOD=POST", "CONTENT_LENGTH=100000")
					switch i % 4 {
					case 0: // an upload that breaks off in a record
						c.Write(bytes.Repeat([]byte{1, 5, 0, 1, 1, 0, 0, 0}, 3))
					case 1: // one that is aborted
						c.send(wire.NewRecord(wire.TypeStdin, 1, make([]byte, 50000)), wire.AbortRecord(1))
						c.end()
					case 2: // a reader that has enough
						c.send(wire.NewRecord(wire.TypeStdin, 1, nil))
						if _, err := c.ReadRecord(); err != nil {
							t.Error(err)
						}
					case 3: // one that does not read, and is still there when serve is to end
						c.send(wire.NewRecord(wire.TypeStdin, 1, nil))
						waiting.Done()
						<-gone
					}
				})
			}
			leaving.Wait()
			waiting.Wait()
			if name == "hangs" {
				wiretest.Eventually(t, "the programs of the others are killed, and that is said", func() bool {
					for _, pid := range wiretest.Children(t, os.Getpid()) {
						syscall.Kill(pid, syscall.SIGKILL)
					}
					requests := s.stdout.String()
					ended := strings.Count(requests, " app=137") + strings.Count(requests, " app=502") // before it wrote anything
					return ended >= 6 && strings.Contains(s.stderr.String(), "was ended by signal 9")
				})
			}
			stopped := make(chan int, 1)
			go func() { stopped <- s.stop() }()
			wiretest.Eventually(t, "nobody is let in", func() bool { _, err := os.Stat(s.addr); return err != nil })
			close(gone)
			staying.Wait()
			if code := <-stopped; code != 0 {
				t.Errorf("exit code %d, %s", code, s.stderr)
			}
		})
	}
	var left string
	defer func() {
		if t.Failed() {
			t.Log(left)
		}
	}()
	wiretest.Eventually(t, "nothing is left", func() bool {
		if n := runtime.NumGoroutine(); n > before {
			stacks := make([]byte, 64<<10)
			left = fmt.Sprintf("%d goroutines, %d before:\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
			return false
		}
		open, programs := len(wiretest.Descriptors(t, os.Getpid())), wiretest.Children(t, os.Getpid())
		left = fmt.Sprintf("%d descriptors, %d before; programs: %d", open, opened, programs)
		return open <= opened && len(programs) == 0
	})
}

// TestServeSystemd: the sockets that LISTEN_FDS names.
func TestServeSystemd(t *testing.T) {
	t.Parallel()
	exe, err := exec.LookPath("fcgiscope")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("/bin/sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec "+exe+" serve hello")
	cmd.ExtraFiles = []*os.File{f}
	said := &wiretest.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got := runMain(t, "", "request", ln.Addr().String(), "/")
	if got.stdout != "Hello from fcgiscope.\n" {
		t.Errorf("%+v", got)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "serving hello on fd:3\n") {
		t.Errorf("%v, it said %s", err, said)
	}
}

// TestServeAbuse: peers that read slowly, break off uploads and leave programs
// hanging leave no process and no descriptor behind.
func TestServeAbuse(t *testing.T) {
	t.Parallel()
	exe, err := exec.LookPath("fcgiscope")
	if err != nil {
		t.Fatal(err)
	}
	dir := wiretest.SocketDir(t)
	hangs := filepath.Join(dir, "hangs")
	if err := os.WriteFile(hangs, []byte("#!/bin/sh\nprintf 'A: b\\n\\n'\nhead -c 300000 /dev/zero\nsleep 60 &\nsleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "app")
	cmd := exec.Command(exe, "serve", "exec", hangs, "--listen", socket)
	said := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	pid := cmd.Process.Pid
	wiretest.Eventually(t, "serve listens", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	idle := 0
	wiretest.Eventually(t, "nothing is open", func() bool {
		before := idle
		idle = len(wiretest.Descriptors(t, pid))
		return idle == before
	})
	for i := range 30 {
		c := dialServe(t, socket)
		c.begin(1, 0, "REQUEST_URI=/"+strconv.Itoa(i))
		switch i % 3 {
		case 0: // an upload that breaks off
			c.send(wire.NewRecord(wire.TypeStdin, 1, make([]byte, 40000)))
			if i%2 == 0 {
				c.Write([]byte{1, 5, 0})
			}
		case 1: // reads a little and leaves
			c.send(wire.NewRecord(wire.TypeStdin, 1, nil))
			if _, err := c.ReadRecord(); err != nil {
				t.Error(err)
			}
		case 2:
			c.send(wire.AbortRecord(1))
		}
		c.Close()
	}
	wiretest.Eventually(t, "no program is left", func() bool { return len(wiretest.Children(t, pid)) == 0 })
	wiretest.Eventually(t, "no descriptor is left", func() bool { return len(wiretest.Descriptors(t, pid)) <= idle+2 }) // the poller's, and /dev/null
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, it said %s", err, said)
	}
}

// insist sends a signal again and again until stop is called: what comes at once
// counts as the first.
func insist(signal func()) (stop func()) {
	over := make(chan struct{})
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				signal()
			case <-over:
				return
			}
		}
	}()
	return func() { close(over) }
}
