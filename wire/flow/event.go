// Package flow observes FastCGI connections: bytes and a direction go in,
// events come out. Live traffic, captures and tests all go through it, so that
// what is shown is always what the bytes say.
//
// It does no I/O and knows no clock: times come with the bytes. What it keeps
// is bounded (see the constants), whatever a peer sends.
//
// Values are not safe for concurrent use.
package flow

import (
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Kind says what an event tells.
type Kind uint8

// The kinds of events, and what an event of the kind holds beside Kind, Conn,
// Dir, At and Offset.
const (
	// KindConnection is the first event of a connection.
	KindConnection Kind = iota
	// KindHeader: the header of a record has come and its content is passed on
	// in pieces. Header, Index, Request. Not sent with Conn.Whole.
	KindHeader
	// KindChunk: a piece of a record's content, as it came. Header, Index,
	// Data, Request. Not sent with Conn.Whole.
	KindChunk
	// KindRecord: a record is complete. Header, Index, Padding, Request, and
	// Data unless its content was passed on in pieces (see Event.Pieces).
	KindRecord
	// KindPair: a name-value pair is complete. Header (of the record that
	// completes it), Index (in its stream of pairs), Pair, Request, and Split
	// if it began in an earlier record.
	KindPair
	// KindRequestBegun: a request became active. Request.
	KindRequestBegun
	// KindResponse: the CGI header of a response is complete. Request, Data
	// (the header with its empty line; nil where it was too long to keep).
	KindResponse
	// KindRequestEnded: by END_REQUEST, or by the end of the connection.
	// Request. One for each KindRequestBegun.
	KindRequestEnded
	// KindFinding: a rule is broken. Finding, Header (of the record it belongs
	// to), Request.
	KindFinding
	// KindGap: bytes are missing. Length, -1 where it is not known how many.
	KindGap
	// KindDesync: bytes that are no record. Data, Hint.
	KindDesync
	// KindTruncated: the stream ended inside a record, or part of it is
	// missing. Header (if its 8 bytes are there), Length (bytes of the whole
	// record, 8 if the header is incomplete), Data (what there is of it, header
	// included, as far as it was not passed on in pieces), Got (bytes).
	KindTruncated
	// KindClosed is the last event of a connection, and comes exactly once.
	// Close, Open (the requests that had not ended), Err.
	KindClosed
	// KindLost is for sinks: the observer was too slow, or had no room (Hint),
	// and Length events, or pieces, were not seen. Conn may be nil.
	KindLost
)

// String returns the event name of the machine-readable output.
func (k Kind) String() string { return kindNames[k] }

var kindNames = [...]string{
	KindConnection: "connection", KindHeader: "header", KindChunk: "chunk", KindRecord: "record", KindPair: "pair",
	KindRequestBegun: "begun", KindResponse: "response", KindRequestEnded: "request", KindFinding: "finding", KindGap: "gap",
	KindDesync: "desync", KindTruncated: "truncated", KindClosed: "closed", KindLost: "lost",
}

// A CloseKind says how a connection ended.
type CloseKind uint8

// The ways a connection ends.
const (
	CloseUnknown  CloseKind = iota // the input ended, or nobody saw how
	CloseByServer                  // the web server closed first
	CloseByApp                     // the application closed first
	ResetByServer                  // TCP RST from the web server
	ResetByApp                     // TCP RST from the application
)

// String returns such as "closed by the application".
func (k CloseKind) String() string {
	return [...]string{"end of input", "closed by the web server", "closed by the application",
		"reset by the web server", "reset by the application"}[k]
}

// ConnInfo says which connection an event belongs to. Unknown parts are zero,
// but Fd, where 0 is a descriptor: -1.
type ConnInfo struct {
	N              int       // from 0, in order of first appearance
	Network        string    // "tcp", "unix", or "" where unknown
	Client, Server string    // the addresses of the web server's and the application's end
	Pid, Fd        int       // of the process and the descriptor that was traced
	Opened         time.Time // the first that was seen of it
}

// An Event is something that was seen on a connection. Which fields hold
// something depends on Kind. It and everything it points to are valid during
// the call that passes it on only; see Clone. Data and Padding of KindRecord,
// KindChunk, KindTruncated and KindDesync may be written to during the call: what
// is derived from these bytes is derived afterwards.
type Event struct {
	Kind    Kind           // what is told
	Dir     wire.Direction // where the bytes travel
	Pieces  bool           // KindRecord: the content was passed on in KindChunk events
	Split   bool           // KindPair: it began in an earlier record
	Close   CloseKind      // KindClosed
	Conn    *ConnInfo      // never nil, but for KindLost
	At      time.Time      // zero where the input has no times; for a record that of its first byte
	Offset  int64          // of the first byte of the thing in its direction
	Index   int            // of a record in its direction, or of a pair in its stream
	Header  wire.Header    // of the record
	Data    []byte         // content of the record, or the bytes that are none
	Padding []byte         // KindRecord
	Pair    wire.Pair      // KindPair
	Request *Request       // that the record belongs to; nil where there is none
	Finding *Finding       // KindFinding
	Length  int64          // bytes; KindGap, KindTruncated, KindLost
	Got     int64          // bytes; KindTruncated
	Hint    string         // KindDesync: what the bytes look like, or ""
	Open    []uint16       // KindClosed: request ids
	Err     error          // KindClosed: what Close was told
}

// A Finding is a rule that was broken.
type Finding struct {
	Rule      wire.RuleID // that is broken
	RequestID uint16      // 0 for management records
	Detail    string      // what was seen, or ""; may hold bytes of a peer
}

// A Request is what is known about a request so far. The slices are valid as
// long as the event that points to it.
type Request struct {
	Seq            int                 // from 0, number of the request on its connection
	ID             uint16              // request id
	Occurrence     int                 // 0 for the first use of the id on the connection
	Role           wire.Role           // from BEGIN_REQUEST
	Flags          wire.Flags          // from BEGIN_REQUEST
	Method         []byte              // REQUEST_METHOD
	URI            []byte              // REQUEST_URI, or SCRIPT_NAME and what follows where there is none
	Script         []byte              // SCRIPT_FILENAME
	ContentLength  int64               // CONTENT_LENGTH; -1 where it is missing, empty or no number
	DataLength     int64               // FCGI_DATA_LENGTH; -1 likewise
	Params         int                 // pairs in PARAMS
	Stdin, Data    int64               // bytes
	Stdout, Stderr int64               // bytes
	Status         int                 // CGI status of the response; 200 where it names none; 0 while not known
	AppStatus      uint32              // from END_REQUEST
	ProtocolStatus wire.ProtocolStatus // from END_REQUEST
	Complete       bool                // END_REQUEST was seen
	EndCut         bool                // of it only the header was: AppStatus and ProtocolStatus are not known
	Aborted        bool                // ABORT_REQUEST was seen
	ParamsEnded    bool                // the stream was ended by an empty record
	StdinEnded     bool                // likewise
	DataEnded      bool                // likewise
	StdoutEnded    bool                // likewise
	StderrEnded    bool                // likewise
	Findings       int                 // without notes
	BeganAt        time.Time           // BEGIN_REQUEST
	FirstByteAt    time.Time           // the first STDOUT or STDERR record with content
	EndedAt        time.Time           // END_REQUEST, or the end of the connection

	state // what the observer needs; not for others
}

// Clone returns a copy of e that stays valid.
func (e *Event) Clone() Event {
	c := *e
	c.Data = clone(e.Data)
	c.Padding = clone(e.Padding)
	c.Pair.Name, c.Pair.Value = clone(e.Pair.Name), clone(e.Pair.Value)
	c.Open = append([]uint16(nil), e.Open...)
	if e.Conn != nil {
		info := *e.Conn
		c.Conn = &info
	}
	if e.Finding != nil {
		f := *e.Finding
		c.Finding = &f
	}
	if e.Request != nil {
		r := *e.Request
		r.state = state{}
		r.Method, r.URI, r.Script = clone(r.Method), clone(r.URI), clone(r.Script)
		c.Request = &r
	}
	return c
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
