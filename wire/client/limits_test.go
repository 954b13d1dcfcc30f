package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{Idle: 10 * time.Second})
		go func() {
			a.request(1)
			for range 5 {
				time.Sleep(9 * time.Second)
				a.send(out(1, "x"))
			}
			// Half a record counts, and can be read.
			time.Sleep(9 * time.Second)
			a.Conn.Write(out(1, "yz").Append(nil)[:9])
		}()
		start := time.Now()
		r := mustDo(t, c, Request{})
		b, err := io.ReadAll(r.Stdout)
		var e *TimeoutError
		if string(b) != "xxxxxy" || !errors.As(err, &e) || e.Received == 0 || time.Since(start) != 64*time.Second {
			t.Errorf("%q, %v after %v", b, err, time.Since(start))
		}
		a.Close()
	})
}

// An app that takes the request but does not answer, and one that does not even
// read it.
func TestSilentApp(t *testing.T) {
	for _, size := range []int{0, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			c, a := pair(t, Options{Idle: 10 * time.Second})
			start := time.Now()
			if size == 0 {
				go a.request(1)
			}
			r := mustDo(t, c, Request{Stdin: io.LimitReader(zeroes{}, int64(size))})
			_, err := r.Wait()
			var e *TimeoutError
			if !errors.As(err, &e) || e.Received != 0 || time.Since(start) != 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			a.Close()
		})
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A slow upload is no silence although the app says nothing.
func TestSlowUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{Idle: 10 * time.Second})
		go func() {
			for ended := false; !ended; {
				rec, err := a.ReadRecord()
				if err != nil {
					t.Errorf("app: %v", err)
					return
				}
				ended = rec.Type == wire.TypeStdin && len(rec.Content) == 0
				if len(rec.Content) > 60000 {
					time.Sleep(9500 * time.Millisecond)
				}
			}
			a.send(end(1))
		}()
		r := mustDo(t, c, Request{Stdin: io.LimitReader(zeroes{}, 1<<20)})
		if _, err := r.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// Bytes that go in the middle of a write count when they go, not when the write
// is done.
func TestProgressInsideWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{Idle: 10 * time.Second})
		go func() {
			a.want(wire.TypeBeginRequest, 1)
			a.want(wire.TypeParams, 1)
			a.want(wire.TypeParams, 1)
			time.Sleep(9600 * time.Millisecond)
			a.Conn.Read(make([]byte, 1000))
			time.Sleep(9 * time.Second)
			io.CopyN(io.Discard, a.Conn, wire.HeaderLen+bodyPiece-1000)
			a.send(end(1))
			io.Copy(io.Discard, a.Conn)
		}()
		body, more := io.Pipe()
		go func() {
			time.Sleep(5500 * time.Millisecond)
			more.Write(make([]byte, bodyPiece))
		}()
		r := mustDo(t, c, Request{Stdin: body})
		if _, err := r.Wait(); err != nil {
			t.Error(err)
		}
		more.Close()
		a.Close()
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		go func() { a.request(1); a.send(out(1, "some")) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := c.Do(ctx, Request{Params: getParams, Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Stdout)
		if string(b) != "some" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := c.Do(t.Context(), Request{}); !errors.Is(err, ErrClosed) {
			t.Errorf("where one request is in flight, aborting is closing: %v", err)
		}
		if _, err := c.Do(ctx, Request{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		a.Close()
	})
}

func TestLimits(t *testing.T) {
	c, a := pair(t, Options{MaxStdout: 10, MaxStderr: 3})
	var stderr bytes.Buffer
	go func() {
		a.request(1)
		a.send(serr(1, "1234"), serr(1, "5678"), out(1, "1234567"), out(1, "89abcdef"), end(1))
	}()
	r := mustDo(t, c, Request{Keep: true, Stderr: &stderr})
	b, err := io.ReadAll(r.Stdout)
	var e *LimitError
	if string(b) != "123456789a" || !errors.As(err, &e) || e.Limit != 10 {
		t.Errorf("%q, %v", b, err)
	}
	if b, n := r.Stderr(); string(b) != "123" || n != 8 || stderr.String() != "12345678" {
		t.Errorf("stderr %q of %d, written %q", b, n, stderr.String())
	}
}

// An answer that nobody reads stays with the app.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		written := 0
		go func() {
			a.request(1)
			for {
				if _, err := a.Conn.Write(out(1, strings.Repeat("x", 1000)).Append(nil)); err != nil {
					return
				}
				written++
			}
		}()
		r := mustDo(t, c, Request{})
		r.Stdout.Read(make([]byte, 1))
		synctest.Wait()
		if written > 100 {
			t.Errorf("%d records went out to nobody", written)
		}
		r.Close()
		if _, err := r.Wait(); !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
		a.Close()
	})
}
