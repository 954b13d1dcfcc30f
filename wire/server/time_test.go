package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// after runs do in a bubble and checks how much time it takes there: at least
// from, at most an eighth more, which is how exact the limits are, and the few
// milliseconds of handOver.
func after(t *testing.T, from time.Duration, do func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		do(t)
		if took := time.Since(began); took < from || took > from+from/8+2*handOver {
			t.Errorf("took %v, want %v", took, from)
		}
	})
}

func TestIdleTime(t *testing.T) {
	limits := Limits{IdleTime: 8 * time.Second, HandlerTime: -1}
	t.Run("nothing", func(t *testing.T) {
		after(t, 8*time.Second, func(t *testing.T) { connectPipe(t, &Server{Limits: limits}).mustEnd() })
	})
	t.Run("between requests", func(t *testing.T) {
		var log errorLog
		after(t, 20*time.Second, func(t *testing.T) {
			p := connectPipe(t, &Server{Handler: hello, Limits: limits, ErrorLog: log.add})
			for range 3 {
				time.Sleep(4 * time.Second)
				p.request(1, wire.KeepConn, "")
				p.answer(1)
			}
			p.mustEnd()
		})
		if log.String() != "" {
			t.Errorf("reported: %v", &log)
		}
	})
	t.Run("in PARAMS", func(t *testing.T) {
		var log errorLog
		after(t, 8*time.Second, func(t *testing.T) {
			p := connectPipe(t, &Server{Limits: limits, ErrorLog: log.add})
			p.send(wire.BeginRecord(3, wire.Responder, 0))
			p.mustEnd()
		})
		if want := "request 3: nothing received for 8s, and the request is not complete"; !strings.Contains(log.String(), want) {
			t.Errorf("reported: %v, want %s", &log, want)
		}
	})
	t.Run("in STDIN", func(t *testing.T) {
		after(t, 8*time.Second, func(t *testing.T) {
			err := make(chan error, 1)
			p := connectPipe(t, &Server{Limits: limits, Handler: func(_ context.Context, x *Exchange) {
				_, e := io.ReadAll(x.Stdin)
				err <- e
			}})
			p.begin(1, wire.Responder, 0)
			p.flush()
			p.mustEnd()
			if e := <-err; e != io.ErrUnexpectedEOF {
				t.Errorf("the handler read: %v", e)
			}
		})
	})
	t.Run("a handler may take longer", func(t *testing.T) {
		after(t, time.Minute, func(t *testing.T) {
			p := connectPipe(t, &Server{Limits: limits, Handler: func(ctx context.Context, x *Exchange) {
				time.Sleep(time.Minute)
				hello(ctx, x)
			}})
			p.request(1, 0, "")
			if a := p.answer(1); !strings.Contains(a.stdout, "Hello") {
				t.Errorf("%+v", a)
			}
			p.mustEnd()
		})
	})
}

// TestParamsTime: a peer that always sends a little is not idle.
// TestAbortInMemory: after the answer to an abort the connection is closed at
// once, as on a socket, where our direction is.
func TestAbortInMemory(t *testing.T) {
	after(t, 0, func(t *testing.T) {
		p := connectPipe(t, &Server{Handler: hello})
		p.begin(1, wire.Responder, 0)
		p.send(wire.AbortRecord(1))
		p.wantRecords(end(1, 0, 0))
		p.mustEnd()
	})
}

func TestParamsTime(t *testing.T) {
	for name, drip := range map[string]wire.Record{
		"records": wire.NewRecord(wire.TypeParams, 1, []byte{0}),
		"bytes":   {},
	} {
		t.Run(name, func(t *testing.T) {
			after(t, 16*time.Second, func(t *testing.T) {
				p := connectPipe(t, &Server{Limits: Limits{IdleTime: 8 * time.Second, ParamsTime: 16 * time.Second}})
				p.send(wire.BeginRecord(1, wire.Responder, wire.KeepConn))
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					b := drip.Append(nil)
					if name == "bytes" {
						p.Conn.Write(wire.Header{Version: 1, Type: wire.TypeParams, RequestID: 1, ContentLength: 65535}.Append(nil))
						b = b[:1]
					}
					for {
						p.Conn.Write(b)
						select {
						case <-stop:
							return
						case <-time.After(time.Second):
						}
					}
				}()
				if a := p.answer(1); a.end.AppStatus != 408 || !strings.Contains(a.stderr, "PARAMS are not complete after 16s") {
					t.Errorf("%+v", a)
				}
				close(stop)
				<-stopped
			})
		})
	}
}

// mustEnd waits for the end of the connection, without a limit: the clock of
// the bubble says how long it took.
func (p *peer) mustEnd() {
	p.t.Helper()
	if rec, err := p.ReadRecord(); err != io.EOF {
		p.t.Fatalf("read: %+v, %v; want the end", rec, err)
	}
}

func TestWriteTime(t *testing.T) {
	var log errorLog
	after(t, 8*time.Second, func(t *testing.T) {
		cause := make(chan error, 1)
		p := connectPipe(t, &Server{Limits: Limits{WriteTime: 8 * time.Second, HandlerTime: -1}, ErrorLog: log.add, Handler: func(ctx context.Context, x *Exchange) {
			for {
				if _, err := x.Stdout.Write(make([]byte, 1000)); err != nil {
					<-ctx.Done()
					cause <- context.Cause(ctx)
					return
				}
			}
		}})
		p.request(1, wire.KeepConn, "")
		if err := <-cause; err != ErrPeerGone {
			t.Errorf("cause: %v", err)
		}
	})
	if want := "the peer has not read what was sent for 8s"; !strings.Contains(log.String(), want) {
		t.Errorf("reported: %v, want %s", &log, want)
	}
}

func TestHandlerTime(t *testing.T) {
	const why = "the handler ran for more than 8s"
	tests := map[string]struct {
		handler        Handler // before it hangs
		stdout, stderr string
	}{
		"nothing written":  {func(context.Context, *Exchange) {}, string(response(408, why)), "fcgiscope: " + why + "\n"},
		"half a header":    {func(_ context.Context, x *Exchange) { io.WriteString(x.Stdout, "A: b\r\n") }, string(response(408, why)), "fcgiscope: " + why + "; its unfinished response header was \"A: b\\r\\n\"\n"},
		"header, not sent": {func(_ context.Context, x *Exchange) { io.WriteString(x.Stdout, "A: b\n\nso far") }, "A: b\n\nso far", "fcgiscope: " + why + "\n"},
		"header, sent": {func(_ context.Context, x *Exchange) {
			io.WriteString(x.Stdout, "A: b\n\nso far")
			x.Flush()
			io.WriteString(x.Stdout, "!")
		}, "A: b\n\nso far!", "fcgiscope: " + why + "\n"},
		"stderr used":        {func(_ context.Context, x *Exchange) { io.WriteString(x.Stderr, "e\n") }, string(response(408, why)), "e\nfcgiscope: " + why + "\n"},
		"it set appStatus":   {func(_ context.Context, x *Exchange) { x.SetAppStatus(3) }, string(response(408, why)), "fcgiscope: " + why + "\n"},
		"it reads STDIN":     {func(_ context.Context, x *Exchange) { io.ReadAll(x.Stdin) }, string(response(408, why)), "fcgiscope: " + why + "\n"},
		"it ignores the ctx": {func(context.Context, *Exchange) { time.Sleep(time.Hour) }, string(response(408, why)), "fcgiscope: " + why + "\n"},
	}
	for name, tt := range tests {
		for _, alone := range []bool{true, false} {
			t.Run(fmt.Sprint(name, alone), func(t *testing.T) {
				after(t, 8*time.Second, func(t *testing.T) {
					finish := make(chan struct{})
					p := connectPipe(t, &Server{Limits: Limits{HandlerTime: 8 * time.Second}, Handler: func(ctx context.Context, x *Exchange) {
						if d, ok := ctx.Deadline(); !ok || time.Until(d) != 8*time.Second {
							t.Errorf("deadline %v, %t", d, ok)
						}
						tt.handler(ctx, x)
						<-finish
						if err := context.Cause(ctx); !errors.Is(err, ErrTimeLimit) || ctx.Err() != context.Canceled {
							t.Errorf("cause: %v, %v", err, ctx.Err())
						}
					}})
					p.begin(1, wire.Responder, wire.KeepConn)
					if alone && name != "it reads STDIN" {
						p.Stream(wire.TypeStdin, 1).Close()
					}
					p.flush()
					a := p.answer(1)
					if a.stdout != tt.stdout || a.stderr != tt.stderr || a.end.AppStatus != 408 {
						t.Errorf("%+v", a)
					}
					p.alive()
					close(finish)
				})
			})
		}
	}
}

// TestInlineHandOver: what comes while a handler runs is handled although no
// other goroutine was there for it.
func TestInlineHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectPipe(t, &Server{Handler: func(ctx context.Context, x *Exchange) {
			if x.ID == 1 {
				time.Sleep(time.Hour)
			}
			hello(ctx, x)
		}})
		began := time.Now()
		p.request(1, wire.KeepConn, "")
		p.request(2, wire.KeepConn, "")
		p.answer(2)
		p.send(wire.AbortRecord(1))
		if a := p.answer(1); a.stdout != "" {
			t.Errorf("%+v", a)
		}
		if took := time.Since(began); took > 4*handOver {
			t.Errorf("took %v", took)
		}
	})
}

// TestContext: contexts made of the handler's end with it.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		later := make(chan error, 3)
		s := &Server{Handler: func(ctx context.Context, x *Exchange) {
			child, cancel := context.WithTimeout(ctx, time.Hour)
			context.AfterFunc(ctx, func() { later <- context.Cause(ctx) })
			context.AfterFunc(child, func() { defer cancel(); later <- context.Cause(child) })
			if ctx.Value(key{}) != nil || ctx.Err() != nil {
				t.Errorf("value %v, error %v", ctx.Value(key{}), ctx.Err())
			}
			go func() { <-ctx.Done(); later <- ctx.Err() }()
		}}
		p := connectPipe(t, s)
		p.request(1, wire.KeepConn, "")
		p.answer(1)
		got := map[string]int{}
		for range 3 {
			got[(<-later).Error()]++
		}
		if got[ErrEnded.Error()] != 2 || got[context.Canceled.Error()] != 1 {
			t.Errorf("causes: %v", got)
		}
	})
}

func TestShutdown(t *testing.T) {
	t.Run("drains", func(t *testing.T) {
		release := make(chan struct{})
		s := &Server{Handler: func(ctx context.Context, x *Exchange) { <-release; hello(ctx, x) }}
		ln := listen(t)
		served := make(chan error, 1)
		go func() { served <- s.Serve(context.Background(), ln) }()
		busy, idle := dial(t, ln), dial(t, ln)
		busy.request(1, wire.KeepConn, "")
		idle.alive()
		busy.alive()
		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(context.Background()) }()
		idle.closed()
		wiretest.Eventually(t, "the busy connection drains, too", func() bool {
			s.mu.Lock()
			conns := s.connsLocked()
			s.mu.Unlock()
			return !slices.ContainsFunc(conns, func(c *conn) bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return !c.draining
			})
		})
		busy.send(wire.BeginRecord(2, wire.Responder, wire.KeepConn))
		busy.wantRecords(end(2, 0, wire.Overloaded))
		close(release)
		if a := busy.answer(1); !strings.Contains(a.stdout, "Hello") {
			t.Errorf("%+v", a)
		}
		busy.closed()
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := s.Serve(context.Background(), listen(t)); err != ErrServerClosed {
			t.Errorf("Serve again: %v", err)
		}
	})
	t.Run("has a limit", func(t *testing.T) {
		s := &Server{Handler: func(ctx context.Context, x *Exchange) { <-ctx.Done() }}
		p := connect(t, s)
		p.request(1, wire.KeepConn, "")
		p.alive()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("Shutdown: %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		var returned atomic.Bool
		s := &Server{Handler: func(ctx context.Context, x *Exchange) {
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond)
			returned.Store(true)
		}}
		ctx, cancel := context.WithCancelCause(context.Background())
		ln := listen(t)
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, ln) }()
		p := dial(t, ln)
		p.request(1, wire.KeepConn, "")
		p.alive()
		cause := errors.New("enough")
		cancel(cause)
		if err := <-served; err != cause || !returned.Load() {
			t.Errorf("Serve: %v; its handler has returned: %t", err, returned.Load())
		}
	})
}
