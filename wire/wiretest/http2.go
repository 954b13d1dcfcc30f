package wiretest

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Types of frames of HTTP/2 that tests send. See RFC 9113, section 6.
const (
	H2Data         = 0
	H2Headers      = 1
	H2Reset        = 3
	H2Settings     = 4
	H2WindowUpdate = 8
)

// Flags of those frames.
const (
	H2EndStream  = 1
	H2EndHeaders = 4
)

// Methods as rows of HPACK's static table. See RFC 7541, appendix A.
const (
	H2Get  = 0x82
	H2Post = 0x83
)

// A RawH2 is a client of HTTP/2 that can do wrong: it sends what it is told to,
// and reads when it is told to.
type RawH2 struct{ *net.TCPConn }

// DialH2 connects to a server of http:// that speaks HTTP/2 without an upgrade,
// and tells it settings, pairs of 6 bytes each. The connection is closed at the
// end of the test.
func DialH2(t testing.TB, url string, settings ...byte) RawH2 {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	h := RawH2{c.(*net.TCPConn)}
	h.Frame(H2Settings, 0, 0, settings)
	return h
}

// Frame sends one.
func (h RawH2) Frame(kind, flags byte, stream uint32, payload []byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = binary.BigEndian.AppendUint32(append(b, flags), stream)
	h.Write(append(b, payload...))
}

// Request begins a request for path on a stream; contentLength is "" where there
// is no body.
func (h RawH2) Request(stream uint32, method byte, path, contentLength string) {
	// Rows of the static table and literals: :scheme http, :authority x.
	block := append([]byte{method, 0x86, 0x01, 1, 'x', 0x04, byte(len(path))}, path...)
	flags := byte(H2EndHeaders)
	if contentLength != "" {
		block = append(append(block, 0x0f, 0x0d, byte(len(contentLength))), contentLength...)
	} else {
		flags |= H2EndStream
	}
	h.Frame(H2Headers, flags, stream, block)
}

// Status reads frames until the header of an answer and returns its status, or
// "reset" where there is none. It is for those that are rows of the static table.
func (h RawH2) Status(t testing.TB) string {
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
		case H2Headers:
			return map[byte]string{0x88: "200", 0x8c: "400", 0x8d: "404", 0x8e: "500"}[payload[0]]
		case H2Reset:
			return "reset"
		}
	}
}
