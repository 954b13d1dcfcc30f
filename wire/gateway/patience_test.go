package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// pipes is a listener of connections in memory: those of a bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestPatience: the time limits are those of clients. An application may take
// longer, before the answer, within it, and with the body.
func TestPatience(t *testing.T) {
	t.Parallel()
	const limit, long = time.Minute, 10 * time.Minute
	const size = 3_000_000 // of the body: more than HTTP/2 has room for while nobody reads
	handlers := map[string]http.HandlerFunc{
		"before the answer": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(long)
			io.WriteString(w, "done")
		},
		"within the answer": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "do")
			http.NewResponseController(w).Flush()
			time.Sleep(long)
			io.WriteString(w, "ne")
		},
		"after the answer": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "done")
			time.Sleep(long)
		},
		"with the body": func(w http.ResponseWriter, r *http.Request) {
			in := &patientReader{r: r.Body, control: http.NewResponseController(w), limit: limit, h2: r.ProtoMajor == 2}
			io.ReadFull(in, make([]byte, 10))
			time.Sleep(long)
			if n, err := io.Copy(io.Discard, in); n != size-10 || err != nil {
				t.Errorf("%d bytes of the body, error %v", n, err)
			}
			io.WriteString(w, "done")
		},
	}
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for name, h := range handlers {
			t.Run(proto+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := make(pipes)
					s := &http.Server{Handler: &Front{Next: h, SendTime: limit}, Protocols: new(http.Protocols)}
					s.Protocols.SetHTTP1(true)
					s.Protocols.SetUnencryptedHTTP2(true)
					served := make(chan error, 1)
					go func() { served <- s.Serve(l) }()
					client := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) {
						a, b := net.Pipe()
						l <- b
						return a, nil
					}}
					client.Protocols.SetHTTP1(proto == "HTTP/1.1")
					client.Protocols.SetUnencryptedHTTP2(proto == "HTTP/2.0")
					r, err := http.NewRequestWithContext(t.Context(), "POST", "http://x/", strings.NewReader(strings.Repeat("x", size)))
					if err != nil {
						t.Fatal(err)
					}
					if name != "with the body" {
						r.Body, r.ContentLength = nil, 0
					}
					resp, err := client.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(resp.Body)
					if string(got) != "done" || err != nil || resp.Proto != proto {
						t.Errorf("%s: %q, error %v", resp.Proto, got, err)
					}
					resp.Body.Close()
					client.CloseIdleConnections()
					s.Close()
					<-served
				})
			})
		}
	}
}

// TestImpatience: an answer that waits for its client when the handler is long
// over is not waited for either.
func TestImpatience(t *testing.T) {
	t.Parallel()
	url, _ := serveFront(t, &Front{
		SendTime: 100 * time.Millisecond,
		Next:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "done") }),
	})
	h := wiretest.DialH2(t, url, 0, 4, 0, 0, 0, 0) // no room for an answer
	h.Request(1, wiretest.H2Get, "/", "")
	if got := h.Status(t); got != "200" {
		t.Errorf("the answer is %q", got)
	}
	if got := h.Status(t); got != "reset" {
		t.Errorf("and then %q, want a reset", got)
	}
}

// TestFlushNotTaken: what a client does not take of a piece that was flushed is
// told, also when nothing is written after it.
func TestFlushNotTaken(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"the last piece": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "piece")
			if err := http.NewResponseController(w).Flush(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("flushed: %v", err)
			}
		},
		"only a header": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := make(pipes)
				done := make(chan *Exchange, 1)
				s := &http.Server{Handler: &Front{Next: h, SendTime: time.Second, Done: func(x *Exchange) { done <- x }}}
				served := make(chan error, 1)
				go func() { served <- s.Serve(l) }()
				c, server := net.Pipe()
				l <- server
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				x := <-done
				if !x.Cut || x.Why != "the client did not take the answer in time" {
					t.Errorf("cut %v, why %q", x.Cut, x.Why)
				}
				c.Close()
				s.Close()
				<-served
			})
		})
	}
}

// TestFlushFirst: a handler that flushes before it has said anything has sent a
// header, with all that belongs into it, and no other can follow.
func TestFlushFirst(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(){
		"returns": func() {},
		"panics":  func() { panic("after the header") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := make(chan *Exchange, 1)
			s := httptest.NewUnstartedServer(&Front{
				Done: func(x *Exchange) { done <- x },
				Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_ = http.NewResponseController(w).Flush()
					after()
				}),
			})
			s.Start()
			defer s.Close()
			r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, io.NopCloser(strings.NewReader("chunked")))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			x := <-done
			if !resp.Close || resp.StatusCode != 200 || x.Status != 200 || (err != nil) != (name == "panics") || x.Cut != (err != nil) {
				t.Errorf("closes %v, status %d, noted %d, cut %v, error %v", resp.Close, resp.StatusCode, x.Status, x.Cut, err)
			}
		})
	}
}

// TestPieceNotTaken: of an application that is still at work, too, it is told
// that the client did not take what there was.
func TestPieceNotTaken(t *testing.T) {
	t.Parallel()
	app := serveApp(t, func(ctx context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\npiece")
		_ = x.Flush()
		<-ctx.Done()
	})
	url, done := serveFront(t, &Front{SendTime: 100 * time.Millisecond, Next: &Endpoint{App: &App{Pool: app}}})
	h := wiretest.DialH2(t, url, 0, 4, 0, 0, 0, 0) // no room for an answer
	h.Request(1, wiretest.H2Get, "/", "")
	if x := <-done; !x.Cut || x.Why != "the client did not take the answer in time" {
		t.Errorf("cut %v, why %q", x.Cut, x.Why)
	}
}

// An unflushed answer is one that cannot be flushed; asked is told of each try.
type unflushed struct {
	http.ResponseWriter
	asked chan<- struct{}
}

func (w unflushed) FlushError() error {
	select {
	case w.asked <- struct{}{}:
	default:
	}
	return http.ErrNotSupported
}

// TestUnflushed: an answer is not less complete where there is no flushing.
func TestUnflushed(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	app := serveApp(t, func(ctx context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\npie")
		_ = x.Flush()
		select {
		case <-asked:
			io.WriteString(x.Stdout, "ce")
		case <-ctx.Done():
		}
	})
	var x *Exchange
	f := &Front{Next: &Endpoint{App: &App{Pool: app}}, Done: func(done *Exchange) { x = done }}
	w := httptest.NewRecorder()
	f.ServeHTTP(unflushed{w, asked}, httptest.NewRequest("GET", "http://localhost/", nil))
	if w.Body.String() != "piece" || x.Cut || x.Why != "" {
		t.Errorf("%q, cut %v, why %q", w.Body, x.Cut, x.Why)
	}
}
