package client

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A counted connection counts the deadlines that are set.
type counted struct {
	net.Conn
	reads, writes int
}

func (c *counted) SetReadDeadline(t time.Time) error  { c.reads++; return c.Conn.SetReadDeadline(t) }
func (c *counted) SetWriteDeadline(t time.Time) error { c.writes++; return c.Conn.SetWriteDeadline(t) }

// TestDeadlinesStay: a deadline that is set serves the next requests, too, until
// it comes; and the limit is that of each request all the same.
func TestDeadlinesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		in := &counted{Conn: a}
		c := NewConn(in, Options{Idle: 80 * time.Second})
		defer c.Close()
		peer := app{t, NewRaw(b, nil)}
		go func() {
			for range 100 {
				peer.request(1)
				peer.send(out(1, "x"), end(1))
			}
			peer.request(1)
			io.Copy(io.Discard, b)
		}()
		for i := range 100 {
			if i == 50 {
				// Both deadlines come while nobody reads or writes.
				time.Sleep(100 * time.Second)
			}
			r := mustDo(t, c, Request{Keep: true})
			if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != "x" {
				t.Fatalf("request %d: %q, %v", i, b, err)
			}
		}
		if in.reads != 2 || in.writes != 2 {
			t.Errorf("%d deadlines of reading and %d of writing, want 2 each", in.reads, in.writes)
		}
		time.Sleep(70 * time.Second)
		began := time.Now()
		var late *TimeoutError
		if _, err := mustDo(t, c, Request{Keep: true}).Wait(); !errors.As(err, &late) || time.Since(began) != 80*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
