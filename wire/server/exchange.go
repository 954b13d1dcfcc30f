package server

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An Exchange is a request and its answer, for a Handler. Its methods and
// streams may be used concurrently. Nothing of it may be used after the
// handler has returned; writing then fails with ErrEnded.
type Exchange struct {
	ID       uint16    // request id
	Role     wire.Role // one of the three
	KeepConn bool      // the web server asked to keep the connection
	// Params are the parameters in the order in which they came, duplicates
	// included.
	Params []wire.Pair
	// Stdin is the body; an AUTHORIZER has none. It ends in io.EOF where the
	// stream was ended, whatever CONTENT_LENGTH says, and in an error when the
	// request is over before.
	Stdin io.Reader
	// Data is the file that a FILTER gets; other roles have none.
	Data io.Reader
	// Stdout takes a CGI response. What is written is gathered, up to 16 KiB,
	// and sent together with the end of the request; Flush sends it before.
	Stdout io.Writer
	// Stderr takes lines for the web server's error log.
	Stderr io.Writer

	c     *conn
	ctx   requestContext
	timer *time.Timer // ends the request at its time limit; under conn.mu

	// For the goroutine that reads.
	begun       time.Time
	paramsEnded bool
	block       *paramsBlock

	// Under conn.mu.
	stdin, data input
	kept        int  // bytes accounted for in Server.buffered
	started     bool // the handler
	returned    bool // the handler

	over bool // under conn.wmu and conn.mu

	// Under conn.wmu.
	appStatus  uint32
	gathered   *gatherBuffer // STDOUT that is no record yet
	used       int           // bytes of gathered
	stdoutSent bool          // a record of STDOUT was written
	stderrSent bool
	number     int // of the request on the server, from 1
	broken     faultState
}

// gatherBuffer is what Stdout gathers.
type gatherBuffer [16 << 10]byte

var gatherBuffers = sync.Pool{New: func() any { return new(gatherBuffer) }}

// A paramsBlock is the memory that PARAMS need.
type paramsBlock struct {
	b     []byte
	pairs []wire.Pair
}

var paramsBlocks = sync.Pool{New: func() any { return new(paramsBlock) }}

// paramsBlockMax is the largest block, in bytes, that is used again.
const paramsBlockMax = 32 << 10

func newExchange(c *conn, id uint16, body wire.BeginRequest) *Exchange {
	x := &Exchange{ID: id, Role: body.Role, KeepConn: body.Flags&wire.KeepConn != 0, c: c, block: paramsBlocks.Get().(*paramsBlock)}
	x.ctx.base, x.ctx.watched = c.ctx, x.watched
	x.stdin.x, x.stdin.none = x, body.Role == wire.Authorizer
	x.data.x, x.data.none = x, body.Role != wire.Filter
	x.Stdin, x.Data = &x.stdin, &x.data
	x.Stdout, x.Stderr = (*stdout)(x), (*stderr)(x)
	return x
}

// free gives back what x borrowed.
func (x *Exchange) free() {
	x.c.srv.buffered.Add(-int64(x.kept))
	if b := x.block; cap(b.b) <= paramsBlockMax {
		b.b, b.pairs = b.b[:0], b.pairs[:0]
		paramsBlocks.Put(b)
	}
	x.block, x.Params = nil, nil
}

// watched: the handler may run for long.
func (x *Exchange) watched() { x.c.srv.inline.release(x.c) }

// inputComplete reports whether nothing is due from the peer; under conn.mu.
func (x *Exchange) inputComplete() bool {
	return (x.stdin.ended || x.stdin.none) && (x.data.ended || x.data.none)
}

// Lookup returns the value of a parameter, the last if there are several, and
// whether there is one.
func (x *Exchange) Lookup(name string) (value []byte, ok bool) { return wire.Lookup(x.Params, name) }

// Param returns the value of a parameter, the last if there are several, and
// "" if there is none.
func (x *Exchange) Param(name string) string {
	value, _ := x.Lookup(name)
	return string(value)
}

// Path returns the path of REQUEST_URI, or of SCRIPT_NAME and PATH_INFO where
// there is none, decoded and without "." and "..". It fails if it cannot be
// decoded, or is not one path for all: at a # or a NUL byte it ends for nginx
// and lighttpd, and what they would answer with is not what it seems to name.
func (x *Exchange) Path() (string, error) {
	asked := uri(x)
	u, err := url.ParseRequestURI(asked)
	if err != nil {
		return "", fmt.Errorf("server: REQUEST_URI: %w", err)
	}
	if raw, _, _ := strings.Cut(asked, "?"); strings.ContainsRune(raw, '#') || strings.ContainsRune(u.Path, 0) {
		return "", fmt.Errorf("server: REQUEST_URI: a # or a NUL byte in the path %q", raw)
	}
	return path.Clean("/" + u.Path), nil
}

// SetAppStatus sets the appStatus of END_REQUEST: the exit status, where a
// program answers. See FastCGI 1.0, section 5.5.
func (x *Exchange) SetAppStatus(status uint32) {
	x.c.wmu.Lock()
	defer x.c.wmu.Unlock()
	x.appStatus = status
}

// Flush sends what was written. The error is ErrEnded, or that of the
// connection.
func (x *Exchange) Flush() error {
	x.watched()
	x.c.wmu.Lock()
	defer x.c.wmu.Unlock()
	if x.over {
		return ErrEnded
	}
	if err := x.sendGathered(); err != nil {
		return err
	}
	return x.c.w.Flush()
}

// Respond writes a whole response of plain text: the status, what it means,
// and one line that says why. From 400 on the appStatus is the status too.
func (x *Exchange) Respond(status int, why string) {
	if status >= 400 {
		x.SetAppStatus(uint32(status))
	}
	x.Stdout.Write(response(status, why))
}

func response(status int, why string) []byte {
	text := http.StatusText(status)
	return fmt.Appendf(nil, "Status: %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%d %s: %s\n", status, text, status, text, why)
}

// panicked ends the request of a handler that has.
func (c *conn) panicked(x *Exchange, v any) {
	why := "the handler ended its goroutine"
	if v != nil {
		why = fmt.Sprintf("the handler panicked: %.200q", fmt.Sprint(v))
	}
	c.report(x.ID, fmt.Errorf("%s\n%s", why, debug.Stack()))
	c.end(x, &failedError{500, why})
}
