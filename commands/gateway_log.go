package commands

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/gateway"
)

// A gatewayLog is what is told of requests: a line each on stdout, and with -v
// each conversation with an application on stderr.
type gatewayLog struct {
	watching
	format choice
	silent bool
}

func (o *gatewayLog) flags() []cli.Flag {
	o.format = choice{"text", []string{"text", "jsonl"}}
	w := &o.watching
	// --max-body is about requests here, as with the web servers.
	shown := slices.DeleteFunc(w.output.viewFlags(), func(f cli.Flag) bool { return namesOf(f)[0] == "max-body" })
	return slices.Concat([]cli.Flag{
		choiceFlag(outputFlags, "format", []string{"f"}, "write the line of a request as `FORMAT`: text or jsonl", &o.format),
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputFlags, Usage: "show every record, both ways, on stderr", Destination: &w.verbose},
		&cli.BoolFlag{Name: "silent", Aliases: []string{"s"}, Category: outputFlags, Usage: "no line for each request, and on stderr only what goes wrong", Destination: &o.silent},
	}, shown, w.redaction.flags(outputFlags), w.recording.flags(outputFlags), w.choosing.flags())
}

func (o *gatewayLog) check() error {
	o.watching.silent = true // its lines are not ours
	return o.watching.check("gateway")
}

// open returns the log on stdout; nil writes nothing.
func (o *gatewayLog) open(env *Env) *accessLog {
	if o.silent {
		return &accessLog{}
	}
	l := &accessLog{w: bufio.NewWriterSize(env.Stdout, 64<<10), each: env.Terminal.Stdout, json: o.format.word == "jsonl", masked: o.redactor() != nil}
	l.timer = time.AfterFunc(time.Hour, l.flush)
	l.timer.Stop()
	return l
}

// logTime is how long a line may wait to be written together with others.
const logTime = 100 * time.Millisecond

// An accessLog writes a line for each request. Its methods may be called
// concurrently.
type accessLog struct {
	mu           sync.Mutex
	w            *bufio.Writer // nil: nobody wants to know
	line         []byte
	timer        *time.Timer
	armed        bool
	each         bool // line is written by itself
	json, masked bool
	err          error
}

func (l *accessLog) add(x *gateway.Exchange) {
	if l.w == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.json {
		l.line = l.appendJSON(l.line[:0], x)
	} else {
		l.line = l.appendText(l.line[:0], x)
	}
	l.keep(l.w.Write(l.line))
	switch {
	case l.each:
		l.keep(0, l.w.Flush())
	case !l.armed:
		l.armed = true
		l.timer.Reset(logTime)
	}
}

// keep keeps the first error: the traffic goes on without a log.
func (l *accessLog) keep(_ int, err error) {
	if l.err == nil {
		l.err = err
	}
	if err != nil {
		l.w.Reset(io.Discard)
	}
}

func (l *accessLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	l.keep(0, l.w.Flush())
}

func (l *accessLog) close() error {
	if l.w == nil {
		return nil
	}
	l.timer.Stop()
	l.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return outputError{l.err}
	}
	return nil
}

// uri is what was asked for; where things are to be masked, without its query.
func (l *accessLog) uri(r *http.Request) string {
	if !l.masked || r.URL.RawQuery == "" {
		return r.RequestURI
	}
	return r.URL.EscapedPath() + "?***"
}

// referer is where the client says that it comes from; where things are to be
// masked, without its query.
func (l *accessLog) referer(r *http.Request) string {
	path, _, found := strings.Cut(r.Referer(), "?")
	if !l.masked || !found {
		return r.Referer()
	}
	return path + "?***"
}

// appendText appends a line as web servers write it (Apache's "combined"), and
// behind it NAME=VALUE of the application.
func (l *accessLog) appendText(b []byte, x *gateway.Exchange) []byte {
	r := x.Request
	b = append(b, clientOf(r)...)
	b = append(b, " - "...)
	b = append(b, logWord(userOf(x))...)
	b = append(b, " ["...)
	b = x.Began.AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] `...)
	b = quoted(b, r.Method+" "+l.uri(r)+" "+r.Proto)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(x.Status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, x.Bytes, 10)
	b = quoted(append(b, ' '), orDash(l.referer(r)))
	b = quoted(append(b, ' '), orDash(r.UserAgent()))
	b = milliseconds(append(b, " took="...), x.Took)
	if x.Asked {
		b = milliseconds(append(b, " queue="...), x.Queue)
		if b = append(b, " first="...); x.First > 0 {
			b = milliseconds(b, x.First)
		} else {
			b = append(b, '-')
		}
		b = append(b, " app="...)
		if x.End != nil {
			b = strconv.AppendUint(b, uint64(x.End.AppStatus), 10)
		} else {
			b = append(b, '-')
		}
		if x.End != nil && x.End.Status != wire.RequestComplete {
			b = append(append(b, " protocolStatus="...), x.End.Status.String()...)
		}
		if x.Stderr > 0 {
			b = strconv.AppendInt(append(b, " stderr="...), x.Stderr, 10)
		}
	}
	if x.Script.File != "" {
		b = quoted(append(b, " script="...), x.Script.File)
	}
	if x.Why != "" {
		b = quoted(append(b, " why="...), firstLine(x.Why))
	}
	return append(b, '\n')
}

// appendJSON appends a line of JSON; times are in seconds.
func (l *accessLog) appendJSON(b []byte, x *gateway.Exchange) []byte {
	r := x.Request
	text := func(name, value string) {
		if value != "" {
			b = pretty.AppendText(b, name, []byte(value)) // with its comma
		}
	}
	number := func(name string, n int64) {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = strconv.AppendInt(b, n, 10)
	}
	seconds := func(name string, d time.Duration) {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = strconv.AppendFloat(b, d.Seconds(), 'f', 6, 64)
	}
	b = append(b, `{"at":"`...)
	b = x.Began.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	text("client", clientOf(r))
	text("user", userOf(x))
	text("method", r.Method)
	text("host", r.Host)
	text("uri", l.uri(r))
	text("protocol", r.Proto)
	number("status", int64(x.Status))
	number("bytes", x.Bytes)
	text("referer", l.referer(r))
	text("user_agent", r.UserAgent())
	seconds("took", x.Took)
	if x.Asked {
		seconds("queue", x.Queue)
		if x.First > 0 {
			seconds("first", x.First)
		}
		if x.End != nil {
			number("app_status", int64(x.End.AppStatus))
			text("protocol_status", x.End.Status.String())
		}
		number("stderr", x.Stderr)
	}
	text("script", x.Script.File)
	text("path_info", x.Script.Info)
	text("why", x.Why)
	if x.Refused {
		b = append(b, `,"refused":true`...)
	}
	if x.Cut {
		b = append(b, `,"cut":true`...)
	}
	return append(b, "}\n"...)
}

// clientOf is the client's address.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unix:"
	}
	return host
}

// userOf is who the authorizer says that it is.
func userOf(x *gateway.Exchange) string {
	user, _ := wire.Lookup(x.Variables, "REMOTE_USER")
	return string(user)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// logWord is a value in a line whose parts have spaces between them.
func logWord(s string) string {
	if s == "" {
		return "-"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' {
			return strconv.Quote(s)
		}
	}
	return s
}

// quoted appends s in quotes, with all that is not printable escaped.
func quoted(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return strconv.AppendQuoteToASCII(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// milliseconds appends such as "1.234ms".
func milliseconds(b []byte, d time.Duration) []byte {
	return append(strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', 3, 64), "ms"...)
}

func firstLine(s string) string {
	for i := range len(s) {
		if s[i] == '\n' {
			return s[:i]
		}
	}
	return s
}
