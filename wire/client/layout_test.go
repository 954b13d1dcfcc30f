package client

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// sizes describes records: type, content + padding.
func sizes(recs []wire.Record) string {
	var s []string
	for _, r := range recs {
		s = append(s, fmt.Sprintf("%s %d+%d", strings.ToLower(r.Type.String()), len(r.Content), len(r.Padding)))
	}
	return strings.Join(s, ", ")
}

func padNone(wire.Type, int) int { return 0 }

// What web servers write can be written.
func TestLayouts(t *testing.T) {
	pair := func(n int) []wire.Pair { return []wire.Pair{wire.NewPair("A", strings.Repeat("a", n-6))} }
	for name, tt := range map[string]struct {
		layout *Layout
		params []wire.Pair
		body   int
		want   string
	}{
		"nil": {nil, pair(203), 10,
			"begin_request 8+0, params 203+5, params 0+0, stdin 10+6, stdin 0+0"},
		"zero": {&Layout{}, pair(203), 10,
			"begin_request 8+0, params 203+5, params 0+0, stdin 10+6, stdin 0+0"},
		"nginx": {&Layout{Pad: func(_ wire.Type, n int) int { return -n & 7 }, Params: 65535, Body: 32768}, pair(65531), 70000,
			"begin_request 8+0, params 65531+5, params 0+0, stdin 32768+0, stdin 32768+0, stdin 4464+0, stdin 0+0"},
		"apache": {&Layout{Pad: padNone, Params: 65535, Body: 8192, WriteEach: true}, pair(203), 8200,
			"begin_request 8+0, params 203+0, params 0+0, stdin 8192+0, stdin 8+0, stdin 0+0"},
		"lighttpd": {&Layout{Pad: padNone, Params: 65535, Body: 65535}, pair(203), 65540,
			"begin_request 8+0, params 203+0, params 0+0, stdin 65535+0, stdin 5+0, stdin 0+0"},
		"caddy": {&Layout{Params: 65500, Body: 65500, WriteEach: true}, pair(203), 65501,
			"begin_request 8+0, params 203+5, params 0+0, stdin 65500+4, stdin 1+7, stdin 0+0"},
		"cgi-fcgi": {&Layout{Pad: func(t wire.Type, n int) int {
			if t == wire.TypeParams {
				return -n & 7
			}
			return 0
		}}, pair(203), 13,
			"begin_request 8+0, params 203+5, params 0+0, stdin 13+0, stdin 0+0"},
		"everything padded": {&Layout{Pad: func(wire.Type, int) int { return 300 }}, pair(203), 0,
			"begin_request 8+255, params 203+255, params 0+255, stdin 0+255"},
		"room for padding": {&Layout{Pad: func(_ wire.Type, n int) int { return min(n, 200) }}, pair(66000), 0,
			"begin_request 8+8, params 65335+200, params 665+200, params 0+0, stdin 0+0"},
		"split": {&Layout{Params: 9, SplitPairs: true}, append(pair(12), wire.NewPair("B", "b")), 0,
			"begin_request 8+0, params 9+7, params 4+4, params 0+0, stdin 0+0"},
		"pieces of one byte": {&Layout{Body: 1}, pair(203), 3,
			"begin_request 8+0, params 203+5, params 0+0, stdin 1+7, stdin 1+7, stdin 1+7, stdin 0+0"},
	} {
		var small, large io.Reader // of known size, and not
		if tt.body > 0 {
			small, large = strings.NewReader(strings.Repeat("b", tt.body)), &trickle{tt.body}
		}
		for _, body := range []io.Reader{small, large} {
			recs := sent(t, Options{}, Request{Params: tt.params, Stdin: body, Layout: tt.layout})
			if got := sizes(recs); got != tt.want && (name != "nil" && name != "zero" && name != "cgi-fcgi" || body == small) {
				t.Errorf("%s: %s\nwant %s", name, got, tt.want)
			}
		}
	}
}

// A trickle reads as a pipe does, a few bytes at a time.
type trickle struct{ left int }

func (s *trickle) Read(p []byte) (int, error) {
	n := min(len(p), s.left, 1000)
	if n == 0 {
		return 0, io.EOF
	}
	s.left -= n
	return n, nil
}

func TestWriteEach(t *testing.T) {
	a, b := net.Pipe()
	w := &writes{Conn: a}
	c := NewConn(w, Options{})
	defer c.Close()
	peer := app{t, NewRaw(b, nil)}
	go func() {
		peer.want(wire.TypeBeginRequest, 1)
		for range 2 {
			peer.want(wire.TypeParams, 1)
		}
		for range 3 {
			peer.want(wire.TypeStdin, 1)
		}
		peer.send(end(1))
	}()
	r := mustDo(t, c, Request{Stdin: strings.NewReader("body"), Layout: &Layout{Body: 2, WriteEach: true}})
	if _, err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if <-r.sender; w.n != 6 {
		t.Errorf("%d writes of 6 records", w.n)
	}
}

// A layout is that of its request: the next one on the connection is as usual.
func TestLayoutEnds(t *testing.T) {
	c, a := pair(t, Options{})
	second := make(chan []wire.Record, 1)
	go func() {
		for range 4 {
			_, _ = a.ReadRecord()
		}
		a.send(end(1))
		var recs []wire.Record
		for range 4 {
			rec, _ := a.ReadRecord()
			recs = append(recs, rec.Clone())
		}
		second <- recs
		a.send(end(1))
	}()
	odd := &Layout{Pad: func(wire.Type, int) int { return 100 }, SplitPairs: true, WriteEach: true}
	for _, layout := range []*Layout{odd, nil} {
		r := mustDo(t, c, Request{Keep: true, Layout: layout})
		if _, err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		if r.sender != nil {
			<-r.sender
		}
	}
	if got, want := sizes(<-second), "begin_request 8+0, params 19+5, params 0+0, stdin 0+0"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
