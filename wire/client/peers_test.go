package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// addrs are the addresses at which a real peer listens.
func addrs(t *testing.T, peer map[string]string) []transport.Addr {
	t.Helper()
	var found []transport.Addr
	for _, key := range []string{"tcp", "unix"} {
		if peer[key] == "" {
			continue
		}
		a, err := transport.ParseAddr(key + ":" + peer[key])
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, a)
	}
	if len(found) == 0 {
		t.Fatalf("the peer has no address: %v", peer)
	}
	return found
}

func mustDial(t *testing.T, a transport.Addr, o Options) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// An answer of a real peer, all of it.
type answer struct {
	status       int
	header, body string
	stderr       string
	end          wire.EndRequest
	resp         *Response
}

// ask sends a request and reads the answer.
func ask(t *testing.T, c *Conn, r cgi.Request, req Request) answer {
	t.Helper()
	r.Role = req.Role
	params, err := r.Params()
	if err != nil {
		t.Fatal(err)
	}
	req.Params = cgi.Override(params, req.Params)
	resp, err := c.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	h, err := resp.Header()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	end, err := resp.Wait()
	if err != nil {
		t.Fatal(err)
	}
	stderr, _ := resp.Stderr()
	return answer{h.Status(), string(h.Bytes()), string(body), string(stderr), end, resp}
}

func (a answer) complete(t *testing.T) {
	t.Helper()
	if a.end.Status != wire.RequestComplete || a.resp.Violations() != nil {
		t.Errorf("%+v, %v", a.end, a.resp.Violations())
	}
}

func TestPHP(t *testing.T) {
	peer := wiretest.RealPeer(t, "php-fpm")
	root := peer["root"]
	for _, addr := range addrs(t, peer) {
		t.Run(addr.Network, func(t *testing.T) {
			a := ask(t, mustDial(t, addr, Options{}), cgi.Request{URL: "/ping"}, Request{})
			a.complete(t)
			if a.status != 200 || a.body != "pong" {
				t.Errorf("ping: %d %q", a.status, a.body)
			}

			a = ask(t, mustDial(t, addr, Options{}), cgi.Request{URL: "/none.php", Root: root}, Request{})
			a.complete(t)
			if a.status != 404 || !strings.Contains(a.stderr, "Primary script unknown") {
				t.Errorf("missing script: %d, stderr %q", a.status, a.stderr)
			}

			// Kept, with bodies of all sizes.
			c := mustDial(t, addr, Options{})
			for _, size := range []int{0, 1, 7, 1000, 48 << 10, 65528, 65536, 3 << 20} {
				body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
				a := ask(t, c, cgi.Request{
					Method: "POST", URL: "/echo.php?x=1", Root: root, ContentLength: int64(size),
					Header: []cgi.Field{{Name: "Content-Type", Value: "application/octet-stream"}},
				}, Request{Keep: true, Stdin: strings.NewReader(body)})
				a.complete(t)
				if a.status != 200 || !strings.Contains(a.body, fmt.Sprint(size)) {
					t.Errorf("%d bytes: %d %q, stderr %q", size, a.status, a.body, a.stderr)
				}
				if !c.Usable() {
					t.Fatalf("%d bytes: the connection is closed", size)
				}
			}
		})
	}
}

// Parameters of any size, whole pairs in each record: what cgi-fcgi, gofast and
// others cut makes php-fpm reset the connection.
func TestPHPManyParams(t *testing.T) {
	peer := wiretest.RealPeer(t, "php-fpm")
	addr := addrs(t, peer)[0]
	for _, size := range []int{100, 8184, 65519, 65520, 65528, 65535, 200 << 10} {
		var more []wire.Pair
		for n := 0; n < size; n += 1000 {
			more = append(more, wire.NewPair(fmt.Sprintf("HTTP_X_%d", n), strings.Repeat("v", min(1000, size-n))))
		}
		a := ask(t, mustDial(t, addr, Options{}), cgi.Request{URL: "/hello.php", Root: peer["root"]}, Request{Params: more})
		a.complete(t)
		if a.status != 200 {
			t.Errorf("%d bytes: %d %q", size, a.status, a.body)
		}
	}
}

func TestPHPLargeAnswer(t *testing.T) {
	peer := wiretest.RealPeer(t, "php-fpm")
	a := ask(t, mustDial(t, addrs(t, peer)[0], Options{}), cgi.Request{URL: "/big.php?n=3000000", Root: peer["root"]}, Request{})
	a.complete(t)
	if a.status != 200 || len(a.body) != 3000000 {
		t.Errorf("%d, %d bytes", a.status, len(a.body))
	}
}

func TestPHPValues(t *testing.T) {
	peer := wiretest.RealPeer(t, "php-fpm")
	v, err := mustDial(t, addrs(t, peer)[0], Options{}).Values(t.Context())
	if err != nil || len(v) != 1 || string(v[0].Name) != wire.MpxsConns || string(v[0].Value) != "0" {
		t.Errorf("%v, %v", v, err)
	}
}

// What php-fpm resets comes back as a *ClosedError, and cancelling frees the
// worker: the pool of 3 answers a fourth request.
func TestPHPReset(t *testing.T) {
	peer := wiretest.RealPeer(t, "php-fpm")
	addr := addrs(t, peer)[0]
	c := mustDial(t, addr, Options{})
	r := mustDo(t, c, Request{Role: 99})
	_, err := r.Wait()
	var e *ClosedError
	if !errors.As(err, &e) || e.Received != 0 {
		t.Errorf("%v", err)
	}
	for range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		params, err := (&cgi.Request{URL: "/slow.php?ms=30000", Root: peer["root"]}).Params()
		if err != nil {
			t.Fatal(err)
		}
		r, err := mustDial(t, addr, Options{}).Do(ctx, Request{Params: params})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := r.Wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

// A pool keeps fewer connections than there are workers, and closes them.
func TestPHPPool(t *testing.T) {
	peer := wiretest.RealPeer(t, "php-fpm")
	addr := addrs(t, peer)[0]
	p := Pool{Dial: func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, addr) }, MaxOpen: 3}
	defer p.Close()
	params, err := (&cgi.Request{URL: "/hello.php", Root: peer["root"]}).Params()
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for range 30 {
		go func() {
			r, err := p.Do(t.Context(), Request{Params: params})
			if err == nil {
				_, err = r.Wait()
			}
			errs <- err
		}()
	}
	for range 30 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if s := p.Stats(); s.Dialed+s.Reused != 30 || s.Dialed >= 30 || s.Open > 3 {
		t.Errorf("%+v", s)
	}
}

// The apps of libfcgi in C, Perl and Go, and fcgiwrap: each answers a request,
// with parameters and a body, and a padded GET_VALUES.
func TestPeers(t *testing.T) {
	for _, name := range []string{"libfcgi-responder", "perl-fcgi", "perl-async", "go-fcgi", "fcgiwrap"} {
		t.Run(name, func(t *testing.T) {
			peer := wiretest.RealPeer(t, name)
			for _, addr := range addrs(t, peer) {
				r := cgi.Request{
					Method: "POST", URL: "/echo.cgi?a=b", Root: peer["root"], ContentLength: 5,
					Header: []cgi.Field{{Name: "X-Test", Value: "needle-42"}},
				}
				a := ask(t, mustDial(t, addr, Options{}), r, Request{Stdin: strings.NewReader("12345")})
				a.complete(t)
				if a.status != 200 || !strings.Contains(a.body, "needle-42") || !strings.Contains(a.body, "12345") {
					t.Errorf("%v: %d %q, stderr %q", addr, a.status, a.body, a.stderr)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				v, err := mustDial(t, addr, Options{}).Values(ctx)
				cancel()
				if _, ok := wire.Lookup(v, wire.MpxsConns); err != nil || !ok {
					t.Errorf("%v: %v, %v", addr, v, err)
				}
			}
		})
	}
}

// Several requests at once over one connection, where a real app can do that.
func TestPeersMultiplex(t *testing.T) {
	for _, name := range []string{"perl-async", "go-fcgi"} {
		t.Run(name, func(t *testing.T) {
			peer := wiretest.RealPeer(t, name)
			addr := addrs(t, peer)[0]
			v, err := mustDial(t, addr, Options{}).Values(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c := mustDial(t, addr, Options{InFlight: InFlight(v, 8)})
			if c.exclusive() {
				t.Fatalf("the app does not multiplex: %v", v)
			}
			done := make(chan string)
			for i := range 20 {
				go func() {
					needle := fmt.Sprintf("needle-%d.", i)
					params, _ := (&cgi.Request{URL: "/", Header: []cgi.Field{{Name: "X-Test", Value: needle}}}).Params()
					r, err := c.Do(t.Context(), Request{Params: params})
					if err != nil {
						done <- err.Error()
						return
					}
					if b, err := io.ReadAll(r.Stdout); err != nil || !strings.Contains(string(b), needle) {
						done <- fmt.Sprintf("%q, %v", b, err)
						return
					}
					done <- ""
				}()
			}
			for range 20 {
				if s := <-done; s != "" {
					t.Error(s)
				}
			}
		})
	}
}

func TestRefusedMultiplexingByLibfcgi(t *testing.T) {
	peer := wiretest.RealPeer(t, "libfcgi-responder")
	c := mustDial(t, addrs(t, peer)[0], Options{InFlight: 2})
	params, err := (&cgi.Request{URL: "/"}).Params()
	if err != nil {
		t.Fatal(err)
	}
	// The second begins before the first has got its STDIN.
	hold, release := io.Pipe()
	first := mustDo(t, c, Request{Params: params, Stdin: hold})
	release.Write([]byte("x"))
	second := mustDo(t, c, Request{Params: params})
	e, err := second.Wait()
	if err != nil || e.Status != wire.CantMultiplex {
		t.Errorf("%+v, %v", e, err)
	}
	release.Close()
	if e, err := first.Wait(); err != nil || e.Status != wire.RequestComplete {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestAuthorizer(t *testing.T) {
	peer := wiretest.RealPeer(t, "libfcgi-authorizer")
	addr := addrs(t, peer)[0]
	a := ask(t, mustDial(t, addr, Options{}), cgi.Request{URL: "/secret"}, Request{Role: wire.Authorizer})
	a.complete(t)
	if a.status != 403 || !strings.Contains(a.stderr, "refused") {
		t.Errorf("refused: %d %q", a.status, a.stderr)
	}
	c := mustDial(t, addr, Options{})
	params, err := (&cgi.Request{URL: "/secret?token=open", Role: wire.Authorizer}).Params()
	if err != nil {
		t.Fatal(err)
	}
	r := mustDo(t, c, Request{Role: wire.Authorizer, Params: params})
	h, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	want := []wire.Pair{wire.NewPair("AUTH_USER", "alice"), wire.NewPair("AUTH_LEVEL", "7")}
	if diff := cmp.Diff(want, h.Variables()); h.Status() != 200 || diff != "" {
		t.Errorf("allowed: %d (-want +got)\n%s", h.Status(), diff)
	}
	if _, err := r.Wait(); err != nil {
		t.Error(err)
	}
}

func TestFilter(t *testing.T) {
	peer := wiretest.RealPeer(t, "libfcgi-filter")
	file := filepath.Join(t.TempDir(), "data")
	data := strings.Repeat("file data ", 20<<10)
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	a := ask(t, mustDial(t, addrs(t, peer)[0], Options{}), cgi.Request{
		Method: "POST", URL: "/data", ContentLength: 5, DataLength: info.Size(), DataModified: info.ModTime(),
	}, Request{Role: wire.Filter, Stdin: strings.NewReader("input"), Data: f})
	a.complete(t)
	want := fmt.Sprintf("stdin: 5\ninput\ndata: %d\n%s", len(data), strings.ToUpper(data))
	if a.status != 200 || !strings.HasSuffix(a.body, want) {
		t.Errorf("%d %.300q", a.status, a.body)
	}
}
