package commands

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A badPeer is one that does not do what a FastCGI application should. It is
// called for each connection, which is closed when it returns; gone is closed at
// the end of the test.
type badPeer func(c net.Conn, gone <-chan struct{})

// out makes records of an answer to request id 1.
func out(records ...wire.Record) []byte {
	var b []byte
	for _, r := range records {
		b = r.Append(b)
	}
	return b
}

func stdout(s string) wire.Record { return wire.NewRecord(wire.TypeStdout, 1, []byte(s)) }
func stderr(s string) wire.Record { return wire.NewRecord(wire.TypeStderr, 1, []byte(s)) }
func end(app uint32, status wire.ProtocolStatus) wire.Record {
	return wire.NewRecord(wire.TypeEndRequest, 1, wire.EndRequest{AppStatus: app, Status: status}.Append(nil))
}

const okHeader = "Content-Type: text/plain\r\n\r\n"

// says answers with b, whatever it is asked.
func says(b []byte) badPeer {
	return func(c net.Conn, _ <-chan struct{}) {
		readRequest(c)
		c.Write(b)
		// Closing with input unread would be a reset, which loses the answer.
		io.Copy(io.Discard, c)
	}
}

// leaves answers with b and closes.
func leaves(b []byte) badPeer {
	return func(c net.Conn, _ <-chan struct{}) {
		readRequest(c)
		c.Write(b)
	}
}

// stays answers with b and then does nothing until the test is over.
func stays(b []byte) badPeer {
	return func(c net.Conn, gone <-chan struct{}) {
		readRequest(c)
		c.Write(b)
		<-gone
	}
}

// readRequest reads to the end of STDIN, or one management record, or what is
// no FastCGI.
func readRequest(c net.Conn) {
	for r := wire.NewReader(c); ; {
		rec, err := r.ReadRecord()
		if err != nil || rec.RequestID == 0 || rec.Type == wire.TypeStdin && len(rec.Content) == 0 {
			return
		}
	}
}

// trickles sends a GET_VALUES_RESULT that does not end, a byte now and then.
func trickles(c net.Conn, gone <-chan struct{}) {
	readRequest(c)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, b := range wire.NewRecord(wire.TypeGetValuesResult, 0, make([]byte, wire.MaxContent)).Append(nil) {
		select {
		case <-tick.C:
		case <-gone:
			return
		}
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
	}
}

// A php-fpm that has one worker, with what a client sent it.
const (
	fpmHeader = "Content-type: text/plain;charset=UTF-8\r\nExpires: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
		"Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n\r\n"
	fpmPage = `{"pool":"w\u001bww","process manager":"dynamic","start time":1700000000,"start since":3723,"accepted conn":1000,` +
		`"listen queue":7,"max listen queue":9,"listen queue len":511,"idle processes":0,"active processes":1,"total processes":1,` +
		`"max active processes":1,"max children reached":3,"slow requests":2, "processes":[{"pid":42,"state":"Running","start time":1700000000,` +
		`"start since":3723,"requests":1000,"request duration":-12,"request method":"GET","request uri":"/a"b` + "\x1b[2J\xe2\x80\xae" + `\u0026","content length":0,` +
		`"user":"-","script":"/srv/a.php","last request cpu":12.50,"last request memory":2097152}]}`
)

// badPeers are the peers by the names that scripts use.
var badPeers = map[string]badPeer{
	"silent":       stays(nil),
	"http":         says([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
	"garbage":      says(bytes.Repeat([]byte{0xff, 0x1b, 0x5b}, 20)),
	"closes":       leaves(nil),
	"no-end":       leaves(out(stdout(okHeader + "half of a pa"))),
	"cut":          leaves(out(stdout(okHeader + "half of a record"))[:30+wire.HeaderLen]),
	"stalls":       stays(out(stdout(okHeader + "begin\n"))),
	"stderr":       stays(out(stderr("only this\n"))),
	"overloaded":   says(out(end(0, wire.Overloaded))),
	"role":         says(out(end(0, wire.UnknownRole))),
	"failed":       says(out(stdout(okHeader+"sorry\n"), end(3, wire.RequestComplete))),
	"headless":     says(out(stdout("no header\n"), end(0, wire.RequestComplete))),
	"counts":       says(out(stdout("Content-Length: 9\r\n\r\nshort"), end(0, wire.RequestComplete))),
	"nph":          says(out(stdout("HTTP/1.1 200 OK\r\n\r\nok\n"), end(0, wire.RequestComplete))),
	"nothing":      says(out(end(0, wire.RequestComplete))),
	"empty":        says(out(stdout(okHeader), end(0, wire.RequestComplete))),
	"stray":        says(out(wire.NewRecord(wire.TypeUnknownType, 0, make([]byte, 8)), stdout(okHeader+"ours\n"), end(0, 0))),
	"wrong-id":     says(out(wire.NewRecord(wire.TypeStdout, 9, []byte("not ours")), stdout(okHeader+"ours\n"), end(0, 0))),
	"steers":       says(out(stderr("a\x1b[2Jb\x9bc\nsecond\r\nlast"), stdout("Content-Type: text/plain\r\n\r\n\x1b]0;title\x07\xc2\x9b\ttab\r\nline\n"), end(0, 0))),
	"sets-cookies": says(out(stdout("Set-Cookie: sid=fresh; path=/; domain=example.org\r\nset-cookie: here=2; HttpOnly\r\nSet-Cookie: x=3; domain=example.com\r\n\r\nok\n"), end(0, 0))),
	"values":       says(out(wire.NewRecord(wire.TypeGetValuesResult, 0, wire.NewPair(wire.MpxsConns, "0").Append(nil)))),
	"go-values":    says(out(wire.NewRecord(wire.TypeGetValuesResult, 0, wire.NewPair(wire.MpxsConns, "1").Append(nil)), wire.NewRecord(wire.TypeGetValuesResult, 0, nil))),
	"trickles":     trickles,
	"odd-values":   says(out(wire.NewRecord(wire.TypeGetValuesResult, 0, wire.NewPair("X\x1b", "1").Append(wire.NewPair(wire.MaxConns, "ma\xffny").Append(nil))))),
	"cut-values":   says(out(wire.NewRecord(wire.TypeGetValuesResult, 0, append(wire.NewPair(wire.MaxReqs, "7").Append(nil), 15, 9, 'F')))),
	"no-values":    says(out(wire.NewRecord(wire.TypeUnknownType, 0, []byte{9, 0, 0, 0, 0, 0, 0, 0}))),
	"fpm-ping":     says(out(stdout(fpmHeader+"pong\x1b[2J"), end(0, 0))),
	"fpm-status":   says(out(stdout("Content-Type: application/json\r\n\r\n"+fpmPage), end(0, 0))),
	"fpm-404":      says(out(stderr("Primary script unknown"), stdout("Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nFile not found.\n"), end(0, 0))),
	"fpm-403":      says(out(stdout("Status: 403 Forbidden\r\nContent-type: text/html\r\n\r\nAccess denied.\n"), end(0, 0))),
}

// startPeer starts a peer on loopback and returns its address and what ends it.
func startPeer(peer badPeer) (addr string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	gone := make(chan struct{})
	var mu sync.Mutex
	var open []net.Conn
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			served.Go(func() {
				defer c.Close()
				peer(c, gone)
			})
		}
	})
	return l.Addr().String(), func() {
		close(gone)
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		served.Wait()
	}, nil
}
