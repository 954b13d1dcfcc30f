package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// maxLogLine is the longest line that nginx logs, with its end; it cuts others.
const maxLogLine = 2048

func matchNginx(head []byte) int {
	for _, line := range headLines(head) {
		if _, ok := parseLogLine(line); ok && isText(head) {
			return scoreSure + 10
		}
	}
	return 0
}

func openNginx(r *bufio.Reader, o Options) (Source, error) {
	return &nginxSource{lines: lineReader{in: r}, requests: map[string]*nginxRequest{}, kept: map[string]*flow.ConnInfo{}}, nil
}

// A logLine is a line of nginx's error log that is about a connection:
//
//	2026/11/21 13:45:49 [debug] 31640#31640: *9 http fastcgi record byte: 01
type logLine struct {
	at      time.Time // of whatever time zone
	debug   bool
	pid     int
	request string // process and number of the client's connection; "" if it is about none
	message []byte
}

func parseLogLine(line []byte) (l logLine, ok bool) {
	const stamp = "2006/01/02 15:04:05"
	if len(line) < len(stamp)+3 || line[4] != '/' || line[len(stamp)+1] != '[' {
		return l, false
	}
	at, err := time.Parse(stamp, string(line[:len(stamp)]))
	if err != nil {
		return l, false
	}
	level, rest, ok := bytes.Cut(line[len(stamp)+2:], []byte("] "))
	process, rest, found := bytes.Cut(rest, []byte(": "))
	pid, _, thread := bytes.Cut(process, []byte("#"))
	if !ok || !found || !thread || !isNumber(pid) {
		return l, false
	}
	l = logLine{at: at, debug: string(level) == "debug", message: rest}
	l.pid, _ = strconv.Atoi(string(pid))
	if bytes.HasPrefix(rest, []byte("*")) {
		if number, message, ok := bytes.Cut(rest, []byte(" ")); ok {
			l.request, l.message = string(process)+" "+string(number), message
		}
	}
	return l, true
}

// A nginxSource reads nginx's debug log. It holds all headers of the records
// that came back, the parameters and the header of the response line by line,
// and what was on stderr without its end. Of what nginx sent it tells the
// lengths: with the parameters, and as nginx always builds a request in the same
// way, that gives all of it but the body and one flag, KEEP_CONN. Bodies and the
// content of END_REQUEST are not in the log.
type nginxSource struct {
	lines    lineReader
	requests map[string]*nginxRequest
	kept     map[string]*flow.ConnInfo // idle, by what nginx calls them
	stderr   []byte                    // a message that goes on in the next line
	of       *nginxRequest             // the request of stderr
	out      []Chunk
	pos      int
	at       time.Time
	debug    bool // there was a line of level debug
	done     bool
}

// Next implements Source.
func (s *nginxSource) Next() (Chunk, error) {
	for s.pos == len(s.out) {
		if s.done {
			return Chunk{}, io.EOF
		}
		s.out, s.pos = s.out[:0], 0
		line, err := s.lines.next()
		switch {
		case err == nil:
			err = s.line(line)
		case err == io.EOF:
			s.done = true
			if err := s.end(); err != nil {
				return Chunk{}, err
			}
			continue
		}
		if err != nil {
			return Chunk{}, s.lines.where(err)
		}
	}
	s.pos++
	return s.out[s.pos-1], nil
}

// Close implements Source.
func (s *nginxSource) Close() error { return nil }

// end passes on what is known at the end of the log.
func (s *nginxSource) end() error {
	s.endStderr()
	for _, q := range s.requests {
		s.skip(q)
	}
	if !s.debug {
		return &InputError{Where: "nginx's log", Err: errors.New("nothing of level debug: it takes error_log FILE debug, and an nginx that is built --with-debug (nginx -V)")}
	}
	return nil
}

func (s *nginxSource) line(line []byte) error {
	l, ok := parseLogLine(line)
	if !ok {
		if s.of != nil && len(s.stderr)+len(line) <= maxLogLine {
			s.addStderr(append([]byte("\n"), line...))
		}
		return nil
	}
	s.endStderr()
	s.at = l.at
	s.debug = s.debug || l.debug
	if l.request == "" {
		return nil
	}
	for _, k := range nginxLines {
		if rest, found := bytes.CutPrefix(l.message, []byte(k.prefix)); found {
			return s.take(&l, k.take, rest, len(line) >= maxLogLine-1)
		}
	}
	return nil
}

// take deals with a line that says something about FastCGI.
func (s *nginxSource) take(l *logLine, take func(*nginxSource, *nginxRequest, []byte) error, rest []byte, cut bool) error {
	q := s.requests[l.request]
	if q == nil {
		if len(s.requests) == maxConnections {
			return fmt.Errorf("more than %d connections", maxConnections)
		}
		q = &nginxRequest{pid: l.pid}
		s.requests[l.request] = q
	}
	q.cut = cut
	return take(s, q, rest)
}

// nginxLines lists what lines begin with, and what they mean.
var nginxLines = []struct {
	prefix string
	take   func(s *nginxSource, q *nginxRequest, rest []byte) error
}{
	{"http fastcgi record byte: ", (*nginxSource).recordByte},
	{"fastcgi param: \"", (*nginxSource).param},
	{"chain writer buf fl:", (*nginxSource).buffer},
	{"chain writer in: ", (*nginxSource).sent},
	{"http fastcgi header: \"", (*nginxSource).header},
	{"http fastcgi header done", (*nginxSource).headerDone},
	{"FastCGI sent in stderr: \"", (*nginxSource).stderrBegins},
	{"http init upstream", (*nginxSource).begin},
	{"http upstream request: ", (*nginxSource).turn},
	{"http run request: ", (*nginxSource).turn},
	{"connect to ", (*nginxSource).connect},
	{"get keepalive peer: using connection ", (*nginxSource).reuse},
	{"free keepalive peer: saving connection ", (*nginxSource).keep},
	{"close http upstream connection: ", (*nginxSource).closed},
	{"close http connection: ", (*nginxSource).forget},
}

// put adds a chunk of the request's connection.
func (s *nginxSource) put(q *nginxRequest, ch Chunk) {
	if q.conn == nil { // its beginning is not in the log
		q.conn = bareConn()
		q.conn.Pid = q.pid
	}
	ch.Conn, ch.At, ch.Frame, ch.Given = q.conn, s.at, s.lines.n, true
	s.out = append(s.out, ch)
}

// gap adds a gap.
func (s *nginxSource) gap(q *nginxRequest, side Side, n int) {
	if n > 0 {
		s.put(q, Chunk{Side: side, Kind: ChunkGap, Lost: int64(n)})
	}
}
