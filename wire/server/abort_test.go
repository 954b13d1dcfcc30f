package server

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestAbort: the handler is told, END_REQUEST comes once and at once, the id
// can be used again, and what the handler writes after is nowhere.
func TestAbort(t *testing.T) {
	for _, when := range []string{"with all input", "in STDIN"} {
		t.Run(when, func(t *testing.T) {
			began, release, done := make(chan struct{}), make(chan struct{}), make(chan string, 1)
			s := &Server{Handler: func(ctx context.Context, x *Exchange) {
				if x.Param("REQUEST_URI") != "/abort" {
					uriOnly(ctx, x)
					return
				}
				io.WriteString(x.Stdout, "\r\nfirst")
				x.Flush()
				close(began)
				if when == "in STDIN" {
					_, err := io.ReadAll(x.Stdin)
					io.WriteString(x.Stderr, fmt.Sprint(err)) // into nowhere
				}
				<-ctx.Done()
				<-release
				_, err := io.WriteString(x.Stdout, "late")
				done <- fmt.Sprintf("%v, %v, %v", context.Cause(ctx), err, x.Flush())
			}}
			p := connect(t, s)
			p.begin(1, wire.Responder, wire.KeepConn, "REQUEST_URI=/abort")
			if when == "in STDIN" {
				p.send(wire.NewRecord(wire.TypeStdin, 1, []byte("some")))
			} else {
				p.send(wire.NewRecord(wire.TypeStdin, 1, nil))
			}
			<-began
			p.wantRecords(wire.NewRecord(wire.TypeStdout, 1, []byte("\r\nfirst")))
			p.send(wire.AbortRecord(1), wire.NewRecord(wire.TypeStdin, 1, []byte("late")))
			p.wantRecords(wire.NewRecord(wire.TypeStdout, 1, nil), end(1, 0, 0))
			p.request(1, wire.KeepConn, "body", "REQUEST_URI=/again")
			if a := p.answer(1); a.stdout != uriAnswer("/again", "body") {
				t.Errorf("%+v", a)
			}
			close(release)
			if got, want := <-done, fmt.Sprintf("%v, %v, %v", ErrAborted, ErrEnded, ErrEnded); got != want {
				t.Errorf("handler saw %s, want %s", got, want)
			}
			p.alive()
		})
	}
}

func TestPanic(t *testing.T) {
	tests := map[string]struct {
		handler        Handler
		stdout, stderr string
	}{
		"at once":       {func(context.Context, *Exchange) { panic("boo\x1b") }, string(response(500, `the handler panicked: "boo\x1b"`)), "fcgiscope: the handler panicked: \"boo\\x1b\"\n"},
		"in the answer": {func(_ context.Context, x *Exchange) { io.WriteString(x.Stdout, "\r\nhalf"); panic(1) }, string(response(500, `the handler panicked: "1"`)), "fcgiscope: the handler panicked: \"1\"\n"},
		"after a flush": {func(_ context.Context, x *Exchange) { io.WriteString(x.Stdout, "\r\nhalf"); x.Flush(); panic(1) }, "\r\nhalf", "fcgiscope: the handler panicked: \"1\"\n"},
		"Goexit":        {func(context.Context, *Exchange) { goexit() }, string(response(500, "the handler ended its goroutine")), "fcgiscope: the handler ended its goroutine\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log errorLog
			p := connect(t, &Server{Handler: tt.handler, ErrorLog: log.add})
			for range 2 {
				p.request(1, wire.KeepConn, "")
				a := p.answer(1)
				if a.stdout != tt.stdout || a.stderr != tt.stderr || a.end.AppStatus != 500 {
					t.Errorf("%+v", a)
				}
			}
			p.alive()
			if log := log.String(); !strings.Contains(log, "abort_test.go") && !strings.Contains(log, "goexit") {
				t.Errorf("no stack in the log: %s", log)
			}
		})
	}
}

// TestEarlyAnswer: an answer before the body was read is not lost to a reset.
func TestEarlyAnswer(t *testing.T) {
	p := connect(t, &Server{Handler: func(_ context.Context, x *Exchange) { x.Respond(413, "no") }})
	p.begin(1, wire.Responder, 0)
	p.flush()
	if a := p.answer(1); a.stdout != string(response(413, "no")) || a.end.AppStatus != 413 {
		t.Errorf("%+v", a)
	}
	for range 100 {
		p.send(wire.NewRecord(wire.TypeStdin, 1, make([]byte, 10000))) // no EPIPE
	}
	p.closed()
}

func TestHalfClose(t *testing.T) {
	p := connect(t, &Server{Handler: func(ctx context.Context, x *Exchange) {
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
		uriOnly(ctx, x)
	}})
	p.request(1, wire.KeepConn, "body", "REQUEST_URI=/u")
	p.Conn.(interface{ CloseWrite() error }).CloseWrite()
	if a := p.answer(1); a.stdout != uriAnswer("/u", "body") {
		t.Errorf("%+v", a)
	}
	p.closed()
}

// TestPeerGone: closing cancels the handlers, wherever they are.
func TestPeerGone(t *testing.T) {
	for name, conn := range map[string]func(*testing.T, *Server) *peer{"unix": connect, "pipe": connectPipe} {
		for _, complete := range []bool{true, false} {
			t.Run(fmt.Sprint(name, complete), func(t *testing.T) {
				began, cause := make(chan struct{}, 2), make(chan error, 2)
				s := &Server{Limits: Limits{HalfCloseTime: -1}, Handler: func(ctx context.Context, x *Exchange) {
					began <- struct{}{}
					if !complete {
						if _, err := io.ReadAll(x.Stdin); err != io.ErrUnexpectedEOF {
							t.Errorf("read: %v", err)
						}
					}
					<-ctx.Done()
					cause <- context.Cause(ctx)
				}}
				p := conn(t, s)
				for id := uint16(1); id <= 2; id++ {
					p.begin(id, wire.Responder, wire.KeepConn)
					if complete {
						p.Stream(wire.TypeStdin, id).Close()
					}
				}
				p.flush()
				<-began
				<-began
				p.Close()
				for range 2 {
					if err := <-cause; err != ErrPeerGone {
						t.Errorf("cause %v", err)
					}
				}
			})
		}
	}
}
