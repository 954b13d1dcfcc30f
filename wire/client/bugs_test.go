package client

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// Each test here is a bug of another client, which must not be ours.

// A client panics on more than 7 bytes of padding.
func TestPaddedAnswer(t *testing.T) {
	for _, n := range []int{1, 7, 8, 127, 128, 255} {
		c, a := pair(t, Options{})
		go func() {
			a.request(1)
			for _, rec := range []wire.Record{out(1, "hello"), serr(1, "oops"), out(1, ""), end(1)} {
				rec.Padding = bytes.Repeat([]byte{0xaa}, n)
				a.WriteRecord(rec)
			}
			a.Flush()
		}()
		r := mustDo(t, c, Request{Keep: true})
		b, err := io.ReadAll(r.Stdout)
		if kept, _ := r.Stderr(); err != nil || string(b) != "hello" || string(kept) != "oops" || !c.Usable() {
			t.Errorf("padding %d: %q, %q, %v", n, b, kept, err)
		}
	}
}

// cgi-fcgi loses its place when a record header straddles the end of its read
// buffer of 8192 bytes. Ours has 4096, and 98304.
func TestHeaderAcrossBuffers(t *testing.T) {
	var c *Conn
	var a app
	for _, around := range []int{4096, 8192, 65535} {
		for size := around - 30; size <= min(around+4, wire.MaxContent); size++ {
			if c == nil || !c.Usable() {
				c, a = pair(t, Options{})
			}
			text := strings.Repeat("x", size)
			go func() {
				a.request(1)
				a.Conn.Write(end(1).Append(out(1, "tail").Append(out(1, text).Append(nil))))
			}()
			r := mustDo(t, c, Request{Keep: true})
			if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != text+"tail" {
				t.Fatalf("size %d: %d bytes, %v", size, len(b), err)
			}
		}
	}
}

// A client hands out memory that the next answer overwrites.
func TestAnswerIsNotOverwritten(t *testing.T) {
	c, a := pair(t, Options{})
	go func() {
		for i := range 2 {
			a.request(1)
			a.send(out(1, fmt.Sprintf("X: header %d\n\nbody", i)), serr(1, fmt.Sprintf("stderr %d", i)), end(1))
		}
	}()
	r := mustDo(t, c, Request{Keep: true})
	h, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	r.Wait()
	kept, _ := r.Stderr()
	if _, err := mustDo(t, c, Request{Keep: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	if string(h.Bytes()) != "X: header 0\n\n" || string(kept) != "stderr 0" {
		t.Errorf("%q, %q", h.Bytes(), kept)
	}
}

// Two PHP libraries drop a body that is the string 0; others send it under
// another id, or never end it, or end it twice.
func TestBodyAsItIs(t *testing.T) {
	for name, body := range map[string]io.Reader{"small": strings.NewReader("0"), "of unknown size": io.LimitReader(strings.NewReader("0"), 5)} {
		recs := sent(t, Options{}, Request{Stdin: body, ID: 7})
		if got := describe(recs); got != "begin_request params params-end stdin stdin-end" || string(recs[3].Content) != "0" {
			t.Errorf("%s: %s", name, got)
		}
		for _, rec := range recs {
			if rec.RequestID != 7 {
				t.Errorf("%s: %v has id %d", name, rec.Type, rec.RequestID)
			}
		}
	}
}

// Most clients cut pairs at the ends of records, or lose what is too long, or
// the order, or duplicates; php-fpm resets the connection for the first.
func TestParamsStayWhole(t *testing.T) {
	var params []wire.Pair
	for i := range 300 {
		params = append(params, wire.NewPair("NAME", strings.Repeat("v", i*3)))
	}
	params = append(params, wire.NewPair("LONG", strings.Repeat("v", 100<<10)))
	var all []byte
	for i, rec := range sent(t, Options{}, Request{Params: params}) {
		if rec.Type != wire.TypeParams {
			continue
		}
		all = append(all, rec.Content...)
		if len(rec.Content)+len(rec.Padding) > wire.MaxContent {
			t.Errorf("record %d: %d bytes and %d of padding", i, len(rec.Content), len(rec.Padding))
		}
		if len(all) < 100<<10 {
			if err := wire.CheckPairs(rec.Content); err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		}
	}
	if want := wire.AppendPairs(nil, params); !bytes.Equal(all, want) {
		t.Errorf("%d bytes of parameters, want %d", len(all), len(want))
	}
}

// A client takes what is no CGI output for a body with status 200.
func TestAnswerWithoutHeader(t *testing.T) {
	for _, o := range []Options{{}, {InFlight: 2}} {
		for _, size := range []int{1, 3, 100} {
			c, a := pair(t, o)
			go func() {
				a.request(1)
				for piece := range slices.Chunk([]byte("Fatal error\nsomewhere\n\nend"), size) {
					a.WriteRecord(wire.NewRecord(wire.TypeStdout, 1, piece))
				}
				a.send(end(1))
			}()
			r := mustDo(t, c, Request{})
			h, err := r.Header()
			if err != nil || h.Err() == nil || h.BodyStart() != 0 {
				t.Errorf("%v, %v", err, h.Err())
			}
			if b, err := io.ReadAll(r.Stdout); err != nil || string(b) != "Fatal error\nsomewhere\n\nend" {
				t.Errorf("%q, %v", b, err)
			}
		}
	}
}

// A scripted conversation, as a whole.
func TestConversation(t *testing.T) {
	c := NewConn(wiretest.Peer(t, `
> BEGIN_REQUEST id=1 role=AUTHORIZER flags=KEEP_CONN
> PARAMS id=1
    REQUEST_METHOD=GET
> PARAMS id=1
> STDIN id=1
< STDERR id=1 "no such user"
< STDOUT id=1 "Status: 401 Unauthorized\r\n\r\n"
< STDOUT id=1
< STDERR id=1
< END_REQUEST id=1 appStatus=1 protocolStatus=OVERLOADED
`), Options{})
	r := mustDo(t, c, Request{Role: wire.Authorizer, Keep: true})
	h, err := r.Header()
	if err != nil || h.Status() != 401 {
		t.Errorf("%d, %v", h.Status(), err)
	}
	if e, err := r.Wait(); err != nil || e.AppStatus != 1 || e.Status != wire.Overloaded {
		t.Errorf("%+v, %v", e, err)
	}
}
