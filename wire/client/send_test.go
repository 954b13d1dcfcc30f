package client

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An app that answers at length before it reads does not block a client that
// sends at length.
func TestEarlyAnswer(t *testing.T) {
	c, a := pair(t, Options{})
	go func() {
		a.want(wire.TypeBeginRequest, 1)
		for range 1000 {
			a.send(out(1, strings.Repeat("x", 1000)))
		}
		a.send(end(1))
	}()
	r := mustDo(t, c, Request{Keep: true, Stdin: io.LimitReader(zeroes{}, 10<<20)})
	if b, err := io.ReadAll(r.Stdout); err != nil || len(b) != 1000*1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if c.Usable() {
		t.Error("kept a connection with half a request")
	}
}

func TestBodyThatFails(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, body := range map[string]io.Reader{
		"large": io.MultiReader(strings.NewReader("x"), errorReader{broken}),
		"small": struct {
			io.Reader
			length
		}{errorReader{broken}, 5},
	} {
		c, a := pair(t, Options{})
		go io.Copy(io.Discard, a.Conn)
		r := mustDo(t, c, Request{Stdin: body})
		_, err := r.Wait()
		var e *SendError
		if !errors.As(err, &e) || !errors.Is(err, broken) || e.Stream != wire.TypeStdin {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

type length int

func (l length) Len() int { return int(l) }

// sent returns all that a client sends for a request.
func sent(t *testing.T, o Options, req Request) []wire.Record {
	c, a := pair(t, o)
	recs := make(chan []wire.Record)
	go func() {
		var got []wire.Record
		for {
			rec, err := a.ReadRecord()
			if err != nil {
				recs <- got
				return
			}
			got = append(got, rec.Clone())
		}
	}()
	r := mustDo(t, c, req)
	if r.sender != nil {
		<-r.sender
	}
	r.Close()
	return <-recs
}

func describe(recs []wire.Record) string {
	var s []string
	for _, r := range recs {
		word := strings.ToLower(r.Type.String())
		if len(r.Content) == 0 {
			word += "-end"
		}
		s = append(s, word)
	}
	return strings.Join(s, " ")
}

func TestRolesAndOptions(t *testing.T) {
	data := strings.Repeat("d", 100<<10)
	for name, tt := range map[string]struct {
		o    Options
		req  Request
		want string
	}{
		"responder":    {Options{}, Request{}, "begin_request params params-end stdin-end"},
		"authorizer":   {Options{}, Request{Role: wire.Authorizer}, "begin_request params params-end stdin-end"},
		"filter":       {Options{}, Request{Role: wire.Filter, Data: strings.NewReader("d")}, "begin_request params params-end stdin-end data data-end"},
		"large filter": {Options{}, Request{Role: wire.Filter, Data: strings.NewReader(data), Stdin: io.LimitReader(zeroes{}, 3)}, "begin_request params params-end stdin stdin-end data data data-end"},
		"empty filter": {Options{}, Request{Role: wire.Filter}, "begin_request params params-end stdin-end data-end"},
		"no stdin end": {Options{}, Request{NoStdinEnd: true}, "begin_request params params-end"},
	} {
		recs := sent(t, tt.o, tt.req)
		if got := describe(recs); got != tt.want {
			t.Errorf("%s: %s\nwant %s", name, got, tt.want)
		}
	}
	recs := sent(t, Options{}, Request{ID: 300, Role: 7})
	if b, _ := wire.ParseBeginRequest(recs[0].Content); recs[0].RequestID != 300 || b.Role != 7 {
		t.Errorf("%+v", recs)
	}
}

// The end of STDIN goes with its last byte, also where the size of the body is
// known from CONTENT_LENGTH only: php-fpm answers then, and resets a kept
// connection on which the end comes later.
func TestEndGoesWithLastByte(t *testing.T) {
	a, b := net.Pipe()
	w := &writes{Conn: a}
	c := NewConn(w, Options{})
	defer c.Close()
	peer := app{t, NewRaw(b, nil)}
	go func() {
		peer.want(wire.TypeBeginRequest, 1)
		peer.want(wire.TypeParams, 1)
		peer.want(wire.TypeParams, 1)
		peer.want(wire.TypeStdin, 1)
		peer.want(wire.TypeStdin, 1)
		peer.send(end(1))
	}()
	r := mustDo(t, c, Request{Keep: true, Params: []wire.Pair{wire.NewPair("CONTENT_LENGTH", "5")}, Stdin: io.LimitReader(zeroes{}, 5)})
	if _, err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if <-r.sender; w.n != 2 || !c.Usable() {
		t.Errorf("%d writes, usable: %v", w.n, c.Usable())
	}
}
