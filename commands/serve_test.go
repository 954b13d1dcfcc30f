//go:build linux

package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A raw connection to serve.
type rawConn struct {
	net.Conn
	*wire.Reader
	t testing.TB
}

func dialServe(t testing.TB, addr string) *rawConn {
	t.Helper()
	network := "tcp"
	if strings.Contains(addr, "/") {
		network = "unix"
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &rawConn{c, wire.NewReader(c), t}
}

func (c *rawConn) send(recs ...wire.Record) {
	c.t.Helper()
	if _, err := c.Write(out(recs...)); err != nil {
		c.t.Fatal(err)
	}
}

// begin begins a request whose STDIN is not ended.
func (c *rawConn) begin(id uint16, flags wire.Flags, params ...string) {
	c.t.Helper()
	var block []byte
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		block = wire.NewPair(name, value).Append(block)
	}
	recs := []wire.Record{wire.BeginRecord(id, wire.Responder, flags)}
	if len(block) > 0 {
		recs = append(recs, wire.NewRecord(wire.TypeParams, id, block))
	}
	c.send(append(recs, wire.NewRecord(wire.TypeParams, id, nil))...)
}

// values asks for the values and returns them as text; all that was sent before
// has been seen then.
func (c *rawConn) values() string {
	c.t.Helper()
	var names []byte
	for _, n := range wire.ValueNames() {
		names = wire.NewPair(n, "").Append(names)
	}
	c.send(wire.NewRecord(wire.TypeGetValues, 0, names))
	rec, err := c.ReadRecord()
	if err != nil || rec.Type != wire.TypeGetValuesResult {
		c.t.Fatalf("%+v, %v; want GET_VALUES_RESULT", rec, err)
	}
	var text []string
	for rest := rec.Content; len(rest) > 0; {
		p, n := wire.ParsePair(rest)
		text = append(text, string(p.Name)+"="+string(p.Value))
		rest = rest[n:]
	}
	return strings.Join(text, " ")
}

// end reads to END_REQUEST and returns STDOUT before it.
func (c *rawConn) end() (stdout string, end wire.EndRequest) {
	c.t.Helper()
	for {
		rec, err := c.ReadRecord()
		if err != nil {
			c.t.Fatalf("after %q: %v", stdout, err)
		}
		switch rec.Type {
		case wire.TypeStdout:
			stdout += string(rec.Content)
		case wire.TypeEndRequest:
			if end, err = wire.ParseEndRequest(rec.Content); err != nil {
				c.t.Fatal(err)
			}
			return stdout, end
		}
	}
}

// TestServeLimits: the limits are told, and hold.
func TestServeLimits(t *testing.T) {
	t.Parallel()
	s := startServe(t, "echo", "--listen", "127.0.0.1:0", "--mpxs", "0", "--max-reqs", "2", "--max-conns", "7")
	c := dialServe(t, s.addr)
	if got, want := c.values(), "FCGI_MAX_CONNS=7 FCGI_MAX_REQS=2 FCGI_MPXS_CONNS=0"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	c.begin(1, wire.KeepConn)
	c.begin(2, wire.KeepConn)
	if _, end := c.end(); end.Status != wire.CantMultiplex {
		t.Errorf("second on the connection: %v", end.Status)
	}
	second, third := dialServe(t, s.addr), dialServe(t, s.addr)
	second.begin(1, wire.KeepConn)
	second.values()
	third.begin(1, wire.KeepConn)
	if _, end := third.end(); end.Status != wire.Overloaded {
		t.Errorf("third request: %v", end.Status)
	}
	c.send(wire.NewRecord(wire.TypeStdin, 1, nil))
	if _, end := c.end(); end.Status != wire.RequestComplete {
		t.Errorf("the first: %v", end.Status)
	}
}

// TestServeMaxConns: a connection beyond --max-conns waits for another's end.
func TestServeMaxConns(t *testing.T) {
	t.Parallel()
	s := startServe(t, "echo", "--listen", "127.0.0.1:0", "--max-conns", "1")
	first := dialServe(t, s.addr)
	first.values()
	second := dialServe(t, s.addr)
	second.send(wire.NewRecord(wire.TypeGetValues, 0, nil))
	first.values() // it is still the only one that is served
	if strings.Contains(s.stdout.String(), "1/") {
		t.Error("the second is served")
	}
	first.Close()
	if rec, err := second.ReadRecord(); err != nil || rec.Type != wire.TypeGetValuesResult {
		t.Errorf("the second: %+v, %v", rec, err)
	}
}

// TestServeAllow: others are disconnected, and that is said.
func TestServeAllow(t *testing.T) {
	t.Parallel()
	s := startServe(t, "echo", "--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--allow", "::1")
	s.stderr.Wait(t, "\n", 2)
	_, six, _ := strings.Cut(strings.Split(s.stderr.String(), "\n")[1], " on tcp:")
	dialServe(t, six).values()
	c := dialServe(t, s.addr)
	if _, err := c.ReadRecord(); err == nil {
		t.Error("127.0.0.1 is let in")
	}
	s.stderr.Wait(t, "is not among the allowed addresses", 1)
}

// TestServeDrains: requests that have begun are answered after an interrupt,
// and nobody else is.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	s := startServe(t, "echo", "--listen", "127.0.0.1:0")
	c := dialServe(t, s.addr)
	c.begin(1, wire.KeepConn, "REQUEST_URI=/late")
	c.values()
	code := make(chan int, 1)
	go func() { code <- s.stop() }()
	wiretest.Eventually(t, "nobody is let in", func() bool {
		other, err := net.Dial("tcp", s.addr)
		if err == nil {
			other.Close()
		}
		return err != nil
	})
	c.send(wire.NewRecord(wire.TypeStdin, 1, []byte("the body")), wire.NewRecord(wire.TypeStdin, 1, nil))
	if stdout, end := c.end(); !strings.HasSuffix(stdout, "the body") || end.AppStatus != 0 {
		t.Errorf("%q, %+v", stdout, end)
	}
	if got := <-code; got != 0 || !strings.Contains(s.stdout.String(), " /late 200 ") {
		t.Errorf("exit code %d\n%s%s", got, s.stdout, s.stderr)
	}
}

// TestServeInterruptedTwice: the second interrupt does not wait.
func TestServeInterruptedTwice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(wiretest.SocketDir(t), "app")
	env, _, _ := testEnv("")
	interrupts := make(chan os.Signal, 1)
	env.Interrupts = func() (<-chan os.Signal, func()) { return interrupts, func() {} }
	stderr := &wiretest.Buffer{}
	env.Stdout, env.Stderr = io.Discard, stderr
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() { code <- Main(ctx, []string{"fcgiscope", "serve", "echo", "--listen", path}, env) }()
	stderr.Wait(t, "\n", 1)
	c := dialServe(t, path)
	c.begin(1, wire.KeepConn)
	c.values()
	cancel()
	wiretest.Eventually(t, "it ends", func() bool {
		select {
		case interrupts <- os.Interrupt: // the first may count as the one before
		default:
		}
		return len(code) > 0
	})
	if got := <-code; got != 130 || !strings.Contains(stderr.String(), "cut short") {
		t.Errorf("exit code %d, stderr %s", got, stderr)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket: %v", err)
	}
}

// TestListenFailure: one line that says where and why, and what to do.
func TestListenFailure(t *testing.T) {
	t.Parallel()
	at := transport.Addr{Network: "tcp", Address: "host.invalid:9000"}
	for _, tt := range []struct {
		err        error
		what, hint string
	}{
		{&net.OpError{Op: "listen", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "host.invalid"}}, "listen on tcp:host.invalid:9000: the name does not resolve", "127.0.0.1"},
		{fmt.Errorf("transport: listen on %v: %w", at, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}), "listen on tcp:host.invalid:9000: the address is in use", "ss -lntxp"},
		{syscall.EACCES, "listen on tcp:host.invalid:9000: permission denied", "1024"},
		{fmt.Errorf("transport: listen on %v: %w", at, transport.ErrNotListening), "tcp:host.invalid:9000 is no listening socket", "choose an address with --listen"},
		{errors.New("transport: something else"), "something else", ""},
	} {
		err := listenFailure(at, tt.err)
		var stderr bytes.Buffer
		code := report(t.Context(), &Env{Stderr: &stderr}, err)
		if code != 1 || err.Error() != tt.what || !strings.Contains(stderr.String(), tt.hint) {
			t.Errorf("%v: exit code %d, %q", tt.err, code, stderr.String())
		}
	}
}

// TestServeOpen: that everybody can connect is said, unless the user has said
// who may.
func TestServeOpen(t *testing.T) {
	t.Parallel()
	const warning = "can send requests"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, tt := range []struct {
		ip     net.IP
		warned bool
	}{
		{net.IPv4zero, true},
		{net.IPv6zero, true},
		{net.IPv4(127, 0, 0, 1), false},
		{net.IPv6loopback, false},
	} {
		var stderr bytes.Buffer
		warnOpen(&Env{Stderr: &stderr}, []listener{{Listener: addressed{ln, &net.TCPAddr{IP: tt.ip}}}}, "")
		if strings.Contains(stderr.String(), warning) != tt.warned {
			t.Errorf("%v: %q", tt.ip, stderr.String())
		}
	}
}

// An addressed listener says that it has another address.
type addressed struct {
	net.Listener
	addr net.Addr
}

func (a addressed) Addr() net.Addr { return a.addr }
