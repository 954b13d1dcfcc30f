package flow

import (
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// A handler keeps the state of the conversation for one record type. open is
// called when the header of a record is there, data with the content, in one
// or several pieces; either may be nil. r is nil where the record belongs to no
// active request.
type handler struct {
	open func(c *Conn, h *half, r *Request)
	data func(c *Conn, h *half, r *Request, content []byte)
}

// handlers has a row for every record type of the specification. Other types
// have no state.
var handlers = [256]*handler{
	wire.TypeBeginRequest:    {open: beginRequest, data: beginRequestBody},
	wire.TypeAbortRequest:    {open: abortRequest},
	wire.TypeEndRequest:      {open: endRequest, data: endRequestBody},
	wire.TypeParams:          {open: params, data: paramsData},
	wire.TypeStdin:           {open: stdin, data: stdinData},
	wire.TypeStdout:          {open: stdout, data: stdoutData},
	wire.TypeStderr:          {open: stderr, data: stderrData},
	wire.TypeData:            {open: data, data: dataData},
	wire.TypeGetValues:       {open: getValues, data: getValuesData},
	wire.TypeGetValuesResult: {open: getValuesResult, data: getValuesResultData},
	wire.TypeUnknownType:     {data: unknownType},
}

// opening checks the header of the current record and calls its handler.
func (c *Conn) opening(h *half) {
	s, r := h.cur.Type.Spec(), h.cur.req
	c.header(h, s, r)
	if s == nil || s.Dir != h.dir {
		return
	}
	if hd := handlers[h.cur.Type]; hd.open != nil {
		hd.open(c, h, r)
	}
}

// content passes content of the current record to its handler.
func (c *Conn) content(h *half, p []byte) {
	s := h.cur.Type.Spec()
	if s == nil || s.Dir != h.dir || len(p) == 0 && s.Shape != wire.Fixed {
		return
	}
	if hd := handlers[h.cur.Type]; hd.data != nil {
		hd.data(c, h, h.cur.req, p)
	}
}

// header checks what can be said about any record.
func (c *Conn) header(h *half, s *wire.Spec, r *Request) {
	head := h.cur.Header
	if head.Version != wire.Version1 {
		c.report(h, r, wire.RuleVersion, fmt.Sprintf("version %d", head.Version))
	}
	if head.Reserved != 0 {
		c.report(h, r, wire.RuleHeaderReserved, fmt.Sprintf("%#02x", head.Reserved))
	}
	if int(head.ContentLength)+int(head.PaddingLength) > wire.MaxContent {
		c.report(h, r, wire.RuleRecordTooLarge, fmt.Sprintf("%d bytes of content and %d of padding", head.ContentLength, head.PaddingLength))
	}
	if s == nil {
		c.unknown(h, r)
		return
	}
	if s.Dir != h.dir {
		c.report(h, r, wire.RuleDirection, fmt.Sprintf("%v sent %v", s.Name, h.dir))
		return
	}
	switch {
	case s.Management && head.RequestID != 0:
		c.report(h, r, wire.RuleManagementID, fmt.Sprintf("%s with request id %d", s.Name, head.RequestID))
	case !s.Management && head.RequestID == 0:
		c.report(h, r, wire.RuleApplicationID, s.Name+" with request id 0")
	}
	if h.dir == wire.ToApp && head.PaddingLength > 0 && (head.ContentLength == 0 || s.Type == wire.TypeBeginRequest) {
		c.report(h, r, wire.RulePaddingUnsafe, fmt.Sprintf("%d bytes", head.PaddingLength))
	}
	if n := int(head.ContentLength); s.Shape == wire.Fixed && n != s.BodyLen || s.Shape == wire.Empty && n != 0 {
		c.report(h, r, wire.RuleBodyLength, fmt.Sprintf("%s has %d bytes, not %d", s.Name, n, s.BodyLen))
	}
}

// unknown deals with a record of a type that has no row.
func (c *Conn) unknown(h *half, r *Request) {
	c.report(h, r, wire.RuleUnknownType, fmt.Sprintf("type %d", uint8(h.cur.Type)))
	if h.cur.RequestID == 0 && h.dir == wire.ToApp {
		if c.unknowns == nil {
			c.unknowns = map[wire.Type]int{}
		}
		c.unknowns[h.cur.Type]++
	}
}

// padding checks the padding of the current record.
func (c *Conn) padding(h *half, p []byte) {
	for _, b := range p {
		if b != 0 {
			c.report(h, h.cur.req, wire.RulePaddingNonzero, "")
			return
		}
	}
}

// reserved checks the reserved bytes of a fixed body.
func (c *Conn) reserved(h *half, r *Request, body []byte) {
	for _, f := range h.cur.Type.Spec().Body {
		if !f.Reserved {
			continue
		}
		for i := f.Off; i < min(f.Off+f.Len, len(body)); i++ {
			if body[i] != 0 {
				c.report(h, r, wire.RuleBodyReserved, fmt.Sprintf("% x", body[f.Off:min(f.Off+f.Len, len(body))]))
				return
			}
		}
	}
}

// unseen reports whether what a rule misses may be among what was not seen.
func (c *Conn) unseen(r *Request) bool { return c.blind || c.over || r != nil && r.partial }

// inactive reports input for a request that is not active.
func (c *Conn) inactive(h *half) {
	if c.over || h.cur.RequestID == 0 {
		return // no request can have that id, which is a finding of its own
	}
	if c.begun[h.cur.RequestID] > 0 {
		c.report(h, nil, wire.RuleLateInput, fmt.Sprintf("%v for request %d, which has ended", h.cur.Type, h.cur.RequestID))
	} else if !c.blind {
		c.report(h, nil, wire.RuleIDInactive, fmt.Sprintf("%v for request %d, which has not begun", h.cur.Type, h.cur.RequestID))
	}
}

func beginRequest(c *Conn, h *half, r *Request) {
	if r == nil {
		return // too many requests
	}
	if r.begun {
		c.report(h, r, wire.RuleIDActive, fmt.Sprintf("request %d has not ended", r.ID))
	}
}

func beginRequestBody(c *Conn, h *half, r *Request, content []byte) {
	b, _ := wire.ParseBeginRequest(content)
	if r != nil && !r.begun {
		r.begun = true
		r.Role, r.Flags = b.Role, b.Flags
		c.start(h, KindRequestBegun)
		c.send()
	}
	if !b.Role.Known() {
		c.report(h, r, wire.RuleUnknownRole, b.Role.String())
	}
	if b.Flags&^wire.KeepConn != 0 {
		c.report(h, r, wire.RuleUnknownFlags, b.Flags.String())
	}
	c.reserved(h, r, content)
}

func abortRequest(c *Conn, h *half, r *Request) {
	if r == nil {
		c.inactive(h)
		return
	}
	r.Aborted = true
}

func params(c *Conn, h *half, r *Request) {
	if r == nil {
		c.inactive(h)
		return
	}
	if r.ParamsEnded {
		c.reportOnce(h, r, onceEnded, wire.RuleStreamEnded, "PARAMS goes on after its end")
		return
	}
	if h.cur.ContentLength == 0 {
		r.ParamsEnded = true
		c.paramsEnded(h, r)
	}
}

func paramsData(c *Conn, h *half, r *Request, content []byte) {
	if r != nil && !r.ParamsEnded {
		c.params(h, r, content)
	}
}

func stdin(c *Conn, h *half, r *Request) {
	if r == nil {
		c.inactive(h)
		return
	}
	empty := h.cur.ContentLength == 0
	switch {
	case r.StdinEnded:
		c.reportOnce(h, r, onceEnded, wire.RuleStreamEnded, "STDIN goes on after its end")
		return
	case !r.ParamsEnded && !r.partial:
		c.reportOnce(h, r, onceOrder, wire.RuleStreamOrder, "STDIN before the end of PARAMS")
	}
	if r.Role == wire.Authorizer && !empty {
		c.reportOnce(h, r, onceRole, wire.RuleStreamRole, "STDIN for an AUTHORIZER")
	}
	if empty {
		r.StdinEnded = true
		c.stdinLength(h, r)
	}
}

func stdinData(c *Conn, h *half, r *Request, content []byte) {
	if r != nil && !r.StdinEnded {
		r.Stdin += int64(len(content))
	}
}

// stdinLength compares STDIN, which has ended, with what was announced.
func (c *Conn) stdinLength(h *half, r *Request) {
	want := max(r.ContentLength, 0)
	if r.partial || r.ContentLength == -2 || r.Role == wire.Authorizer || r.Stdin == want {
		return
	}
	detail := fmt.Sprintf("STDIN has %d bytes, CONTENT_LENGTH is %d", r.Stdin, r.ContentLength)
	if r.ContentLength < 0 {
		detail = fmt.Sprintf("STDIN has %d bytes, and there is no CONTENT_LENGTH", r.Stdin)
	}
	c.reportOnce(h, r, onceStdin, wire.RuleStdinLength, detail)
}

func data(c *Conn, h *half, r *Request) {
	if r == nil {
		c.inactive(h)
		return
	}
	switch {
	case r.DataEnded:
		c.reportOnce(h, r, onceEnded, wire.RuleStreamEnded, "DATA goes on after its end")
		return
	case r.Role != wire.Filter && !r.partial:
		c.reportOnce(h, r, onceRole, wire.RuleStreamRole, fmt.Sprintf("DATA for a %v", r.Role))
	case !r.StdinEnded && !r.partial:
		c.reportOnce(h, r, onceOrder, wire.RuleStreamOrder, "DATA before the end of STDIN")
	}
	if h.cur.ContentLength == 0 {
		r.DataEnded = true
		if !r.partial && r.DataLength >= 0 && r.Data != r.DataLength {
			c.reportOnce(h, r, onceData, wire.RuleDataLength, fmt.Sprintf("DATA has %d bytes, FCGI_DATA_LENGTH is %d", r.Data, r.DataLength))
		}
	}
}

func dataData(c *Conn, h *half, r *Request, content []byte) {
	if r != nil && !r.DataEnded {
		r.Data += int64(len(content))
	}
}

// output is what STDOUT and STDERR have in common.
func (c *Conn) output(h *half, r *Request, ended *bool) {
	empty := h.cur.ContentLength == 0
	switch {
	case r == nil:
		if !c.unseen(nil) && h.cur.RequestID != 0 {
			c.report(h, nil, wire.RuleOutputInactive, fmt.Sprintf("%v for request %d", h.cur.Type, h.cur.RequestID))
		}
		return
	case *ended:
		c.reportOnce(h, r, onceEnded, wire.RuleStreamEnded, fmt.Sprintf("%v goes on after its end", h.cur.Type))
	case empty:
		*ended = true
	default:
		if r.FirstByteAt.IsZero() {
			r.FirstByteAt = h.cur.at
		}
		c.outputEarly(h, r)
	}
}

func (c *Conn) outputEarly(h *half, r *Request) {
	switch {
	case r.partial || c.halves[wire.ToApp].offset == 0:
	case !r.ParamsEnded:
		c.reportOnce(h, r, onceOutput, wire.RuleOutputEarly, fmt.Sprintf("%v before the end of PARAMS", h.cur.Type))
	case r.Role == wire.Filter && !r.StdinEnded:
		c.reportOnce(h, r, onceOutput, wire.RuleOutputEarly, fmt.Sprintf("%v before the end of STDIN", h.cur.Type))
	}
}

func stdout(c *Conn, h *half, r *Request) {
	var none bool
	if r == nil {
		c.output(h, nil, &none)
		return
	}
	c.output(h, r, &r.StdoutEnded)
	if h.cur.ContentLength == 0 {
		c.endHeader(h, r)
	}
}

func stdoutData(c *Conn, h *half, r *Request, content []byte) {
	if r == nil {
		return
	}
	first := r.Stdout == 0
	r.Stdout += int64(len(content))
	if r.header.Done() || first && r.partial && !looksLikeHeader(content) {
		return
	}
	if first || len(r.header.Bytes()) > 0 {
		if _, done := r.header.Feed(content); done {
			c.response(h, r)
		}
	}
}

// looksLikeHeader: the first piece of STDOUT that was seen may be the middle
// of a body.
func looksLikeHeader(content []byte) bool {
	var head cgi.Header
	head.Feed(content)
	head.End()
	return head.Problem() == cgi.OK
}

// endHeader is called when no more STDOUT will come.
func (c *Conn) endHeader(h *half, r *Request) {
	if r.header.Done() || r.partial {
		return
	}
	r.header.End()
	c.response(h, r)
}

// response tells that the header of the response is there, or that there is
// none.
func (c *Conn) response(h *half, r *Request) {
	r.Status = r.header.Status()
	c.start(h, KindResponse)
	c.ev.Data = r.header.Bytes()
	c.send()
	switch p := r.header.Problem(); p {
	case cgi.OK:
	case cgi.StatusLine:
		c.report(h, r, wire.RuleNPH, p.String())
	default:
		c.report(h, r, wire.RuleResponseHeader, p.String())
	}
}

func stderr(c *Conn, h *half, r *Request) {
	var none bool
	if r == nil {
		c.output(h, nil, &none)
		return
	}
	c.output(h, r, &r.StderrEnded)
}

func stderrData(c *Conn, h *half, r *Request, content []byte) {
	if r != nil {
		r.Stderr += int64(len(content))
	}
}

func endRequest(c *Conn, h *half, r *Request) {
	if r == nil && !c.unseen(nil) {
		c.report(h, nil, wire.RuleEndInactive, fmt.Sprintf("END_REQUEST for request %d, which is not active", h.cur.RequestID))
	}
}

func endRequestBody(c *Conn, h *half, r *Request, content []byte) {
	e, _ := wire.ParseEndRequest(content)
	if !e.Status.Known() {
		c.report(h, r, wire.RuleUnknownStatus, e.Status.String())
	}
	c.reserved(h, r, content)
	if r == nil {
		return
	}
	r.AppStatus, r.ProtocolStatus, r.Complete = e.AppStatus, e.Status, true
	switch {
	case e.Status == wire.CantMultiplex:
		c.report(h, r, wire.RuleMultiplexRefused, "")
	case e.Status == wire.RequestComplete && !r.partial:
		c.completed(h, r)
	}
	if r.late {
		c.report(h, r, wire.RuleKeepConn, "the application did not close after a request without KEEP_CONN")
	}
	c.requestEnded(h, r, h.cur.at)
	c.due = len(c.active) == 0 && !c.kept
}

// completed checks a request that the application says is complete.
func (c *Conn) completed(h *half, r *Request) {
	if r.Aborted {
		return
	}
	c.endHeader(h, r)
	if !r.StdoutEnded {
		c.report(h, r, wire.RuleStdoutUnended, "")
	}
	if open := r.openInput(); open != "" && c.halves[wire.ToApp].offset > 0 {
		c.report(h, r, wire.RuleEarlyAnswer, open+" has not ended")
	}
}
