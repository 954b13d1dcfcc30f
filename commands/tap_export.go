package commands

import (
	"fmt"
	"io"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The bounds of what is kept of a request until it is written down.
const (
	maxExported      = 64 << 10 // bytes of a body, and of parameters
	maxExportedAtOne = 1024     // requests that have not ended
)

// A lineExporter is a sink that writes down each request as the command that
// sends it again.
type lineExporter struct {
	w    io.Writer
	addr string
	open map[exportKey]*exportedRequest
	err  error
}

type exportKey struct{ conn, seq int }

// An exportedRequest is what was seen of a request.
type exportedRequest struct {
	params []wire.Pair
	size   int    // of them
	body   []byte // STDIN
	length int64  // of it
}

func newLineExporter(w io.Writer, addr string) *lineExporter {
	return &lineExporter{w: w, addr: addr, open: make(map[exportKey]*exportedRequest)}
}

// Event implements pretty.Sink.
func (x *lineExporter) Event(e *flow.Event) error {
	if e.Request == nil || x.err != nil {
		return x.err
	}
	key := exportKey{e.Conn.N, e.Request.Seq}
	r := x.open[key]
	switch {
	case e.Kind == flow.KindRequestBegun && len(x.open) < maxExportedAtOne:
		x.open[key] = &exportedRequest{}
	case r == nil:
	case e.Kind == flow.KindPair && e.Header.Type == wire.TypeParams:
		r.param(e.Pair)
	case (e.Kind == flow.KindChunk || e.Kind == flow.KindRecord) && e.Header.Type == wire.TypeStdin:
		r.stdin(e.Data)
	case e.Kind == flow.KindRequestEnded:
		delete(x.open, key)
		if len(r.params) > 0 {
			_, x.err = io.WriteString(x.w, r.command(x.addr, e.Request))
		}
	}
	return x.err
}

// Close implements pretty.Sink.
func (x *lineExporter) Close() error { return x.err }

func (r *exportedRequest) param(p wire.Pair) {
	if r.size += p.Len(); r.size <= maxExported {
		r.params = append(r.params, wire.NewPair(string(p.Name), string(p.Value)))
	}
}

func (r *exportedRequest) stdin(p []byte) {
	r.length += int64(len(p))
	r.body = append(r.body, p[:min(len(p), maxExported-len(r.body))]...)
}

// command is the line, and before it what the line does not do.
func (r *exportedRequest) command(addr string, q *flow.Request) string {
	var b strings.Builder
	if r.size > maxExported {
		fmt.Fprintf(&b, "# %d bytes of parameters: not all of them are here\n", r.size)
	}
	if r.length > int64(len(r.body)) {
		fmt.Fprintf(&b, "# the first %d bytes of a body of %d\n", len(r.body), r.length)
	}
	if len(r.body) > 0 {
		b.WriteString("printf '%b' " + shellWord(printfEscaped(r.body)) + " | ")
	}
	b.WriteString("fcgiscope request " + shellWord(addr))
	if q.Role > wire.Responder {
		b.WriteString(" --role " + strings.ToLower(q.Role.String()))
	}
	if q.Flags&wire.KeepConn != 0 {
		b.WriteString(" --keep-conn")
	}
	if len(r.body) > 0 {
		b.WriteString(" --data-binary @-")
	}
	// What request makes by itself and was not there.
	made := cgi.Request{Role: q.Role, ContentLength: int64(len(r.body))}
	if own, err := made.Params(); err == nil {
		for _, p := range own {
			if _, ok := wire.Lookup(r.params, string(p.Name)); !ok {
				b.WriteString(" --unset " + shellWord(string(p.Name)))
			}
		}
	}
	for _, p := range r.params {
		b.WriteString(" -P " + shellWord(string(p.Name)+"="+string(p.Value)))
	}
	b.WriteByte('\n')
	return b.String()
}

// printfEscaped is what the shell's printf '%b' makes the bytes of.
func printfEscaped(p []byte) string {
	var b strings.Builder
	for _, c := range p {
		switch {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\0%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
