package gateway

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What the frames of HTTP/2 that tests send begin with. See RFC 9113, section 6.
const (
	h2Data         = 0
	h2Headers      = 1
	h2Reset        = 3
	h2Settings     = 4
	h2WindowUpdate = 8

	h2EndStream  = 1
	h2EndHeaders = 4
)

// A rawH2 is a client of HTTP/2 that can do wrong.
type rawH2 struct{ net.Conn }

// dialH2 connects to a server of front without TLS.
func dialH2(t *testing.T, url string) rawH2 {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	h := rawH2{c}
	h.frame(h2Settings, 0, 0, nil)
	return h
}

func (h rawH2) frame(kind, flags byte, stream uint32, payload []byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = binary.BigEndian.AppendUint32(append(b, flags), stream)
	h.Write(append(b, payload...))
}

// request begins one on stream 1. Its fields are literals, or rows of HPACK's
// static table: RFC 7541, appendix A.
func (h rawH2) request(method byte, contentLength string) {
	block := append([]byte{method, 0x86, 0x84, 0x01, 1}, 'x') // http, /, :authority x
	flags := byte(h2EndHeaders)
	if contentLength != "" {
		block = append(append(block, 0x0f, 0x0d, byte(len(contentLength))), contentLength...)
	} else {
		flags |= h2EndStream
	}
	h.frame(h2Headers, flags, 1, block)
}

// Methods as rows of the static table.
const (
	h2Get  = 0x82
	h2Post = 0x83
)

// status reads frames until the header of an answer, or the end of the stream,
// and returns the status, which is a row of the static table or a literal.
func (h rawH2) status(t *testing.T) string {
	t.Helper()
	h.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		var head [9]byte
		if _, err := io.ReadFull(h, head[:]); err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, int(binary.BigEndian.Uint32(head[:])>>8))
		if _, err := io.ReadFull(h, payload); err != nil {
			t.Fatal(err)
		}
		switch head[3] {
		case h2Headers:
			if payload[0]&0x80 != 0 {
				return map[byte]string{8: "200", 12: "400"}[payload[0]&0x7f]
			}
			return string(payload)
		case h2Reset:
			return "reset"
		}
	}
}

// TestMalformedH2Body: a body that is not as long as it says is the client's
// mistake; one that is given up is nobody's.
func TestMalformedH2Body(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 5) // more than smallBody: it is passed on as it comes
	for _, tt := range []struct {
		name, length string
		does         func(rawH2)
		answer       string
		status       int
		why          string
	}{
		{"less", "10", func(h rawH2) { h.frame(h2Data, h2EndStream, 1, []byte("four")) }, "400", 400, "declared a Content-Length of 10 but only wrote 4 bytes"},
		{"less of much", long, func(h rawH2) { h.frame(h2Data, h2EndStream, 1, []byte("four")) }, "400", 400, "but only wrote 4 bytes"},
		{"more", "3", func(h rawH2) { h.frame(h2Data, 0, 1, []byte("four")) }, "reset", 400, "more than declared Content-Length of 3 bytes"},
		{"given up", "10", func(h rawH2) { h.frame(h2Data, 0, 1, []byte("four")); h.frame(h2Reset, 0, 1, []byte{0, 0, 0, 8}) }, "", 499, "the client"},
		{"much given up", long, func(h rawH2) { h.frame(h2Data, 0, 1, []byte("four")); h.frame(h2Reset, 0, 1, []byte{0, 0, 0, 8}) }, "", 499, "the client"},
		{"gone", long, func(h rawH2) { h.frame(h2Data, 0, 1, []byte("four")); h.Conn.(*net.TCPConn).CloseWrite() }, "", 499, "the client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, done := front(t, &App{Pool: serveApp(t, echoSum)})
			h := dialH2(t, url)
			h.request(h2Post, tt.length)
			tt.does(h)
			if tt.answer != "" {
				if got := h.status(t); got != tt.answer {
					t.Errorf("the answer is %q, want %q", got, tt.answer)
				}
			}
			if x := <-done; x.Status != tt.status || x.Refused != (tt.status == http.StatusBadRequest) || !strings.Contains(x.Why, tt.why) {
				t.Errorf("log: %d, refused %v, %q, want %d, %q", x.Status, x.Refused, x.Why, tt.status, tt.why)
			}
		})
	}
}
