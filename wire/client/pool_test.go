package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// apps is a pool whose connections are served by a function each, in order.
func apps(t *testing.T, p *Pool, serve ...func(app)) {
	var mu sync.Mutex
	p.Dial = func(context.Context) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(serve) == 0 {
			return nil, errors.New("no more connections")
		}
		a, b := net.Pipe()
		f := serve[0]
		serve = serve[1:]
		peer := app{t, NewRaw(b, nil)}
		go func() { defer b.Close(); f(peer) }()
		return a, nil
	}
	t.Cleanup(func() { p.Close() })
}

// answers n requests, and waits for the connection to be closed if it stays.
func answers(n int, stay bool) func(app) {
	return func(a app) {
		for range n {
			a.request(1)
			a.send(out(1, "x"), end(1))
		}
		if stay {
			io.Copy(io.Discard, a.Conn)
		}
	}
}

func (p *Pool) mustGet(t *testing.T, req Request) {
	t.Helper()
	if req.Params == nil {
		req.Params = getParams
	}
	r, err := p.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != "x" {
		t.Fatalf("%q, %v", b, err)
	}
}

func TestPoolReuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		apps(t, &p, answers(10, true))
		for range 10 {
			p.mustGet(t, Request{})
		}
		if s := p.Stats(); s != (Stats{Open: 1, Idle: 1, Dialed: 1, Reused: 9}) {
			t.Errorf("%+v", s)
		}
		p.Close()
		synctest.Wait()
		if s := p.Stats(); s.Open != 0 || s.Idle != 0 {
			t.Errorf("%+v", s)
		}
		if _, err := p.Do(t.Context(), Request{}); err != ErrClosed {
			t.Errorf("%v", err)
		}
	})
}

func TestPoolExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Pool{IdleTimeout: 10 * time.Second}
		apps(t, &p, answers(1, true), answers(1, true))
		p.mustGet(t, Request{})
		time.Sleep(9 * time.Second)
		if s := p.Stats(); s.Open != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Open != 0 || s.Expired != 1 {
			t.Errorf("%+v", s)
		}
		p.mustGet(t, Request{})
		p.Close()
	})
}

func TestPoolMaxIdle(t *testing.T) {
	for maxIdle, want := range map[int]int{-1: 0, 0: 2, 1: 1, 3: 3} {
		synctest.Test(t, func(t *testing.T) {
			p := Pool{MaxIdle: maxIdle}
			apps(t, &p, answers(1, true), answers(1, true), answers(1, true))
			var open []*Response
			for range 3 {
				r, err := p.Do(t.Context(), Request{Params: getParams})
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, r)
			}
			for _, r := range open {
				if _, err := r.Wait(); err != nil {
					t.Error(err)
				}
			}
			if s := p.Stats(); s != (Stats{Open: want, Idle: want, Dialed: 3}) {
				t.Errorf("MaxIdle %d: %+v", maxIdle, s)
			}
			p.Close()
		})
	}
}

func TestPoolRetries(t *testing.T) {
	post := []wire.Pair{wire.NewPair("REQUEST_METHOD", "POST")}
	for name, tt := range map[string]struct {
		req   Request
		again bool
	}{
		"safe":                {Request{}, true},
		"not safe":            {Request{Params: post}, false},
		"not safe, asked":     {Request{Params: post, Retry: true}, true},
		"no method":           {Request{Params: []wire.Pair{wire.NewPair("A", "b")}}, false},
		"body cannot go back": {Request{Stdin: io.LimitReader(strings.NewReader("x"), 1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p Pool
				// net.Pipe does not tell that the app has closed, so the request is sent.
				apps(t, &p, answers(1, false), answers(1, true))
				p.mustGet(t, Request{})
				synctest.Wait()
				req := tt.req
				if req.Params == nil {
					req.Params = getParams
				}
				r, err := p.Do(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				_, err = r.Wait()
				if (err == nil) != tt.again {
					t.Errorf("%v", err)
				}
				if s := p.Stats(); (s.Retried == 1) != tt.again {
					t.Errorf("%+v", s)
				}
				p.Close()
			})
		})
	}
}

// A request is not sent again once a byte has come back, and be it a cut one.
func TestPoolDoesNotRetryAnsweredRequest(t *testing.T) {
	for _, cut := range []int{1, 7, 8, 10, 13} {
		var p Pool
		apps(t, &p, func(a app) {
			a.request(1)
			a.send(out(1, "x"), end(1))
			a.request(1)
			a.Conn.Write(serr(1, "dying").Append(nil)[:cut])
		}, answers(1, true))
		p.mustGet(t, Request{})
		r, err := p.Do(t.Context(), Request{Params: getParams})
		if err != nil {
			t.Fatal(err)
		}
		var e *ClosedError
		if _, err := r.Wait(); !errors.As(err, &e) || e.Stderr != int64(max(0, cut-8)) {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if s := p.Stats(); s.Dialed != 1 || s.Retried != 0 {
			t.Errorf("cut at %d: %+v", cut, s)
		}
	}
}

func TestPoolRewinds(t *testing.T) {
	var p Pool
	body := strings.NewReader("-" + strings.Repeat("x", 100<<10))
	body.ReadByte()
	read := make(chan int, 1)
	apps(t, &p, answers(1, false), func(a app) {
		n := 0
		for {
			rec, err := a.ReadRecord()
			n += len(rec.Content)
			if err != nil || rec.Type == wire.TypeStdin && len(rec.Content) == 0 {
				break
			}
			if rec.Type != wire.TypeStdin {
				n = 0
			}
		}
		read <- n
		a.send(out(1, "x"), end(1))
	})
	p.mustGet(t, Request{})
	p.mustGet(t, Request{Stdin: body})
	if n := <-read; n != 100<<10 {
		t.Errorf("%d bytes of body", n)
	}
}

func TestPoolMaxOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Pool{MaxOpen: 2, MaxIdle: -1}
		silent := func(a app) { a.request(1); io.Copy(io.Discard, a.Conn) }
		apps(t, &p, silent, answers(1, true), answers(1, true))
		first, err := p.Do(t.Context(), Request{Params: getParams})
		if err != nil {
			t.Fatal(err)
		}
		second, err := p.Do(t.Context(), Request{Params: getParams})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Do(ctx, Request{Params: getParams}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		third := make(chan error)
		go func() {
			r, err := p.Do(t.Context(), Request{Params: getParams})
			if err == nil {
				_, err = r.Wait()
			}
			third <- err
		}()
		synctest.Wait()
		if s := p.Stats(); s.Waiting != 1 || s.Open != 2 {
			t.Errorf("%+v", s)
		}
		first.Close()
		if err := <-third; err != nil {
			t.Error(err)
		}
		second.Wait()
		if s := p.Stats(); s.Open != 0 || s.Waiting != 0 || len(p.turns) != 0 {
			t.Errorf("%+v, %d turns taken", s, len(p.turns))
		}
		p.Close()
	})
}

func TestPoolDialFails(t *testing.T) {
	p := Pool{MaxOpen: 1}
	apps(t, &p)
	for range 3 {
		if _, err := p.Do(t.Context(), Request{}); err == nil || err.Error() != "no more connections" {
			t.Errorf("%v", err)
		}
	}
}

// On a socket, a connection that the app has closed is noticed before anything
// is sent, whatever the method.
func TestPoolNoticesStale(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed := make(chan struct{})
	go func() {
		for range 2 {
			c, err := l.Accept()
			if err != nil {
				return
			}
			a := app{t, NewRaw(c, nil)}
			a.request(1)
			a.send(out(1, "x"), end(1))
			c.Close()
			closed <- struct{}{}
		}
	}()
	p := Pool{Dial: func(context.Context) (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }}
	defer p.Close()
	p.mustGet(t, Request{})
	<-closed
	waitStirred(t, &p)
	p.mustGet(t, Request{Params: []wire.Pair{wire.NewPair("REQUEST_METHOD", "POST")}})
	<-closed
	if s := p.Stats(); s.Stale != 1 || s.Retried != 0 || s.Dialed != 2 {
		t.Errorf("%+v", s)
	}
}

// waitStirred waits until the end of the connection has come across loopback.
func waitStirred(t *testing.T, p *Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.idle[0].link.stirred() {
		if t.Context().Err() != nil {
			t.Fatal("the end does not come")
		}
	}
}

func TestPoolConcurrently(t *testing.T) {
	dial := goApp(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	p := Pool{Dial: func(context.Context) (net.Conn, error) { return dial(), nil }, MaxOpen: 4, MaxIdle: 3}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			ctx := t.Context()
			if i%10 == 0 {
				c, cancel := context.WithCancel(ctx)
				ctx = c
				defer cancel()
				time.AfterFunc(time.Duration(i)*10*time.Microsecond, cancel)
			}
			path := fmt.Sprintf("/%d", i)
			r, err := p.Do(ctx, Request{Params: httpParams("GET", path)})
			if err == nil {
				var b []byte
				b, err = io.ReadAll(r.Stdout)
				if err == nil && !strings.HasSuffix(string(b), "\r\n\r\n"+path) {
					t.Errorf("%d: %q", i, b)
				}
			}
			if err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	p.Close()
	if s := p.Stats(); s.Open != 0 || s.Waiting != 0 || len(p.turns) != 0 {
		t.Errorf("%+v, %d turns", s, len(p.turns))
	}
}
