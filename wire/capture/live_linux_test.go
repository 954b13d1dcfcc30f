package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// openTestLive captures, or skips the test where that is not allowed.
func openTestLive(t *testing.T, iface string, o LiveOptions) (live *Live, stop context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	live, err := OpenLive(ctx, iface, o)
	var privilege *PrivilegeError
	if errors.As(err, &privilege) {
		t.Skip("no CAP_NET_RAW: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := live.Close(); err != nil {
			t.Error(err)
		}
	})
	return live, stop
}

// An exchange is a TCP connection over loopback, over which both sides send.
type exchange struct{ client, server net.Conn }

// listen listens on a port that the system chooses.
func listen(t *testing.T, network, host string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, net.JoinHostPort(host, "0"))
	if err != nil {
		if network == "tcp6" {
			t.Skip("no IPv6: ", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

func connect(t *testing.T, l net.Listener) exchange {
	t.Helper()
	client, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return exchange{client, server}
}

// send sends b and reads it at the other end.
func send(t *testing.T, from, to net.Conn, b []byte) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := from.Write(b)
		done <- err
	}()
	got := make([]byte, len(b))
	if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("received %d of %d bytes: %v", len(got), len(b), err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// close closes both ends, the client's first.
func (x exchange) close(t *testing.T) {
	t.Helper()
	x.client.Close()
	if n, err := x.server.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	x.server.Close()
}

// TestLive: what passes the loopback interface is captured, each packet once,
// up to the moment at which it ends; what goes to other ports is not.
func TestLive(t *testing.T) {
	for _, tt := range []struct{ iface, network, host string }{
		{"lo", "tcp4", "127.0.0.1"}, {"lo", "tcp6", "::1"}, {AnyInterface, "tcp4", "127.0.0.1"},
	} {
		t.Run(tt.iface+" "+tt.network, func(t *testing.T) {
			t.Parallel()
			l, other := listen(t, tt.network, tt.host), listen(t, tt.network, tt.host)
			live, stop := openTestLive(t, tt.iface, LiveOptions{Ports: []uint16{1, portOf(l), 2}})
			request := bytes.Repeat([]byte("to the application "), 20_000)
			answer := bytes.Repeat([]byte("back "), 100_000)
			x, y := connect(t, l), connect(t, other)
			send(t, y.client, y.server, []byte("not seen"))
			send(t, x.client, x.server, request)
			send(t, x.server, x.client, answer)
			client, server := x.client.LocalAddr().String(), l.Addr().String()
			y.close(t)
			x.close(t)
			stop()
			chunks, warnings := drain(t, live.asSource())
			if len(warnings) > 0 {
				t.Errorf("%q", warnings)
			}
			want := []said{
				{client, server, "tcp", []string{"A", fmt.Sprintf("%d bytes %s", len(request), sum(request)), "fin"}},
				{client, server, "tcp", []string{"B", fmt.Sprintf("%d bytes %s", len(answer), sum(answer)), "fin"}},
			}
			if got := saidBy(chunks); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %v, want %v", got, want)
			}
			for _, ch := range chunks {
				if ch.Kind == ChunkData && ch.At.IsZero() {
					t.Fatal("a packet has no time")
				}
			}
			if n, err := live.Dropped(); n != 0 || err != nil {
				t.Errorf("%d dropped, %v", n, err)
			}
		})
	}
}

// asSource is l without its end, which the test that opened it sees to.
func (l *Live) asSource() Source { return notClosed{l} }

type notClosed struct{ *Live }

func (notClosed) Close() error { return nil }

// TestLiveOnce: packets pass the loopback interface twice, and are captured
// once, with their ports.
func TestLiveOnce(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp4", "127.0.0.1")
	live, stop := openTestLive(t, "lo", LiveOptions{Ports: []uint16{portOf(l)}})
	x := connect(t, l)
	for i := range 20 {
		send(t, x.client, x.server, []byte{byte(i)})
	}
	stop()
	seen := make(map[string]int)
	var p packet
	for live.in.next(&p) == nil {
		if seen[string(p.data)]++; seen[string(p.data)] > 1 {
			t.Errorf("packet % x comes twice", p.data)
		}
		if !bytes.Contains(p.data[20:24], binary.BigEndian.AppendUint16(nil, portOf(l))) {
			t.Errorf("packet % x has not the port", p.data)
		}
	}
	if len(seen) < 20 {
		t.Errorf("%d packets", len(seen))
	}
}

// TestLiveDecodes: records are there while the connection is open, without an
// end of the capture, and Waiting is called in between.
func TestLiveDecodes(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp4", "127.0.0.1")
	waited := 0
	live, stop := openTestLive(t, "lo", LiveOptions{Ports: []uint16{portOf(l)}, Waiting: func() { waited++ }})
	x := connect(t, l)
	send(t, x.client, x.server, wire.BeginRecord(1, wire.Responder, 0).Append(nil))
	var kinds []string
	_, err := Decode(context.WithoutCancel(t.Context()), live.asSource(), DecodeOptions{}, func(e *flow.Event) {
		kinds = append(kinds, e.Kind.String())
		if e.Kind == flow.KindRecord {
			stop()
		}
	})
	if got := strings.Join(kinds, " "); err != nil || got != "connection record begun request closed" {
		t.Errorf("%s, %v", got, err)
	}
	if waited == 0 {
		t.Error("Waiting was not called")
	}
}

// TestLiveDrops: packets that the kernel has no room for are counted, and those
// in the ring are decoded all the same.
func TestLiveDrops(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp4", "127.0.0.1")
	live, stop := openTestLive(t, "lo", LiveOptions{Ports: []uint16{portOf(l)}})
	x := connect(t, l)
	block := make([]byte, 1<<20)
	for range 3 * ringBlocks {
		send(t, x.client, x.server, block)
	}
	stop()
	chunks, _ := drain(t, live.asSource())
	n, lost := 0, int64(0)
	for _, ch := range chunks {
		n += len(ch.Data)
		lost += ch.Lost
	}
	if drops, err := live.Dropped(); drops == 0 || err != nil {
		t.Errorf("%d dropped, %v", drops, err)
	}
	// A block of the ring is passed on when it is full, or when some time has
	// passed: how much of the ring is used depends on the machine.
	if n < ringBlock || n >= 3*ringBlocks*len(block) {
		t.Errorf("%d bytes captured and %d lost of %d", n, lost, 3*ringBlocks*len(block))
	}
}

// TestLiveInterfaces: what cannot be captured.
func TestLiveInterfaces(t *testing.T) {
	t.Parallel()
	if _, err := OpenLive(t.Context(), "nothing0", LiveOptions{}); err == nil || !strings.Contains(err.Error(), `no interface "nothing0": there are any, lo`) {
		t.Errorf("%v", err)
	}
}

// TestLiveDown: an interface that is down says so, and the capture ends.
func TestLiveDown(t *testing.T) {
	t.Parallel()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 {
			continue
		}
		live, _ := openTestLive(t, i.Name, LiveOptions{})
		_, err := live.Next()
		var damage *InputError
		if !errors.As(err, &damage) || !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("%v", err)
		}
		if _, err := live.Next(); err != io.EOF {
			t.Errorf("then %v", err)
		}
		return
	}
	t.Skip("no interface is down")
}

// TestLivePrivilege: what is missing is named.
func TestLivePrivilege(t *testing.T) {
	t.Parallel()
	_, err := OpenLive(t.Context(), "lo", LiveOptions{})
	var privilege *PrivilegeError
	switch {
	case err == nil:
		t.Skip("allowed to capture")
	case !errors.As(err, &privilege) || privilege.Capability != "CAP_NET_RAW" || !errors.Is(err, os.ErrPermission):
		t.Errorf("%v", err)
	}
}

// TestLiveFilter: jumps stay within the program and its eight bits.
func TestLiveFilter(t *testing.T) {
	t.Parallel()
	for n := range 300 {
		list := liveFilter(make([]uint16, n))
		for i, in := range list {
			far := max(int(in.Jt), int(in.Jf))
			if in.Code == jump {
				far = int(in.K)
			}
			if i+1+far >= len(list) && in.Code != ret {
				t.Fatalf("%d ports: instruction %d jumps out", n, i)
			}
		}
	}
}
