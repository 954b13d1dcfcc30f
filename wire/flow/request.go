package flow

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// state is what the observer keeps of a request beside what it tells.
type state struct {
	begun   bool // its BEGIN_REQUEST was seen
	partial bool // a part of it was not seen
	late    bool // it began when the application should have closed
	once    once
	pairs   pairBuffer
	names   []uint64 // hashes of the names of its parameters
	params  uint8    // parameters of interest that were seen
	header  cgi.Header
}

// once is a set of the findings that are made once a request.
type once uint16

const (
	onceOrder once = 1 << iota
	onceEnded
	onceOutput
	onceRole
	onceStdin
	onceData
	onceName
	onceDuplicate
	onceWide
	onceSplit
	onceNUL
)

// The parameters whose presence the rules are about.
const (
	hasContentLength uint8 = 1 << iota
	hasDataLength
	hasDataLastMod
	hasPathInfo
	hasPathTranslated
	hasScriptName
	hasRequestURI
)

var requests = sync.Pool{New: func() any { return new(Request) }}

// lookup returns the active request with an id, nil if there is none.
func (c *Conn) lookup(id uint16) *Request {
	for _, r := range c.active {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// resolve finds the request that the current record of h belongs to, and makes
// one for BEGIN_REQUEST. Where something was not seen it makes one for other
// records too: its BEGIN_REQUEST is among what was not seen.
func (c *Conn) resolve(h *half) *Request {
	s := h.cur.Type.Spec()
	if s != nil && s.Management || s == nil && h.cur.RequestID == 0 {
		return nil
	}
	r := c.lookup(h.cur.RequestID)
	if s == nil || s.Dir != h.dir {
		return r
	}
	oneSided := h.dir == wire.ToServer && c.halves[wire.ToApp].offset == 0
	began := s.Type == wire.TypeBeginRequest
	if r != nil {
		if !began || !r.partial {
			return r
		}
		c.requestEnded(h, r, h.cur.at) // its end is among what was not seen
		c.mayClose = true              // and so are its flags
	}
	// Of an id that was used before, what comes after its end is late; unless
	// nobody could have seen that it was used again.
	_, known := c.begun[h.cur.RequestID]
	if !began && !oneSided && (known || !c.blind) {
		return nil
	}
	if len(c.active) >= MaxActive {
		c.over = true
		return nil
	}
	return c.begin(h, !began)
}

// begin makes a request active.
func (c *Conn) begin(h *half, partial bool) *Request {
	if c.begun == nil {
		c.begun = map[uint16]int{}
	}
	r := requests.Get().(*Request)
	r.Seq, r.ID, r.Occurrence = c.seq, h.cur.RequestID, c.begun[h.cur.RequestID]
	r.ContentLength, r.DataLength = -1, -1
	r.partial, r.late = partial, c.due && !partial
	if !partial {
		r.BeganAt = h.cur.at
	}
	c.begun[r.ID]++
	c.seq++
	c.active = append(c.active, r)
	return r
}

// requestEnded tells that r ended and forgets it.
func (c *Conn) requestEnded(h *half, r *Request, at time.Time) {
	r.EndedAt = at
	c.start(h, KindRequestEnded)
	c.ev.Request = r
	c.send()
	c.kept = r.Flags&wire.KeepConn != 0
	if r.Complete && !c.kept {
		c.mayClose = true
		if r.begun {
			c.released = r.ID
		}
	}
	c.dropPairs(&r.pairs)
	for i := range c.active {
		if c.active[i] == r {
			c.active = append(c.active[:i], c.active[i+1:]...)
			break
		}
	}
	r.recycle()
}

// recycle gives r back, with the memory that is worth keeping.
func (r *Request) recycle() {
	header := r.header
	header.Reset()
	if len(r.header.Bytes()) > maxIdleBuffer {
		header = cgi.Header{}
	}
	*r = Request{Method: r.Method[:0], URI: r.URI[:0], Script: r.Script[:0],
		state: state{names: r.names[:0], header: header}}
	requests.Put(r)
}

// unfinished reports why r has not ended by the end of the connection. "The
// application closes the connection at the end of a specified request", section
// 3.5, is a right that the web server gives, whatever else it has open then.
func (c *Conn) unfinished(h *half, r *Request, how CloseKind) {
	h.cur.RequestID = r.ID
	byApp := how == CloseByApp || how == ResetByApp
	switch {
	case r.partial || !byApp && how != CloseByServer:
	case byApp && c.mayClose:
		if c.released != 0 {
			c.report(h, r, wire.RuleLostAtClose, fmt.Sprintf("request %d did not ask to keep the connection", c.released))
		}
	case byApp && r.Aborted:
		c.report(h, r, wire.RuleAbortUnanswered, how.String())
	case byApp:
		c.report(h, r, wire.RuleNoEnd, how.String())
	default:
		if open := r.openInput(); open != "" && !r.Aborted {
			c.report(h, r, wire.RuleStreamUnended, open+" was not ended before the web server closed the connection")
		}
	}
}

// openInput names the input stream that should have been ended and was not.
func (r *Request) openInput() string {
	switch {
	case !r.ParamsEnded:
		return "PARAMS"
	case r.Role != wire.Authorizer && !r.StdinEnded:
		return "STDIN"
	case r.Role == wire.Filter && !r.DataEnded:
		return "DATA"
	}
	return ""
}

// param notes the parameters that the observer needs.
func (r *Request) param(name, value []byte) {
	r.Params++
	switch string(name) {
	case "REQUEST_METHOD":
		r.Method = append(r.Method[:0], value...)
	case "REQUEST_URI":
		r.params |= hasRequestURI
		r.URI = append(r.URI[:0], value...)
	case "SCRIPT_NAME":
		r.params |= hasScriptName
		if r.params&hasRequestURI == 0 {
			r.URI = append(r.URI[:0], value...)
		}
	case "SCRIPT_FILENAME":
		r.Script = append(r.Script[:0], value...)
	case "PATH_INFO":
		r.params |= hasPathInfo
	case "PATH_TRANSLATED":
		r.params |= hasPathTranslated
	case "FCGI_DATA_LAST_MOD":
		r.params |= hasDataLastMod
	case "CONTENT_LENGTH":
		r.params |= hasContentLength
		r.ContentLength = decimal(value)
	case "FCGI_DATA_LENGTH":
		r.params |= hasDataLength
		r.DataLength = decimal(value)
	}
}

// decimal reads a length: -1 for an empty one, -2 for what is no number.
func decimal(b []byte) int64 {
	if len(b) == 0 {
		return -1
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return -2
		}
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return -2
	}
	return n
}
