package diagnose

import (
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// Facts is what is known about one request, or about a connection on which
// there was none. What is not known is zero. It and all that it points to
// belong to the caller.
type Facts struct {
	Addr   transport.Addr       // of the application; zero in a capture
	Dial   *transport.DialError // why there is no connection; nil if there is one
	Socket *Socket              // of a Unix socket

	Sent    bool         // a request, or a part of one, was sent
	Request flow.Request // what the wire says of it
	Params  []wire.Pair  // its parameters, or those that a rule may ask for

	ParamsBytes   int64      // of all parameters
	ParamsRecords int        // PARAMS records with content
	ParamsLargest int        // content and padding of the largest of them, in bytes
	ParamsSplit   string     // name of a pair that crosses the border of two of them
	ParamsCut     *wire.Type // of a record of something else that came before the end of PARAMS; nil if none did
	StdinRecords  int        // the empty one included

	Broken     map[wire.RuleID]string // rules of package wire that the application broke, with the detail
	Incomplete bool                   // bytes of the connection were not captured, perhaps some of this request

	Received     int64       // bytes from the application since the request began
	Header       []byte      // the CGI header of the response
	Problem      cgi.Problem // what is wrong with it, if HeaderDone
	HeaderDone   bool        // it is over, or the output is
	Body         []byte      // the beginning of the body, up to 1 KiB
	BodyBytes    int64       // all of it
	Stderr       []byte      // the beginning of STDERR, up to 8 KiB
	StderrFirst  int64       // bytes of STDERR before the end of the CGI header
	EmptyFirst   bool        // the first STDOUT record is empty, and more follow
	Straddles    int64       // offset of a record whose header crosses a multiple of 8192 bytes of what the application sent; 0: none does
	Foreign      []byte      // the first bytes from the application that are no record
	ForeignAt    int64       // their offset in what the application sent on the connection
	ForeignToApp []byte      // the first bytes to the application that are no record

	Reused  bool           // an earlier request was answered on the same connection
	Pinned  int            // other connections to the application that stayed open and idle while this one waited
	Close   flow.CloseKind // how the connection ended
	Timeout bool           // nothing came for as long as the user wanted to wait
	First   time.Duration  // until the first byte of output; less than 0: none came, or it is not known
	Total   time.Duration  // until END_REQUEST or the end; less than 0: not known
	After   time.Duration  // from END_REQUEST to the end of the connection; less than 0: not known

	// Second opinions: what other probes of the same application showed.
	Greeting   Opinion // a connection on which nothing was sent: Bad if the application closed it at once
	IdleClosed time.Duration
	Ping       Opinion // the ping page of php-fpm
	Minimal    Opinion // the same script with as few parameters as can be
	FreeWorker Opinion // the status page: Bad if it says that no worker is free
	Waiting    int     // connections that nobody has accepted yet, by the system's tables
	Taken      int     // connections that are accepted, likewise
}

// An Opinion is what came of a probe.
type Opinion uint8

// The outcomes of a probe.
const (
	NotAsked Opinion = iota // it was not made, or told nothing
	Good                    // as it should be
	Bad                     // answered, or closed, as it should not be
	Silent                  // no answer in time
)

// Param returns the value of the first parameter of that name, and whether
// there is one.
func (f *Facts) Param(name string) ([]byte, bool) { return wire.Lookup(f.Params, name) }

// param is Param where a missing one is as good as an empty one.
func (f *Facts) param(name string) string {
	v, _ := f.Param(name)
	return string(v)
}

// field returns a field of the response header.
func (f *Facts) field(name string) (string, bool) {
	var h cgi.Header
	h.Feed(f.Header)
	h.End()
	v, ok := h.Get(name)
	return string(v), ok
}

// answered: something came that belongs to the request.
func (f *Facts) answered() bool { return f.Sent && f.Received > 0 }

// empty: the connection ended without a byte of an answer.
func (f *Facts) empty(how flow.CloseKind) bool {
	return f.Sent && f.Received == 0 && !f.Timeout && f.Close == how
}

// patience is how long a web server waits at least before one may say that it
// gave up because nothing came, and not because its own client had gone.
const patience = time.Second

// silent: nothing came, and somebody lost patience.
func (f *Facts) silent() bool {
	return f.Sent && f.Received == 0 && (f.Timeout ||
		f.Close != flow.CloseByApp && f.Close != flow.ResetByApp && f.Total >= patience)
}

// cutShort: the application left the connection before END_REQUEST.
func (f *Facts) cutShort() bool {
	return f.Sent && !f.Request.Complete && !f.Timeout && (f.Close == flow.CloseByApp || f.Close == flow.ResetByApp)
}

// done: there is a complete answer.
func (f *Facts) done() bool {
	return f.Sent && f.Request.Complete && f.Request.ProtocolStatus == wire.RequestComplete
}

// asked: all of a request was sent, as far as its streams tell.
func (f *Facts) asked() bool { return f.Sent && f.Request.ParamsEnded }

// hasBody: an answer to this request has a body.
func (f *Facts) hasBody() bool {
	s := f.Request.Status
	return string(f.Request.Method) != "HEAD" && s != 204 && s != 304
}
