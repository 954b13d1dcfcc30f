package client

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestReady: what was read together with the piece before need not be waited
// for, if it is output or the end.
func TestReady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more []wire.Record // in one write with the header
		want bool          // after the header
	}{
		"output":                {[]wire.Record{out(1, "x")}, true},
		"output after STDERR":   {[]wire.Record{serr(1, "e"), out(1, "x")}, true},
		"the end":               {[]wire.Record{end(1)}, true},
		"the end of STDOUT":     {[]wire.Record{out(1, "")}, false},
		"STDERR":                {[]wire.Record{serr(1, "e")}, false},
		"output of another one": {[]wire.Record{out(2, "x")}, false},
		"nothing":               {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, a := pair(t, Options{})
				go func() {
					a.request(1)
					b := out(1, "A: b\r\n\r\n").Append(nil)
					for _, rec := range c.more {
						b = rec.Append(b)
					}
					a.Conn.Write(b)
					io.Copy(io.Discard, a.Conn)
				}()
				r := mustDo(t, conn, Request{})
				if _, err := r.Header(); err != nil {
					t.Fatal(err)
				}
				if got := r.Ready(); got != c.want {
					t.Errorf("%v, want %v", got, c.want)
				}
				r.Close()
				if !r.Ready() {
					t.Error("nothing to read although the answer is over")
				}
				a.Close()
			})
		})
	}
}

// TestReadyRest: of a piece with the end of the header in it, the rest is there.
func TestReadyRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		go func() {
			a.request(1)
			a.send(out(1, "A: b\r\n\r\nbody"))
		}()
		r := mustDo(t, c, Request{})
		if _, err := r.Header(); err != nil || !r.Ready() {
			t.Errorf("%v, error %v", r.Ready(), err)
		}
		if _, err := io.ReadFull(r.Stdout, make([]byte, 4)); err != nil || r.Ready() {
			t.Errorf("%v, error %v", r.Ready(), err)
		}
		r.Close()
		a.Close()
	})
}
