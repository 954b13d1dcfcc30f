package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire"
)

// What echo holds of a body before it answers; Limits.Held is for all bodies.
const (
	echoMemory = 64 << 10 // in memory
	echoMax    = 256 << 20
)

// echo prints what it was sent. It answers when STDIN has ended: a FILTER must
// (section 6.4), and nginx sends no more of a body as soon as it has a response
// header.
func echo(_ context.Context, x *Exchange) {
	body := &accounted{r: x.Stdin, total: &x.c.srv.held, most: int64(x.c.srv.limits.Held)}
	defer body.giveBack()
	stdin, err := holdBody(body, echoMemory, echoMax)
	var failed *failedError
	switch {
	case err == errHeld:
		x.c.report(x.ID, fmt.Errorf("refused: more than %d bytes of bodies are held over all requests", x.c.srv.limits.Held))
		x.c.end(x, refusedError(wire.Overloaded))
	case errors.As(err, &failed):
		x.c.fail(x, failed.status, failed.why)
	}
	if err != nil {
		return
	}
	defer stdin.close()
	if queryValue(x, "format") == "json" || strings.Contains(x.Param("HTTP_ACCEPT"), "application/json") {
		echoJSON(x, stdin)
		return
	}
	io.WriteString(x.Stdout, textHeader)
	fmt.Fprintf(x.Stdout, "%s %s\n", oneLine([]byte(x.Param("REQUEST_METHOD"))), oneLine([]byte(uri(x))))
	fmt.Fprintf(x.Stdout, "role %v, request id %d, %d params\n\n", x.Role, x.ID, len(x.Params))
	writeParams(x.Stdout, x.Params)
	for _, stream := range []io.Reader{stdin, x.Data} {
		body := &counter{r: stream, first: func() { io.WriteString(x.Stdout, "\n") }}
		if _, err := io.Copy(x.Stdout, body); err != nil {
			return
		}
	}
}

// uri returns REQUEST_URI, or what can be put together where there is none:
// SCRIPT_NAME and PATH_INFO are decoded (RFC 3875, section 4.1.5), and would be
// once more.
func uri(x *Exchange) string {
	if u, ok := x.Lookup("REQUEST_URI"); ok {
		return string(u)
	}
	u := (&url.URL{Path: x.Param("SCRIPT_NAME") + x.Param("PATH_INFO")}).EscapedPath()
	if q := x.Param("QUERY_STRING"); q != "" {
		u += "?" + q
	}
	return u
}

// A counter counts what is read, and calls first before the first byte of it.
type counter struct {
	r     io.Reader
	first func()
	n     int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 && c.n == 0 && c.first != nil {
		c.first()
	}
	c.n += int64(n)
	return n, err
}

// echoJSON names things as the machine-readable output does: what is no plain
// text has _base64 behind its name.
func echoJSON(x *Exchange, stdin io.Reader) {
	io.WriteString(x.Stdout, "Content-Type: application/json\r\n\r\n")
	fmt.Fprintf(x.Stdout, `{"role":%s,"request_id":%d,"keep_conn":%t,"method":%s,"uri":%s,"params":[`,
		quoted([]byte(x.Role.String())), x.ID, x.KeepConn, quoted([]byte(x.Param("REQUEST_METHOD"))), quoted([]byte(uri(x))))
	for i, p := range x.Params {
		if i > 0 {
			io.WriteString(x.Stdout, ",")
		}
		fmt.Fprintf(x.Stdout, "{%s,%s}", member("name", p.Name), member("value", p.Value))
	}
	io.WriteString(x.Stdout, "]")
	for _, s := range []struct {
		name string
		r    io.Reader
	}{{"stdin", stdin}, {"data", x.Data}} {
		n, err := streamMember(x.Stdout, s.name, s.r)
		if err != nil {
			return
		}
		fmt.Fprintf(x.Stdout, `,"%s_bytes":%d`, s.name, n)
	}
	io.WriteString(x.Stdout, "}\n")
}

// streamMember writes a stream as a member: as text if it is short and plain.
func streamMember(w io.Writer, name string, r io.Reader) (n int64, err error) {
	const short = 64 << 10
	head, err := io.ReadAll(io.LimitReader(r, short))
	if err != nil {
		return 0, err
	}
	if len(head) < short && plain(head) {
		_, err := fmt.Fprintf(w, ",%s", member(name, head))
		return int64(len(head)), err
	}
	fmt.Fprintf(w, `,"%s_base64":"`, name)
	enc := base64.NewEncoder(base64.StdEncoding, w)
	enc.Write(head)
	rest, err := io.Copy(enc, r)
	enc.Close()
	io.WriteString(w, `"`)
	return int64(len(head)) + rest, err
}

// member returns "name":"b", or "name_base64":"…" where b is no plain text.
func member(name string, b []byte) string {
	if plain(b) {
		return `"` + name + `":` + string(quoted(b))
	}
	return `"` + name + `_base64":"` + base64.StdEncoding.EncodeToString(b) + `"`
}

// plain reports whether b is text without control characters but tabs and
// line ends.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}

func quoted(b []byte) []byte {
	q, _ := json.Marshal(string(b)) // a string cannot fail
	return q
}

// isLine reports whether b is plain text without line ends, as the value of a
// header field has to be.
func isLine(b []byte) bool { return plain(b) && !bytes.ContainsAny(b, "\r\n") }

// oneLine returns b as it is, or quoted where it would not be one line of text.
func oneLine(b []byte) string {
	if isLine(b) {
		return string(b)
	}
	return strconv.Quote(string(b))
}
