package pretty

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

func TestDemo(t *testing.T) {
	for _, f := range Formats() {
		for _, c := range []bool{false, true} {
			fmt.Println("=====", f.Name)
			s := f.New(os.Stdout, Options{Color: c})
			demo(s, f.NeedsWhole)
			s.Close()
		}
	}
}

func demo(s Sink, whole bool) {
	c := flow.Conn{Whole: whole, Info: &flow.ConnInfo{Network: "tcp", Client: "127.0.0.1:40000", Server: "127.0.0.1:9000", Fd: -1}}
	at := time.Date(2026, 11, 20, 1, 2, 3, 4567, time.UTC)
	emit := func(e *flow.Event) { s.Event(e) }
	feed := func(d wire.Direction, r wire.Record) { at = at.Add(1234567); c.Feed(d, at, r.Append(nil), emit) }
	pairs := wire.AppendPairs(nil, []wire.Pair{wire.NewPair("REQUEST_METHOD", "POST"), wire.NewPair("SCRIPT_FILENAME", "/srv/a.php"), wire.NewPair("REQUEST_URI", "/a.php?x=\x1b[31m"), wire.NewPair("CONTENT_LENGTH", "3")})
	feed(wire.ToApp, wire.BeginRecord(1, wire.Responder, wire.KeepConn))
	feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, pairs[:30]))
	r := wire.NewRecord(wire.TypeParams, 1, pairs[30:])
	r.Padding = []byte{0, 1, 2}
	feed(wire.ToApp, r)
	feed(wire.ToApp, wire.NewRecord(wire.TypeParams, 1, nil))
	feed(wire.ToApp, wire.NewRecord(wire.TypeStdin, 1, []byte("a=b")))
	feed(wire.ToApp, wire.NewRecord(wire.TypeStdin, 1, nil))
	feed(wire.ToServer, wire.NewRecord(wire.TypeStderr, 1, []byte("PHP message: oh \u202e dear\n")))
	feed(wire.ToServer, wire.NewRecord(wire.TypeStdout, 1, []byte("Status: 404 Not Found\r\nContent-Type: text/html\r\n\r\n<h1>not found</h1>\n<p>There is nothing here, and there was nothing here before</p>\n")))
	feed(wire.ToServer, wire.EndRecord(1, 7, wire.Overloaded))
	feed(wire.ToServer, wire.NewRecord(77, 9, []byte("hm")))
	c.Feed(wire.ToApp, at, []byte("\x01\x05\x00\x01\x00\x10\x00\x00abc"), emit)
	c.Close(at, flow.CloseByApp, nil, emit)
}
