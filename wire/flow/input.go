package flow

import (
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
)

// This file has the handlers of what the web server sends.

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
