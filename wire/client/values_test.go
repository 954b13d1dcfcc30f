package client

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestValues(t *testing.T) {
	c, a := pair(t, Options{})
	go func() {
		rec := a.want(wire.TypeGetValues, 0)
		names, err := wire.ParsePairs(rec.Content)
		if err != nil || len(names) != 3 || string(names[2].Name) != wire.MpxsConns || len(names[2].Value) > 0 || len(rec.Padding) != 8 {
			t.Errorf("%v, %v, padding %d", names, err, len(rec.Padding))
		}
		answer := wire.AppendPairs(nil, []wire.Pair{wire.NewPair(wire.MpxsConns, "1"), wire.NewPair(wire.MaxReqs, "20")})
		a.send(wire.NewRecord(wire.TypeGetValuesResult, 0, answer))
	}()
	v, err := c.Values(t.Context())
	if err != nil || len(v) != 2 || string(v[0].Name) != wire.MpxsConns {
		t.Errorf("%v, %v", v, err)
	}
	for want, n := range map[int]int{64: 20, 5: 5, 0: 1} {
		if got := InFlight(v, want); got != n {
			t.Errorf("InFlight(%d) = %d, want %d", want, got, n)
		}
	}
	if n := InFlight(v[1:], 64); n != 1 {
		t.Errorf("InFlight without MPXS_CONNS = %d", n)
	}
	if c.Usable() {
		t.Error("the connection takes requests")
	}
}

// Each name goes once, and no record goes without padding: libfcgi.
func TestValuesRecord(t *testing.T) {
	for _, names := range [][]string{{wire.MaxConns, wire.MaxConns, wire.MaxConns, wire.MaxReqs}, {"A"}, {"ABCDEF"}, {}} {
		rec := valuesRecord(names)
		pairs, err := wire.ParsePairs(rec.Content)
		seen := make(map[string]bool)
		for _, p := range pairs {
			if seen[string(p.Name)] {
				t.Errorf("%v: %s twice", names, p.Name)
			}
			seen[string(p.Name)] = true
		}
		if err != nil || len(rec.Padding) == 0 || (len(rec.Padding)+len(rec.Content))%8 != 0 {
			t.Errorf("%v: %d bytes and %d of padding, %v", names, len(rec.Content), len(rec.Padding), err)
		}
	}
}

func TestValuesUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		go a.want(wire.TypeGetValues, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.Values(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		a.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		go a.want(wire.TypeGetValues, 0)
		start := time.Now()
		var e *TimeoutError
		if _, err := c.Values(t.Context()); !errors.As(err, &e) || time.Since(start) != defaultIdle {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		a.Close()
	})
}

func TestValuesErrors(t *testing.T) {
	c, a := pair(t, Options{})
	go func() { a.want(wire.TypeGetValues, 0); a.send(wire.UnknownTypeRecord(wire.TypeGetValues)) }()
	var unknown *UnknownTypeError
	if _, err := c.Values(t.Context()); !errors.As(err, &unknown) || unknown.Type != wire.TypeGetValues {
		t.Errorf("%v", err)
	}
	c, a = pair(t, Options{})
	go func() { a.want(wire.TypeGetValues, 0); a.Close() }()
	var closed *ClosedError
	if _, err := c.Values(t.Context()); !errors.As(err, &closed) {
		t.Errorf("%v", err)
	}
	c, a = pair(t, Options{})
	go func() { a.want(wire.TypeGetValues, 0); a.Conn.Write([]byte("-ERR unknown command\r\n")) }()
	var foreign *ProtocolError
	if _, err := c.Values(t.Context()); !errors.As(err, &foreign) || foreign.Hint != "looks like a Redis server" {
		t.Errorf("%v", err)
	}
	c, a = pair(t, Options{})
	go func() { a.request(1); a.send(end(1)) }()
	if _, err := mustDo(t, c, Request{Keep: true}).Wait(); err != nil {
		t.Error(err)
	}
	if _, err := c.Values(t.Context()); err == nil {
		t.Error("asked on a connection that had carried a request")
	}
}

func TestValuesNetHTTP(t *testing.T) {
	dial := goApp(t, func(http.ResponseWriter, *http.Request) {})
	v, err := NewConn(dial(), Options{}).Values(t.Context())
	if err != nil || InFlight(v, 8) != 8 {
		t.Errorf("%v, %v", v, err)
	}
}
