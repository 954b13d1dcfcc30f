package tap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// limit is how long anything in these tests may take.
const limit = 20 * time.Second

// A pair of connections through a proxy: the web server's and the application's
// end.
type pair struct {
	client, app net.Conn
}

// networks are those that both ends may be of.
var networks = []struct{ client, app string }{{"tcp", "tcp"}, {"unix", "unix"}, {"tcp", "unix"}, {"unix", "tcp"}}

func listen(t *testing.T, network string) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(wiretest.SocketDir(t), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// start serves p in front of a new listener of the network app, and returns
// what connects through it.
func start(t *testing.T, p *Proxy, client, app string) func() pair {
	t.Helper()
	front, back := listen(t, client), listen(t, app)
	p.Dial = func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, app, back.Addr().String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, front) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		over, cancel := context.WithCancel(context.Background())
		cancel()
		p.Shutdown(over)
		if n := p.Open(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	return func() pair {
		c, err := net.Dial(client, front.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		a, err := back.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []net.Conn{c, a} {
			c.SetDeadline(time.Now().Add(limit))
			t.Cleanup(func() { c.Close() })
		}
		return pair{c, a}
	}
}

// eachNetwork runs test for each combination of networks.
func eachNetwork(t *testing.T, test func(t *testing.T, client, app string)) {
	t.Parallel()
	for _, n := range networks {
		t.Run(n.client+"-"+n.app, func(t *testing.T) {
			t.Parallel()
			test(t, n.client, n.app)
		})
	}
}

func TestBytesPassBothWays(t *testing.T) {
	eachNetwork(t, func(t *testing.T, client, app string) {
		const size = 8 << 20
		connect := start(t, &Proxy{}, client, app)
		c := connect()
		var all sync.WaitGroup
		for i, ends := range [][2]net.Conn{{c.client, c.app}, {c.app, c.client}} {
			sent, got := sha256.New(), sha256.New()
			var both sync.WaitGroup
			both.Go(func() {
				r := rand.NewChaCha8([32]byte{byte(i)})
				if _, err := io.CopyN(io.MultiWriter(ends[0], sent), r, size); err != nil {
					t.Error(err)
				}
				ends[0].(interface{ CloseWrite() error }).CloseWrite()
			})
			both.Go(func() {
				if n, err := io.Copy(got, ends[1]); err != nil || n != size {
					t.Errorf("%d bytes, %v", n, err)
				}
			})
			all.Go(func() {
				both.Wait()
				if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
					t.Error("other bytes have come than were sent")
				}
			})
		}
		all.Wait()
	})
}

// TestAHalfIsClosedAlone: the other direction goes on.
func TestAHalfIsClosedAlone(t *testing.T) {
	eachNetwork(t, func(t *testing.T, client, app string) {
		c := start(t, &Proxy{}, client, app)()
		send(t, c.client, "question")
		c.client.(interface{ CloseWrite() error }).CloseWrite()
		if got, err := io.ReadAll(c.app); err != nil || string(got) != "question" {
			t.Fatalf("%q, %v", got, err)
		}
		send(t, c.app, "answer")
		c.app.Close()
		if got, err := io.ReadAll(c.client); err != nil || string(got) != "answer" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// TestAResetIsPassedOn: over TCP as a reset, both ways.
func TestAResetIsPassedOn(t *testing.T) {
	t.Parallel()
	connect := start(t, &Proxy{}, "tcp", "tcp")
	for _, byApp := range []bool{false, true} {
		c := connect()
		from, to := c.client, c.app
		if byApp {
			from, to = to, from
		}
		send(t, from, "x")
		if _, err := io.ReadFull(to, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		from.(*net.TCPConn).SetLinger(0)
		from.Close()
		if _, err := to.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("by the application %v: %v, want a reset", byApp, err)
		}
	}
}

// TestAUnixSocketIsClosedWholly: who writes to an application that has gone is
// told so at once, as without a proxy.
func TestAUnixSocketIsClosedWholly(t *testing.T) {
	t.Parallel()
	c := start(t, &Proxy{}, "unix", "unix")()
	c.app.Close()
	if _, err := c.client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if _, err := c.client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v, want EPIPE", err)
	}
}

// TestAWriteThatFailsResets: the application closes while the client sends.
func TestAWriteThatFailsResets(t *testing.T) {
	t.Parallel()
	c := start(t, &Proxy{}, "tcp", "tcp")()
	c.app.Close()
	junk := make([]byte, 64<<10)
	for {
		if _, err := c.client.Write(junk); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the client may send for ever")
			}
			return
		}
	}
}

// TestAnAppThatIsNotThere: the client is reset, and why is told.
func TestAnAppThatIsNotThere(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	p := &Proxy{Failed: func(_ net.Addr, err error) { failed <- err }}
	front, back := listen(t, "tcp"), listen(t, "tcp")
	back.Close()
	p.Dial = func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", back.Addr().String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go p.Serve(ctx, front)
	c, err := net.Dial("tcp", front.Addr().String())
	if err == nil { // or it is reset before it returns
		defer c.Close()
		c.SetDeadline(time.Now().Add(limit))
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
	if err := <-failed; !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

// TestShutdownResetsWhatStays: a connection that does not end is ended.
func TestShutdownResetsWhatStays(t *testing.T) {
	t.Parallel()
	p := &Proxy{}
	c := start(t, p, "unix", "tcp")()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	for _, end := range []net.Conn{c.client, c.app} {
		if _, err := end.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
	}
}

// A seen is what a watcher was shown of a connection.
type seen struct {
	bytes [2]bytes.Buffer
	lost  [2]int64
	ends  []string
}

func (s *seen) show(ch *Piece) {
	switch ch.Kind {
	case capture.ChunkData:
		s.bytes[ch.Side].Write(ch.Data)
	case capture.ChunkGap:
		s.lost[ch.Side] += ch.Lost
	case capture.ChunkFin:
		s.ends = append(s.ends, "fin "+ch.Side.String())
	case capture.ChunkRst:
		s.ends = append(s.ends, "rst "+ch.Side.String())
	case capture.ChunkEnd:
		s.ends = append(s.ends, "end")
	}
}

// TestAWatcherSeesWhatPasses: bytes in order, and both ends.
func TestAWatcherSeesWhatPasses(t *testing.T) {
	eachNetwork(t, func(t *testing.T, client, app string) {
		w := &Watcher{Lossless: true, Buffer: 64 << 10}
		var s seen
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Run(context.Background(), s.show, func() {})
		}()
		p := &Proxy{Watchers: []*Watcher{w}}
		c := start(t, p, client, app)()
		payload := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go c.client.Write(payload)
		if _, err := io.ReadFull(c.app, make([]byte, len(payload))); err != nil {
			t.Fatal(err)
		}
		send(t, c.app, "answer")
		c.app.(interface{ CloseWrite() error }).CloseWrite()
		if _, err := io.ReadAll(c.client); err != nil {
			t.Fatal(err)
		}
		c.client.Close()
		io.ReadAll(c.app)
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		w.Close()
		<-done
		if !bytes.Equal(s.bytes[capture.A].Bytes(), payload) || s.bytes[capture.B].String() != "answer" {
			t.Errorf("saw %d and %d bytes", s.bytes[0].Len(), s.bytes[1].Len())
		}
		if want := "[fin B fin A end]"; fmt.Sprint(s.ends) != want {
			t.Errorf("ends %v, want %s", s.ends, want)
		}
	})
}

// TestASlowWatcherIsLeftBehind: the traffic goes on, and what it missed is told.
func TestASlowWatcherIsLeftBehind(t *testing.T) {
	t.Parallel()
	w := &Watcher{Buffer: 32 << 10}
	p := &Proxy{Watchers: []*Watcher{w}}
	c := start(t, p, "tcp", "tcp")()
	const size = 4 << 20
	go func() {
		io.CopyN(c.client, zeros{}, size)
		c.client.Close()
	}()
	if n, err := io.Copy(io.Discard, c.app); err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	c.app.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	missed := w.Missed()
	if missed.Bytes == 0 || missed.Pieces == 0 {
		t.Error("a watcher that took nothing missed nothing")
	}
	w.Close()
	var s seen
	w.Run(context.Background(), s.show, func() {})
	if got := int64(s.bytes[capture.A].Len()) + s.lost[capture.A]; got != size || s.lost[capture.A] != missed.Bytes {
		t.Errorf("%d bytes seen, %d lost, %d told: not %d", s.bytes[capture.A].Len(), s.lost[capture.A], missed.Bytes, size)
	}
}

// TestARecordingHoldsTheTrafficBack: nothing is lost, however slow it is.
func TestARecordingHoldsTheTrafficBack(t *testing.T) {
	t.Parallel()
	w := &Watcher{Lossless: true, Buffer: 32 << 10}
	p := &Proxy{Watchers: []*Watcher{w}}
	c := start(t, p, "unix", "unix")()
	const size = 4 << 20
	go func() {
		io.CopyN(c.client, zeros{}, size)
		c.client.Close()
	}()
	// Nobody runs the watcher: the traffic stands.
	if _, err := io.ReadFull(c.app, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	var s seen
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(context.Background(), s.show, func() {})
	}()
	if n, err := io.Copy(io.Discard, c.app); err != nil || n != size-1 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	c.app.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-done
	if s.bytes[capture.A].Len() != size || s.lost[capture.A] != 0 {
		t.Errorf("%d bytes recorded, %d lost", s.bytes[capture.A].Len(), s.lost[capture.A])
	}
}

// TestAWatcherThatClosesHoldsNobody: as when the disk is full.
func TestAWatcherThatClosesHoldsNobody(t *testing.T) {
	t.Parallel()
	w := &Watcher{Lossless: true, Buffer: 1 << 10}
	p := &Proxy{Watchers: []*Watcher{w}}
	c := start(t, p, "tcp", "tcp")()
	go io.CopyN(c.client, zeros{}, 1<<20)
	w.Close()
	if _, err := io.ReadFull(c.app, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
