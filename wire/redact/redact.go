// Package redact masks secrets in the events of a connection, so that a
// capture can be shown to others.
//
// A byte is replaced by one byte, so lengths, offsets and framing stay as they
// were. What is masked:
//
//   - the values of cookies, in HTTP_COOKIE and Set-Cookie;
//   - the values of parameters, response header fields, and fields of query
//     strings and of urlencoded, multipart and JSON bodies (STDIN, STDOUT; as far
//     as it can be recognised in any other text, too), whose names are among
//     Names or those of New;
//   - bodies that are compressed, as nobody can look into them byte by byte;
//   - what cannot be understood: bytes that are no record, streams of requests
//     whose BEGIN_REQUEST was not seen (but a response that begins like one), and
//     what is left of a stream of which a part is missing;
//   - padding that is not zero.
//
// Pairs and findings stay, too, unless they are in a stream that is masked wholly.
//
// What is not masked: names, the bytes 0 (they are findings), addresses, cookies
// without a name, the password in the authority of a URL, fields of HTML and XML,
// and a secret that an application shows under another name, as a page of phpinfo
// does.
//
// Whether a byte is masked depends on the bytes before it only. So it does not
// matter how records cut a value, or reads cut a record, and nothing has to be
// held back.
package redact

import (
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// maxRequests is how many requests of a connection are followed; those above
// are masked wholly.
const maxRequests = flow.MaxActive

// mask is what a secret byte becomes; where a digit is needed, digit.
const (
	mask  = '*'
	digit = '1'
)

// A Redactor masks the events of any number of connections. It has to see them
// before any other consumer does, in flow.Conn's call of emit: it writes into
// the memory of the event, from which flow.Conn derives what comes after (pairs,
// the response header, findings). That memory is the caller's, who fed it: what
// is fed must not be needed again, as what is sent is.
//
// Not safe for concurrent use.
type Redactor struct {
	names *patterns
	conns map[int]*conn  // by number
	piece [pieceLen]byte // what a scanner is shown
}

// New returns a Redactor that masks the values of names that match one of
// patterns, and of Names. In a pattern * stands for any bytes and ? for one;
// upper and lower case, - and _ are the same.
func New(patterns ...string) *Redactor {
	return &Redactor{names: newPatterns(append(Names(), patterns...)), conns: map[int]*conn{}}
}

// conn is a connection.
type conn struct {
	gaps     [2]int // by direction: how often something was missing
	requests map[uint16]*request
}

// request is a request that is active.
type request struct {
	about
	unseen  bool   // its BEGIN_REQUEST was not seen
	gaps    [2]int // of its connection when it began
	streams map[wire.Type]*stream
}

// about is what the parameters of a request say about its body.
type about struct {
	contentType []byte // as much of it as urlencoded has
	encoded     bool   // it is compressed
}

// stream is a stream of a request.
type stream struct {
	scanner
	gaps int // of its direction, up to now
}

// Secret reports whether the value of a parameter or a header field of that name
// is masked, or cookies in it are.
func (r *Redactor) Secret(name string) bool {
	var w word
	w.add(r.names, []byte(name)...)
	switch w.kind(r.names) {
	case secret, cookies, setCookie:
		return true
	}
	return false
}

// Text returns text with the values masked of what has a secret name in it: the
// query of a URL, urlencoded fields, JSON.
func (r *Redactor) Text(text string) string {
	masked := []byte(text)
	newText(r.names).run(masked, []byte(text))
	return string(masked)
}

// Event masks what e holds.
func (r *Redactor) Event(e *flow.Event) {
	if e.Conn == nil {
		return
	}
	c := r.conns[e.Conn.N]
	if c == nil {
		c = &conn{requests: map[uint16]*request{}}
		r.conns[e.Conn.N] = c
	}
	switch e.Kind {
	case flow.KindRecord:
		c.begin(e)
		if !e.Pieces {
			r.content(c, e, e.Data)
		}
		hide(e.Padding)
	case flow.KindChunk:
		r.content(c, e, e.Data)
	case flow.KindTruncated:
		if len(e.Data) < wire.HeaderLen {
			if len(e.Data) > 0 && e.Data[0] != wire.Version1 {
				hide(e.Data) // it need not have become a header
			}
		} else {
			body := e.Data[wire.HeaderLen:]
			n := min(len(body), int(e.Header.ContentLength))
			r.content(c, e, body[:n])
			hide(body[n:])
		}
	case flow.KindGap:
		c.gaps[e.Dir]++
	case flow.KindDesync:
		c.gaps[e.Dir]++
		hide(e.Data)
	case flow.KindRequestEnded:
		delete(c.requests, e.Request.ID)
	case flow.KindClosed:
		delete(r.conns, e.Conn.N)
	}
}

// begin begins a request. A second BEGIN_REQUEST for it changes nothing: a
// value may be going on.
func (c *conn) begin(e *flow.Event) {
	id := e.Header.RequestID
	if e.Header.Type == wire.TypeBeginRequest && e.Dir == wire.ToApp && c.requests[id] == nil && len(c.requests) < maxRequests {
		c.requests[id] = &request{gaps: c.gaps, streams: map[wire.Type]*stream{}}
	}
}

// followed returns the request that e belongs to, nil if nobody knows one. Where
// BEGIN_REQUEST was not seen, as in a capture of one direction, flow.Conn makes
// one up.
func (c *conn) followed(e *flow.Event) *request {
	id := e.Header.RequestID
	if c.requests[id] == nil && e.Request != nil && len(c.requests) < maxRequests {
		c.requests[id] = &request{unseen: true, gaps: c.gaps, streams: map[wire.Type]*stream{}}
	}
	return c.requests[id]
}

// content masks content of a record.
func (r *Redactor) content(c *conn, e *flow.Event, p []byte) {
	spec := e.Header.Type.Spec()
	switch {
	case spec != nil && spec.Shape == wire.Fixed:
		hide(p[min(spec.BodyLen, len(p)):])
		return
	case spec != nil && spec.Management && spec.Shape == wire.Pairs:
		r.run(newPairs(r.names, &about{}), p)
		return
	}
	q := c.followed(e)
	if q == nil || spec != nil && spec.Dir != e.Dir {
		hide(p)
		return
	}
	s := q.streams[e.Header.Type]
	if s == nil {
		s = &stream{scanner: r.scanner(e.Header.Type, q), gaps: q.gaps[e.Dir]}
		q.streams[e.Header.Type] = s
	}
	if s.gaps != c.gaps[e.Dir] {
		s.scanner = opaque{}
	}
	r.run(s.scanner, p)
}

// scanner returns the scanner for a stream that begins.
func (r *Redactor) scanner(t wire.Type, q *request) scanner {
	switch {
	case q.unseen && t == wire.TypeStdout:
		return &unseen{response: newResponse(r.names)}
	case q.unseen:
		return opaque{}
	}
	switch t {
	case wire.TypeParams:
		return newPairs(r.names, &q.about)
	case wire.TypeStdin:
		return newBody(r.names, q.form(), q.encoded)
	case wire.TypeStdout:
		return newResponse(r.names)
	}
	return newText(r.names)
}

// pieceLen is how many bytes a scanner gets at a time.
const pieceLen = 4 << 10

// run passes p through a scanner, and masks it in place.
func (r *Redactor) run(s scanner, p []byte) {
	for len(p) > 0 {
		n := copy(r.piece[:], p)
		s.run(p[:n], r.piece[:n])
		p = p[n:]
	}
}

// hide masks all of p.
func hide(p []byte) { opaque{}.run(p, p) }
