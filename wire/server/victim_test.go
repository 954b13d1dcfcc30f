//go:build linux

package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// The limits are tested on a server in a process of its own, whose memory is
// read from the system while a hostile peer does its worst.

// limitsServer is the environment variable that makes the test program that
// server; it holds its configuration.
const limitsServer = "FCGISCOPE_TEST_SERVER"

type limitsConfig struct {
	Path, Handler string
	Limits        Limits
}

var limitsHandlers = map[string]Handler{
	"hello": hello,
	"echo":  echo,
	"wait":  func(ctx context.Context, _ *Exchange) { <-ctx.Done() },
	"stuck": func(context.Context, *Exchange) { select {} },
	"endless": func(_ context.Context, x *Exchange) {
		io.WriteString(x.Stdout, textHeader)
		for b := make([]byte, 100000); ; {
			if _, err := x.Stdout.Write(b); err != nil {
				return
			}
		}
	},
}

func TestMain(m *testing.M) {
	if config := os.Getenv(limitsServer); config != "" {
		fmt.Fprintln(os.Stderr, serveLimits(config))
		os.Exit(1)
	}
	os.Exit(wiretest.NoLeaks(m).Run())
}

func serveLimits(config string) error {
	var c limitsConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return err
	}
	s := &Server{Handler: limitsHandlers[c.Handler], Limits: c.Limits}
	if c.Path == "" {
		return s.ServeInherited(context.Background(), os.Getenv(WebServerAddrs))
	}
	ln, err := net.Listen("unix", c.Path)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return s.Serve(context.Background(), ln)
}

// A victim is such a server.
type victim struct {
	t      testing.TB
	addr   string
	pid    int
	before int // bytes, after a request
}

func newVictim(t testing.TB, handler string, limits Limits) *victim {
	t.Helper()
	v := &victim{t: t, addr: filepath.Join(t.TempDir(), "s")}
	config, err := json.Marshal(limitsConfig{v.addr, handler, limits})
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = []string{limitsServer + "=" + string(config)}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the server said %q, %v", line, err)
	}
	v.pid = cmd.Process.Pid
	p := v.dial()
	p.alive()
	p.Close()
	v.before = v.memory("VmRSS")
	return v
}

// sockets returns how many sockets the server has opened itself: one that it
// listens on, and those of its peers.
func (v *victim) sockets() (n int) {
	v.t.Helper()
	for _, d := range wiretest.Descriptors(v.t, v.pid) {
		if d.Number > 2 && strings.HasPrefix(d.Target, "socket:") {
			n++
		}
	}
	return n
}

func (v *victim) dial() *peer {
	v.t.Helper()
	nc, err := net.Dial("unix", v.addr)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { nc.Close() })
	return &peer{v.t, nc, wire.NewReader(nc), wire.NewWriter(nc)}
}

// memory returns a size from /proc/PID/status, in bytes.
func (v *victim) memory(name string) int {
	v.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.pid))
	if err != nil {
		v.t.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				v.t.Fatal(err)
			}
			return kb << 10
		}
	}
	v.t.Fatalf("no %s in %s", name, status)
	return 0
}

// grownAtMost checks the most memory that the process ever had.
func (v *victim) grownAtMost(bytes int) {
	v.t.Helper()
	grown := v.memory("VmHWM") - v.before
	v.t.Logf("grown by %d KiB", grown>>10)
	if grown > bytes*raceFactor {
		v.t.Errorf("grown by %d bytes, more than %d", grown, bytes*raceFactor)
	}
}

// until sends what make returns again and again, without reading, until the
// server takes no more for a while, or closes. It returns how many bytes went.
func (p *peer) until(wait time.Duration, limit int, b []byte) (sent int, err error) {
	p.t.Helper()
	for sent < limit {
		p.SetWriteDeadline(time.Now().Add(wait))
		n, err := p.Conn.Write(b)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// drip sends r every now and then until the server closes, or the test is over.
func (p *peer) drip(r wire.Record) {
	for b := r.Append(nil); p.t.Context().Err() == nil; time.Sleep(20 * time.Millisecond) {
		if _, err := p.Conn.Write(b); err != nil {
			return
		}
	}
}
