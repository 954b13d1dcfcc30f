package capture

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/iotest"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestPair: two files are the two directions, and requests that use the same
// id are matched with their answers.
func TestPair(t *testing.T) {
	var directions [2][]byte
	g := decodeFile(t, "capture/nginx-php-keepconn.pcap", DecodeOptions{})
	for _, e := range g.events {
		if e.Kind == flow.KindRecord {
			directions[e.Dir] = wire.Record{Header: e.Header, Content: e.Data, Padding: e.Padding}.Append(directions[e.Dir])
		}
	}
	cut := directions[wire.ToServer][:len(directions[wire.ToServer])-3]
	for _, test := range []struct {
		name     string
		in       [2][]byte
		complete int // requests with their END_REQUEST; -1: not looked at
		records  int
	}{
		{"both", directions, 6, 37},
		{"to-app alone", [2][]byte{directions[0], nil}, 0, 25},
		{"to-server alone", [2][]byte{nil, directions[1]}, -1, 12},
		{"an end that is cut", [2][]byte{directions[0], cut}, 5, 36},
		{"no FastCGI", [2][]byte{[]byte("GET / HTTP/1.1\r\n\r\n"), nil}, 0, 0},
	} {
		for how, slow := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader} {
			var in [2]io.Reader
			for i, b := range test.in {
				if b != nil {
					in[i] = slow(bytes.NewReader(b))
				}
			}
			complete, records, conns := 0, 0, 0
			_, err := Decode(context.Background(), OpenPair(in[0], in[1]), DecodeOptions{Whole: true}, func(e *flow.Event) {
				switch {
				case e.Kind == flow.KindRequestEnded && e.Request.Complete:
					complete++
				case e.Kind == flow.KindRecord:
					records++
				case e.Kind == flow.KindClosed:
					conns++
				}
			})
			if err != nil || test.complete >= 0 && complete != test.complete || records != test.records || conns != 1 {
				t.Errorf("%s, %s: %d complete requests, %d records, %d connections; want %d, %d, 1 (%v)", test.name, how, complete, records, conns, test.complete, test.records, err)
			}
		}
	}
}
