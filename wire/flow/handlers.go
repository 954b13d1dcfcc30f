package flow

import (
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
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
