package capture

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A nginxRequest is a request of a client, as far as it concerns FastCGI.
type nginxRequest struct {
	pid  int
	cut  bool // nginx cut the current line
	conn *flow.ConnInfo

	params   []byte // name-value pairs
	lost     int    // parameters that nginx cut
	buffers  []int  // lengths of what is about to be sent
	hasBegun bool   // something was sent over conn
	open     int    // connections to applications at once
	mixed    bool   // there were several, so nobody knows to which a line belongs
	fresh    bool   // nothing but the request that began last has been dealt with since
	body     int    // bytes that were sent since, and of which nothing else is known

	head    [wire.HeaderLen]byte
	n       int // bytes in head
	content int // bytes of the record's content still to come
	padding int
	fields  []byte // of the response, to be passed on in one piece
	told    bool   // what was on stderr has been told for this record
}

// begin: the parameters of a new request follow.
func (s *nginxSource) begin(q *nginxRequest, _ []byte) error {
	q.params, q.lost, q.buffers, q.hasBegun, q.body = q.params[:0], 0, q.buffers[:0], false, 0
	q.fresh = true
	return nil
}

// turn: nginx deals with one of the client's requests now.
func (s *nginxSource) turn(q *nginxRequest, _ []byte) error {
	q.fresh = false
	return nil
}

// another is told that q gets a connection. If it has one already several
// requests are under way for one client, as with HTTP/2: what has come since the
// last lines about the first one cannot be told apart.
func (s *nginxSource) another(q *nginxRequest) error {
	if q.conn == nil {
		q.open++
		return nil
	}
	open, mixed := q.open, q.mixed
	s.endConn(q)
	q.open, q.mixed = open+1, true
	if mixed {
		return nil
	}
	return errors.New("several requests at once on one connection of a client, as with HTTP/2: which answer belongs to which cannot be told from the log, so they are left out")
}

// connect: 127.0.0.1:9000, fd:9 #10
func (s *nginxSource) connect(q *nginxRequest, rest []byte) error {
	err := s.another(q)
	addr, number, _ := bytes.Cut(rest, []byte(", fd:"))
	number, _, _ = bytes.Cut(number, []byte(" "))
	q.conn = &flow.ConnInfo{Server: string(addr), Network: networkOf(string(addr)), Pid: q.pid}
	q.conn.Fd, _ = strconv.Atoi(string(number))
	return err
}

// reuse: the connection is one that was kept.
func (s *nginxSource) reuse(q *nginxRequest, rest []byte) error {
	err := s.another(q)
	q.conn = s.kept[string(rest)]
	delete(s.kept, string(rest))
	return err
}

func (s *nginxSource) keep(q *nginxRequest, rest []byte) error {
	if q.mixed { // it may be that of another request
		return s.closed(q, nil)
	}
	s.skip(q)
	if q.conn != nil && len(s.kept) < maxConnections {
		s.kept[string(rest)] = q.conn
	}
	q.conn, q.hasBegun, q.open = nil, false, 0
	return nil
}

// closed: nginx closed the connection to the application.
func (s *nginxSource) closed(q *nginxRequest, _ []byte) error {
	if q.open--; q.open > 0 {
		return nil
	}
	s.endConn(q)
	q.open, q.mixed = 0, false
	return nil
}

// endConn ends the connection that is known last.
func (s *nginxSource) endConn(q *nginxRequest) {
	s.skip(q)
	if q.conn != nil {
		s.put(q, Chunk{Side: A, Kind: ChunkEnd})
	}
	q.conn, q.hasBegun, q.n = nil, false, 0
}

// forget: the client is gone.
func (s *nginxSource) forget(q *nginxRequest, _ []byte) error {
	for key, other := range s.requests {
		if other == q {
			delete(s.requests, key)
		}
	}
	q.open = 0
	return s.closed(q, nil)
}

// param: NAME: VALUE"
func (s *nginxSource) param(q *nginxRequest, rest []byte) error {
	name, value, ok := bytes.Cut(rest, []byte(": "))
	value, whole := bytes.CutSuffix(value, []byte(`"`))
	if q.cut || !ok || !whole {
		q.lost++
		return errors.New("nginx cut this parameter: its lines have at most 2047 bytes")
	}
	if len(q.params)+len(name)+len(value) <= wire.MaxContent {
		q.params = wire.Pair{Name: name, Value: value}.Append(q.params)
	}
	return nil
}

// buffer: 0 s:568
func (s *nginxSource) buffer(q *nginxRequest, rest []byte) error {
	_, size, _ := bytes.Cut(rest, []byte(" s:"))
	if n, err := strconv.Atoi(string(size)); err == nil && len(q.params) > 0 && len(q.buffers) < maxHeld {
		q.buffers = append(q.buffers, n)
	}
	return nil
}

// sent: the buffers that were named are written now.
func (s *nginxSource) sent(q *nginxRequest, _ []byte) error {
	sizes := q.buffers
	if len(sizes) == 0 {
		return nil
	}
	q.buffers = q.buffers[:0]
	if q.mixed && !q.fresh {
		return nil
	}
	if q.hasBegun { // more of a body that is not buffered
		q.body += total(sizes)
		return nil
	}
	q.hasBegun = true
	begin := wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	end := wire.NewRecord(wire.TypeParams, 1, nil).Append(nil)
	params := paddedTo8(wire.TypeParams, len(q.params))
	head := len(begin) + params.Len() + len(end)
	switch first := sizes[0]; {
	case first == head, first == head+wire.HeaderLen:
		s.put(q, Chunk{Data: wire.Record{Header: params, Content: q.params, Padding: make([]byte, params.PaddingLength)}.Append(begin)})
		s.put(q, Chunk{Data: end})
		sizes[0] -= head
		s.stdin(q, sizes)
		return nil
	case q.lost > 0 && first > head && first-len(begin)-3*wire.HeaderLen <= wire.MaxContent:
		// How much of it is padding is not known.
		params.ContentLength, params.PaddingLength = uint16(first-len(begin)-3*wire.HeaderLen), 0
		s.put(q, Chunk{Data: append(params.Append(begin), q.params...)})
		s.gap(q, A, int(params.ContentLength)-len(q.params))
		s.put(q, Chunk{Data: end})
		sizes[0] = wire.HeaderLen
		s.stdin(q, sizes)
		return nil
	}
	s.put(q, Chunk{Data: begin})
	q.body = total(sizes) - len(begin)
	return fmt.Errorf("the parameters in the log do not make up the %d bytes that nginx sent", sizes[0])
}

// stdin makes the framing of STDIN if it is certain, of what is left of the
// buffers: a header, and for a body that is sent in one piece the body, and its
// padding with the header behind it.
func (s *nginxSource) stdin(q *nginxRequest, sizes []int) {
	end := wire.NewRecord(wire.TypeStdin, 1, nil).Append(nil)
	switch {
	case len(sizes) == 1 && sizes[0] == len(end):
		s.put(q, Chunk{Data: end})
		return
	case len(sizes) == 3 && sizes[0] == wire.HeaderLen && sizes[1] < nginxRecord: // a longer one may go on
		if h := paddedTo8(wire.TypeStdin, sizes[1]); sizes[2] == int(h.PaddingLength)+len(end) {
			s.put(q, Chunk{Data: h.Append(nil)})
			s.gap(q, A, sizes[1]+int(h.PaddingLength))
			s.put(q, Chunk{Data: end})
			return
		}
	}
	q.body = total(sizes)
}

// nginxRecord is how many bytes of a body nginx puts into a record.
const nginxRecord = 32 << 10

// paddedTo8 is the header that nginx gives to n bytes of content.
func paddedTo8(t wire.Type, n int) wire.Header {
	return wire.Header{Version: wire.Version1, Type: t, RequestID: 1, ContentLength: uint16(n), PaddingLength: uint8(-n & 7)}
}

func total(sizes []int) (n int) {
	for _, size := range sizes {
		n += size
	}
	return n
}

// recordByte: a byte of the header of a record from the application.
func (s *nginxSource) recordByte(q *nginxRequest, rest []byte) error {
	v, err := strconv.ParseUint(string(rest), 16, 8)
	if err != nil {
		return errors.New("no byte in hexadecimal")
	}
	if q.mixed {
		return nil
	}
	if q.n == 0 || q.n == len(q.head) {
		s.skip(q)
		q.n = 0
	}
	q.head[q.n] = byte(v)
	if q.n++; q.n == len(q.head) {
		h := wire.ParseHeader(&q.head)
		q.content, q.padding, q.told = int(h.ContentLength), int(h.PaddingLength), false
		s.put(q, Chunk{Side: B, Data: h.Append(nil)})
	}
	return nil
}

// skip passes over what is left of the record, and of the request.
func (s *nginxSource) skip(q *nginxRequest) {
	s.gap(q, A, q.body)
	q.body = 0
	s.response(q)
	s.gap(q, B, q.content+q.padding)
	q.content, q.padding = 0, 0
}

// answer adds content of the current record, if it is one of type t.
func (s *nginxSource) answer(q *nginxRequest, t wire.Type, b []byte) {
	if n := min(q.content, len(b)); n > 0 && wire.Type(q.head[1]) == t {
		s.put(q, Chunk{Side: B, Data: bytes.Clone(b[:n])})
		q.content -= n
	}
}

// header: a field of the response. That it is written with one space and ends in
// CR LF is how it usually is.
func (s *nginxSource) header(q *nginxRequest, rest []byte) error {
	line, whole := bytes.CutSuffix(rest, []byte(`"`))
	if q.cut || !whole {
		s.skip(q)
		return errors.New("nginx cut this field of the response: its lines have at most 2047 bytes")
	}
	if len(q.fields) < q.content && !q.mixed {
		q.fields = append(append(q.fields, line...), "\r\n"...)
	}
	return nil
}

func (s *nginxSource) headerDone(q *nginxRequest, _ []byte) error {
	q.fields = append(q.fields, "\r\n"...)
	s.response(q)
	return nil
}

// response passes the fields on.
func (s *nginxSource) response(q *nginxRequest) {
	s.answer(q, wire.TypeStdout, q.fields)
	q.fields = q.fields[:0]
}

// stderrBegins: a message of the application, which may have several lines. Of
// its end nginx leaves out dots, spaces and line ends.
func (s *nginxSource) stderrBegins(q *nginxRequest, rest []byte) error {
	s.of = q
	s.addStderr(rest)
	return nil
}

func (s *nginxSource) addStderr(b []byte) {
	s.stderr = append(s.stderr, b...)
	if i := bytes.LastIndex(s.stderr, []byte(`" while `)); i >= 0 {
		s.stderr = s.stderr[:i]
		s.endStderr()
	}
}

func (s *nginxSource) endStderr() {
	if q := s.of; q != nil && !q.told {
		q.told = true // the next piece of the same record does not say where it begins
		s.answer(q, wire.TypeStderr, s.stderr)
	}
	s.stderr, s.of = s.stderr[:0], nil
}
