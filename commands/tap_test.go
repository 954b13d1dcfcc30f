package commands

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A tapRun is a tap that runs in a test.
type tapRun struct {
	stdout, stderr wiretest.Buffer
	addr           string // where it listens, of TCP
	interrupt      func()
	code           chan int
}

var tappingAt = regexp.MustCompile(`tapping tcp:(\S+),`)

// startTap runs tap until end is called.
func startTap(t *testing.T, args ...string) *tapRun {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	r := &tapRun{interrupt: interrupt, code: make(chan int, 1)}
	env, _, _ := testEnv("")
	env.Stdout, env.Stderr = &r.stdout, &r.stderr
	go func() { r.code <- Main(ctx, append([]string{"fcgiscope", "tap"}, args...), env) }()
	t.Cleanup(interrupt)
	r.stderr.Wait(t, "fcgiscope: tapping ", 1)
	if m := tappingAt.FindStringSubmatch(r.stderr.String()); m != nil {
		r.addr = m[1]
	}
	return r
}

// end ends it and checks that it ended well.
func (r *tapRun) end(t *testing.T) {
	t.Helper()
	r.interrupt()
	if code := <-r.code; code != 0 {
		t.Errorf("tap: exit code %d: %s", code, &r.stderr)
	}
}

// TestTapBetweenNginxAndPHP: nginx's clients get what php-fpm says, what is
// recorded is what tcpdump sees, and Wireshark reads it.
func TestTapBetweenNginxAndPHP(t *testing.T) {
	t.Parallel()
	needCapture(t)
	fpm := wiretest.RealPeer(t, "php-fpm")
	dir := t.TempDir()
	recorded, dumped := filepath.Join(dir, "recorded.pcapng"), filepath.Join(dir, "tcpdump.pcap")
	tap := startTap(t, "--listen", "127.0.0.1:0", "--to", fpm["tcp"], "--record", recorded, "-f", "summary")
	_, port, err := net.SplitHostPort(tap.addr)
	if err != nil {
		t.Fatal(err)
	}
	endTcpdump := startTcpdump(t, dumped, port)
	nginx := wiretest.RealPeer(t, "nginx", "--to", tap.addr, "root="+fpm["root"])

	body := make([]byte, 200_000)
	rand.NewChaCha8([32]byte{}).Read(body)
	const requests = 12
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			r, err := http.Post(nginx["http"]+"/echo.php?n="+strconv.Itoa(i), "application/octet-stream", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if got, err := io.ReadAll(r.Body); err != nil || !bytes.HasSuffix(got, body) {
				t.Errorf("request %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
	tap.end(t)
	if got := strings.Count(tap.stdout.String(), " POST /echo.php?n="); got != requests {
		t.Errorf("%d lines for %d requests:\n%s", got, requests, &tap.stdout)
	}
	endTcpdump(func() bool {
		return strings.Count(runMain(t, "", "dump", dumped, "--port", port, "-f", "jsonl").stdout, `"event":"closed","`) >= requests
	})
	read := func(file string) []string {
		got := runMain(t, "", append([]string{"dump", file, "--port", port, "--events", "record,pair,request,finding"}, stableJSON...)...)
		if got.code != 0 {
			t.Errorf("dump %s: %s", file, got.stderr)
		}
		return sortedLines(connNumbers.ReplaceAllString(got.stdout, ""))
	}
	if d := cmp.Diff(read(dumped), read(recorded)); d != "" {
		t.Errorf("-tcpdump +tap:\n%.3000s", d)
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("missing peer: tshark")
	}
	out, err := exec.Command("tshark", "-n", "-r", recorded, "-d", "tcp.port=="+port+",fcgi", "-Y", "_ws.malformed || tcp.analysis.flags").CombinedOutput()
	if rest := strings.ReplaceAll(string(out), "Running as user \"root\" and group \"root\". This could be dangerous.\n", ""); err != nil || rest != "" {
		t.Errorf("tshark: %v: %.1000s", err, rest)
	}
}

// connNumbers differ: the order in which connections are accepted is not that
// of their first packets.
var connNumbers = regexp.MustCompile(`"conn":\d+,`)

// TestTapUnderLoad: clients that go away in the middle leave nothing behind,
// and harm nobody else's bytes.
func TestTapUnderLoad(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	tap := startTap(t, "--listen", "127.0.0.1:0", "--to", fpm["unix"], "--record", filepath.Join(t.TempDir(), "r.pcapng"), "-f", "requests", "--diagnose")
	want := sha256.Sum256([]byte(runMain(t, "", "request", fpm["unix"], "/big.php?n=3000000", "--root", fpm["root"]).stdout))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 5 {
				if i%2 == 0 { // takes the beginning only
					c, err := net.Dial("tcp", tap.addr)
					if err != nil {
						t.Error(err)
						return
					}
					io.WriteString(c, "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00")
					c.Close()
					continue
				}
				got := runMain(t, "", "request", tap.addr, "/big.php?n=3000000", "--root", fpm["root"])
				if sum := sha256.Sum256([]byte(got.stdout)); got.code != 0 || sum != want {
					t.Errorf("%d bytes: %s", len(got.stdout), got.stderr)
				}
			}
		})
	}
	all.Wait()
	tap.end(t)
}

// TestTapEndsOnBothSides: how a connection ends is on one side of the tap what
// it is on the other, as tcpdump sees both.
func TestTapEndsOnBothSides(t *testing.T) {
	t.Parallel()
	needCapture(t)
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	tap := startTap(t, "--listen", "127.0.0.1:0", "--to", app.Addr().String())
	_, appPort, _ := net.SplitHostPort(app.Addr().String())
	_, tapPort, err := net.SplitHostPort(tap.addr)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "both.pcap")
	endTcpdump := startTcpdump(t, file, tapPort+" or tcp port "+appPort)
	begin := wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	ends := []struct {
		name string
		do   func(server, app *net.TCPConn)
	}{
		{"the web server closes", func(server, app *net.TCPConn) { server.Close(); waitClosed(app); app.Close() }},
		{"the application closes", func(server, app *net.TCPConn) { app.Close(); waitClosed(server); server.Close() }},
		{"the web server closes one direction", func(server, app *net.TCPConn) {
			server.CloseWrite()
			waitClosed(app)
			app.Close()
			waitClosed(server)
			server.Close()
		}},
		{"the web server resets", func(server, app *net.TCPConn) { server.SetLinger(0); server.Close(); waitClosed(app); app.Close() }},
		{"the application resets", func(server, app *net.TCPConn) { app.SetLinger(0); app.Close(); waitClosed(server); server.Close() }},
	}
	for _, end := range ends {
		server, err := net.Dial("tcp", tap.addr)
		if err != nil {
			t.Fatal(err)
		}
		behind, err := app.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []net.Conn{server, behind} {
			c.SetDeadline(time.Now().Add(20 * time.Second))
		}
		if _, err := server.Write(begin); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(behind, make([]byte, len(begin))); err != nil {
			t.Fatal(err)
		}
		end.do(server.(*net.TCPConn), behind.(*net.TCPConn))
	}
	hows := func(port string) (all []string) {
		got := runMain(t, "", "dump", file, "--port", tapPort, "--port", appPort, "-f", "jsonl")
		at := make(map[string]bool) // numbers of the connections to the port
		for line := range strings.Lines(got.stdout) {
			n := connNumbers.FindString(line)
			switch {
			case strings.Contains(line, `"event":"connection"`) && strings.Contains(line, `"server":"127.0.0.1:`+port+`"`):
				at[n] = true
			case strings.Contains(line, `"event":"closed"`) && at[n]:
				all = append(all, howClosed.FindString(line))
			}
		}
		return all
	}
	endTcpdump(func() bool { return len(hows(tapPort)) == len(ends) && len(hows(appPort)) == len(ends) })
	tap.end(t)
	if d := cmp.Diff(hows(tapPort), hows(appPort)); d != "" {
		t.Errorf("-before the tap +behind it:\n%s", d)
	}
	if n := strings.Count(strings.Join(hows(appPort), " "), "reset"); n != 2 {
		t.Errorf("%d resets, want 2: %q", n, hows(appPort))
	}
}

var howClosed = regexp.MustCompile(`"how":"[^"]*"`)

// waitClosed waits until the other end of c has closed or reset it.
func waitClosed(c net.Conn) { io.Copy(io.Discard, c) }
