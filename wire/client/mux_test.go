package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestMultiplex(t *testing.T) {
	c, a := pair(t, Options{InFlight: 3})
	go func() {
		a.request(1)
		a.request(2)
		a.request(3)
		a.send(out(2, "b"), out(3, "c"), end(3), out(1, "a"), out(2, "B"), end(2), out(1, "A"), end(1))
	}()
	var rs []*Response
	for range 3 {
		rs = append(rs, mustDo(t, c, Request{}))
	}
	var wg sync.WaitGroup
	for i, want := range []string{"aA", "bB", "c"} {
		wg.Go(func() {
			b, err := io.ReadAll(rs[i].Stdout)
			if err != nil || string(b) != want {
				t.Errorf("%d: %q, %v; want %q", i, b, err, want)
			}
		})
	}
	wg.Wait()
	if !c.Usable() {
		t.Error("the connection is closed")
	}
}

// One goroutine reads one answer after the other: what comes for the others
// in the meantime waits for it.
func TestMultiplexReadInTurn(t *testing.T) {
	c, a := pair(t, Options{InFlight: 2})
	go func() {
		a.request(1)
		a.request(2)
		a.send(out(2, "b"), out(1, "a"), end(2), out(1, "A"), end(1))
	}()
	first, second := mustDo(t, c, Request{}), mustDo(t, c, Request{})
	for r, want := range map[*Response]string{first: "aA", second: "b"} {
		if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != want {
			t.Errorf("%q, %v; want %q", b, err, want)
		}
	}
}

func TestInFlightLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{InFlight: 2})
		go func() {
			a.request(1)
			a.request(2)
			// Then the abortion of 2 and request 3, in any order.
			for range 5 {
				if rec, err := a.ReadRecord(); err != nil || rec.RequestID != 3 && rec.Type != wire.TypeAbortRequest {
					t.Errorf("%+v, %v", rec, err)
				}
			}
		}()
		mustDo(t, c, Request{})
		r := mustDo(t, c, Request{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Do(ctx, Request{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third request: %v", err)
		}
		waiting := make(chan error)
		go func() {
			_, err := c.Do(t.Context(), Request{Params: getParams})
			waiting <- err
		}()
		synctest.Wait()
		r.Close()
		if err := <-waiting; err != nil {
			t.Errorf("the third request did not get the place: %v", err)
		}
		synctest.Wait()
		c.Close()
		a.Close()
	})
}

// Giving one request up leaves the others alone, and its id is not used again:
// net/http/fcgi sends a second END_REQUEST for it.
func TestMultiplexCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{InFlight: 2})
		go func() {
			a.request(1)
			a.request(2)
			a.want(wire.TypeAbortRequest, 1)
			a.send(end(1), out(1, "late"), end(1), out(2, "fine"), end(2))
			a.request(3)
			a.send(out(1, "late"), end(3))
		}()
		ctx, cancel := context.WithCancel(t.Context())
		gone, err := c.Do(ctx, Request{Params: getParams})
		if err != nil {
			t.Fatal(err)
		}
		stays := mustDo(t, c, Request{})
		leads := make(chan error)
		go func() {
			_, err := gone.Wait()
			leads <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-leads; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if b, err := io.ReadAll(stays.Stdout); err != nil || string(b) != "fine" {
			t.Errorf("%q, %v", b, err)
		}
		again := mustDo(t, c, Request{})
		if _, err := again.Wait(); err != nil || again.ID() != 3 || again.Violations() != nil {
			t.Errorf("id %d, %v, %v", again.ID(), err, again.Violations())
		}
		c.Close()
		a.Close()
	})
}

// Ids that were given up are not used again, so there is an end to them.
func TestMultiplexGivenUp(t *testing.T) {
	c, a := pair(t, Options{InFlight: 2})
	go io.Copy(io.Discard, a.Conn) // an app that answers nothing
	seen := make(map[uint16]bool)
	for i := range maxAborted {
		if !c.Usable() {
			t.Fatalf("not usable after %d requests", i)
		}
		r := mustDo(t, c, Request{Params: getParams})
		if seen[r.ID()] {
			t.Fatalf("id %d again", r.ID())
		}
		seen[r.ID()] = true
		r.Close()
	}
	if _, err := c.Do(t.Context(), Request{}); !errors.Is(err, ErrClosed) || c.Usable() {
		t.Errorf("%v, usable: %v", err, c.Usable())
	}
}

// A reader that falls behind loses its own answer only.
func TestBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{InFlight: 2, MaxBuffer: 10})
		go func() {
			a.request(1)
			a.request(2)
			a.send(out(1, "12345"), out(1, "67890"), out(1, "x"))
			a.want(wire.TypeAbortRequest, 1)
			a.send(out(2, "fine"), end(2))
		}()
		slow, fast := mustDo(t, c, Request{}), mustDo(t, c, Request{})
		if b, err := io.ReadAll(fast.Stdout); err != nil || string(b) != "fine" {
			t.Errorf("%q, %v", b, err)
		}
		if b, err := io.ReadAll(slow.Stdout); err != ErrBehind || string(b) != "1234567890" {
			t.Errorf("%q, %v", b, err)
		}
		c.Close()
		a.Close()
	})
}

// The end of the connection ends all requests, each with its own account.
func TestMultiplexClosed(t *testing.T) {
	c, a := pair(t, Options{InFlight: 2})
	go func() {
		a.request(1)
		a.request(2)
		a.send(out(2, "some"))
		a.Close()
	}()
	first, second := mustDo(t, c, Request{}), mustDo(t, c, Request{})
	var e *ClosedError
	if _, err := first.Wait(); !errors.As(err, &e) || e.Stdout != 0 {
		t.Errorf("%v", err)
	}
	if b, err := io.ReadAll(second.Stdout); !errors.As(err, &e) || e.Stdout != 4 || string(b) != "some" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestRefusedMultiplexing(t *testing.T) {
	c, a := pair(t, Options{InFlight: 2})
	go func() {
		a.request(1)
		a.request(2)
		a.send(wire.EndRecord(2, 0, wire.CantMultiplex), out(1, "x"), end(1))
	}()
	first, second := mustDo(t, c, Request{}), mustDo(t, c, Request{})
	if e, err := second.Wait(); err != nil || e.Status != wire.CantMultiplex {
		t.Errorf("%+v, %v", e, err)
	}
	if b, err := io.ReadAll(first.Stdout); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

// goApp serves h with net/http/fcgi and returns how to connect.
func goApp(t *testing.T, h http.HandlerFunc) func() net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go fcgi.Serve(l, h)
	return func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func httpParams(method, uri string, more ...wire.Pair) []wire.Pair {
	return append([]wire.Pair{
		wire.NewPair("REQUEST_METHOD", method), wire.NewPair("SERVER_PROTOCOL", "HTTP/1.1"),
		wire.NewPair("REQUEST_URI", uri), wire.NewPair("HTTP_HOST", "x"),
	}, more...)
}

// Many requests at once over one connection to Go's own server.
func TestMultiplexNetHTTP(t *testing.T) {
	dial := goApp(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.URL.Path, b)
	})
	c := NewConn(dial(), Options{InFlight: 16})
	defer c.Close()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			body := strings.Repeat(fmt.Sprint(i), 1+i*100)
			r, err := c.Do(t.Context(), Request{
				Params: httpParams("POST", fmt.Sprintf("/%d", i), wire.NewPair("CONTENT_LENGTH", fmt.Sprint(len(body)))),
				Stdin:  strings.NewReader(body),
			})
			if err != nil {
				t.Error(err)
				return
			}
			h, err := r.Header()
			if err != nil || h.Status() != 200 {
				t.Errorf("%q, %v", h.Bytes(), err)
			}
			b, err := io.ReadAll(r.Stdout)
			if want := fmt.Sprintf("/%d %s", i, body); err != nil || string(b) != want {
				t.Errorf("%d: %d bytes, %v; want %d", i, len(b), err, len(want))
			}
			if e, err := r.Wait(); err != nil || e.Status != wire.RequestComplete {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
	wg.Wait()
}

// With Backpressure an answer that is read slowly loses nothing, and one that
// is given up does not stop the others.
func TestBackpressure(t *testing.T) {
	for _, closes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, a := pair(t, Options{InFlight: 2, MaxBuffer: 1000, Backpressure: true})
			go func() {
				a.request(1)
				a.request(2)
				for range 10 {
					a.send(out(1, strings.Repeat("x", 700)), out(2, "y"))
				}
				a.send(end(1), end(2))
			}()
			slow, fast := mustDo(t, c, Request{}), mustDo(t, c, Request{})
			var got []byte
			read := make(chan struct{})
			go func() {
				defer close(read)
				got, _ = io.ReadAll(fast.Stdout)
			}()
			synctest.Wait() // fast has what came before the buffer of slow was full
			if closes {
				slow.Close()
			} else if b, err := io.ReadAll(slow.Stdout); err != nil || len(b) != 7000 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if <-read; string(got) != strings.Repeat("y", 10) {
				t.Errorf("the other one got %q", got)
			}
			c.Close()
		})
	}
}
