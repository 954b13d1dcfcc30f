//go:build linux

package commands

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// loadMemory is the most that a gateway may need under that load, in KiB; the
// race detector takes several times as much (measured: 45 MiB, and 160 with it).
const loadMemory = 256 << 10

// loadPieces is the size of an answer, in pieces of 64 KiB: more than an
// application can write before its client reads.
const loadPieces = 16

// loadSum is what loadPieces of loadHandler and of download.php come to.
var loadSum = sha256.Sum256(bytes.Repeat([]byte("0123456789abcdef"), loadPieces*4096))

// TestGatewayLoad: clients that read slowly, stop reading, or give up, over
// HTTP/1.1 and HTTP/2, uploads that break off, and an application that is killed
// while it answers. Whoever reads has what was answered, to the last byte; after
// that nothing is left of it all in the gateway.
func TestGatewayLoad(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *appUnderLoad{
		"php-fpm": loadedPHP, "application": loadedApp, "exec": loadedExec, "spawn": loadedSpawn,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := start(t)
			dir := wiretest.SocketDir(t)
			l := &load{t: t, app: app, whole: map[string]bool{}}
			l.g = runGatewayProcess(t, dir, append(app.args, "--send-timeout", "2", "--format", "jsonl", "--keep", "2")...)
			l.warmUp()
			pid := l.g.cmd.Process.Pid
			before := kindsOf(wiretest.Descriptors(t, pid))
			l.run()
			after := kindsOf(wiretest.Descriptors(t, pid))
			wiretest.Eventually(t, "the descriptors are closed", func() bool {
				after = kindsOf(wiretest.Descriptors(t, pid))
				return after["socket"] <= 1+2 // that which listens, and those that are kept
			})
			for kind, n := range after {
				if kind != "socket" && n > before[kind] {
					t.Errorf("%d descriptors of kind %s, %d before", n, kind, before[kind])
				}
			}
			l.compare()
			peak := statusKiB(t, pid, "VmHWM")
			t.Logf("%d answers are whole, %d requests in the log, memory at most %d KiB, descriptors %v, before %v", len(l.whole), len(l.lines()), peak, after, before)
			if peak > loadMemory {
				t.Errorf("memory came to %d KiB", peak)
			}
			l.end()
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, error %v", left, err)
			}
		})
	}
}

// A load is clients at work.
type load struct {
	t     *testing.T
	app   *appUnderLoad
	g     *gatewayProcess
	n     atomic.Int64 // requests
	done  atomic.Int64 // whole answers
	over  atomic.Bool
	mu    sync.Mutex
	whole map[string]bool // by URI: read to the end, and whole
}

// uri returns a path with a query that no other request has.
func (l *load) uri(path string) string { return fmt.Sprintf("%s&id=%d", path, l.n.Add(1)) }

// downURI is one for an answer of so many pieces.
func (l *load) downURI(pieces int) string { return l.uri(fmt.Sprint(l.app.down, "?pieces=", pieces)) }

// warmUp has everything made that is made once.
func (l *load) warmUp() {
	for _, h2 := range []bool{false, true} {
		tr, closeAll := transportOf(h2, quickBytes)
		for range 3 {
			l.download(tr, quickBytes)
		}
		closeAll()
	}
	if l.done.Load() == 0 {
		l.t.Fatalf("nothing is answered: %s", l.g.stderr)
	}
}

// How much a client reads at once: slowBytes with a rest after each piece, and
// with little room for what it has not read.
const (
	slowBytes  = 8 << 10
	quickBytes = 64 << 10
)

// transportOf returns a client's, and what closes its connections, which
// CloseIdleConnections does not where a request was given up just now.
func transportOf(h2 bool, piece int) (tr *http.Transport, closeAll func()) {
	var mu sync.Mutex
	var conns []net.Conn
	tr = &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetUnencryptedHTTP2(h2)
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
		if piece == slowBytes {
			err = c.(*net.TCPConn).SetReadBuffer(8 * piece)
		}
		return c, err
	}
	return tr, func() {
		tr.CloseIdleConnections()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	}
}

// download reads an answer in pieces of that size, and keeps what came of it.
func (l *load) download(tr http.RoundTripper, piece int) {
	uri := l.downURI(loadPieces)
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", l.g.url+uri, nil)
	if err != nil {
		l.t.Error(err)
		return
	}
	whole := false
	if resp, err := tr.RoundTrip(req); err == nil {
		sum, buf := sha256.New(), make([]byte, piece)
		for err == nil {
			var n int
			n, err = resp.Body.Read(buf)
			sum.Write(buf[:n])
			if piece == slowBytes {
				time.Sleep(time.Millisecond)
			}
		}
		resp.Body.Close()
		whole = resp.StatusCode == 200 && err == io.EOF
		if whole && [sha256.Size]byte(sum.Sum(nil)) != loadSum {
			l.t.Errorf("%s: an answer that looks whole is not", uri)
		}
	}
	l.mu.Lock()
	l.whole[uri] = whole
	l.mu.Unlock()
	if whole {
		l.done.Add(1)
	}
}

// giveUp reads a little of an answer.
func (l *load) giveUp(tr http.RoundTripper) {
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", l.g.url+l.downURI(loadPieces), nil)
	if err != nil {
		l.t.Error(err)
		return
	}
	if resp, err := tr.RoundTrip(req); err == nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 10_000)
		cancel()
		resp.Body.Close()
	}
}

// breakOff sends half of a body and goes.
func (l *load) breakOff() {
	const size = 1 << 20
	half := make([]byte, size/2)
	if c, err := net.Dial("tcp", strings.TrimPrefix(l.g.url, "http://")); err == nil {
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", l.uri(l.app.up+"?up"), size)
		_, _ = c.Write(half)
		c.Close()
	}
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	tr, closeAll := transportOf(true, quickBytes)
	defer closeAll()
	body := io.MultiReader(bytes.NewReader(half), readerFunc(func([]byte) (int, error) {
		cancel()
		<-ctx.Done()
		return 0, ctx.Err()
	}))
	req, err := http.NewRequestWithContext(ctx, "POST", l.g.url+l.uri(l.app.up+"?up"), body)
	if err != nil {
		l.t.Error(err)
		return
	}
	req.ContentLength = size
	if resp, err := tr.RoundTrip(req); err == nil {
		resp.Body.Close()
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// run is the load, from its beginning to its end.
func (l *load) run() {
	stalled := map[string]bool{}
	for _, stall := range stalls {
		for range 3 {
			uri := l.downURI(64 * loadPieces) // more than all buffers take
			stalled[uri] = true
			c := stall(l.t, l.g.url, uri)
			defer c.Close() // that of HTTP/2 is kept where only the window is full
		}
	}
	var all sync.WaitGroup
	client := func(h2 bool, piece int, does func(http.RoundTripper)) {
		all.Go(func() {
			tr, closeAll := transportOf(h2, piece)
			defer closeAll()
			for !l.over.Load() {
				does(tr)
			}
		})
	}
	for _, h2 := range []bool{false, true} {
		for range 3 {
			client(h2, quickBytes, func(tr http.RoundTripper) { l.download(tr, quickBytes) })
		}
		client(h2, slowBytes, func(tr http.RoundTripper) { l.download(tr, slowBytes) })
		client(h2, quickBytes, l.giveUp)
	}
	client(false, quickBytes, func(http.RoundTripper) { l.breakOff() })
	for i := range 8 {
		goal := l.done.Load() + 20
		wiretest.Eventually(l.t, "requests are answered", func() bool { return l.done.Load() >= goal })
		switch {
		case i == 3 || i == 7:
			l.app.killAll()
		default:
			l.app.killPart()
		}
	}
	goal := l.done.Load() + 20
	wiretest.Eventually(l.t, "requests are answered again", func() bool { return l.done.Load() >= goal })
	l.over.Store(true)
	all.Wait()
	wiretest.Eventually(l.t, "clients that do not read are given up", func() bool {
		for _, line := range l.lines() {
			delete(stalled, line.URI)
		}
		return len(stalled) == 0
	})
}

// A loadLine is one of the log.
type loadLine struct {
	URI       string `json:"uri"`
	Status    int    `json:"status"`
	AppStatus *int   `json:"app_status"` // nil: END_REQUEST did not come
	Cut       bool   `json:"cut"`
	Why       string `json:"why"`
}

func (l *load) lines() (all []loadLine) {
	for line := range strings.Lines(l.g.stdout.String()) {
		var one loadLine
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			break // it is being written
		}
		all = append(all, one)
	}
	return all
}

// compare holds what clients have against what the gateway says that it has
// passed on.
func (l *load) compare() {
	wiretest.Eventually(l.t, "all is in the log", func() bool {
		logged := map[string]bool{}
		for _, line := range l.lines() {
			logged[line.URI] = true
		}
		for uri := range l.whole {
			if !logged[uri] {
				return false
			}
		}
		return true
	})
	for _, line := range l.lines() {
		whole, reads := l.whole[line.URI]
		if passed := line.Status == 200 && !line.Cut && line.AppStatus != nil; reads && passed != whole {
			l.t.Errorf("the client has it whole: %v, and the log says %+v", whole, line)
		}
	}
}

// end ends the gateway: in an orderly way where it has started the application,
// else so that it tells what it is at.
func (l *load) end() {
	pids := family(l.t, l.g.cmd.Process.Pid)
	if len(pids) < l.app.processes {
		l.t.Errorf("it has %d processes, want %d", len(pids), l.app.processes)
	}
	if l.app.ownProcess {
		l.g.cmd.Process.Signal(syscall.SIGTERM)
		if err := l.g.cmd.Wait(); err != nil {
			l.t.Errorf("%v: %s", err, l.g.stderr)
		}
	} else {
		l.g.cmd.Process.Signal(syscall.SIGQUIT)
		l.g.cmd.Wait()
		_, stacks, _ := strings.Cut(l.g.stderr.String(), "SIGQUIT: quit")
		if !strings.Contains(stacks, "goroutine 1 ") {
			l.t.Errorf("it does not tell its goroutines: %s", l.g.stderr)
		}
		for stack := range strings.SplitSeq(stacks, "\n\n") {
			for _, owner := range []string{"http.(*conn).serve(", "http.(*http2serverConn)", "gateway.(*Front)", "client.(*Response)", "client.(*Pool)"} {
				if strings.Contains(stack, owner) {
					l.t.Errorf("a goroutine is left:\n%s", stack)
					break
				}
			}
		}
	}
	for _, pid := range pids {
		wiretest.Eventually(l.t, fmt.Sprintf("process %d has ended", pid), func() bool { return !wiretest.Alive(pid) })
	}
}

// kindsOf counts descriptors by what they are.
func kindsOf(list []wiretest.Descriptor) map[string]int {
	kinds := map[string]int{}
	for _, d := range list {
		kind, _, _ := strings.Cut(d.Target, ":")
		kinds[kind]++
	}
	return kinds
}

// statusKiB returns a size in KiB from /proc/PID/status.
func statusKiB(t *testing.T, pid int, name string) (n int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), name+":")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
