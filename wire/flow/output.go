package flow

import (
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// This file has the handlers of what the application sends.

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
	begun := r.begun
	c.requestEnded(h, r, h.cur.at)
	c.due = len(c.active) == 0 && begun && !c.kept
}

// endCut ends the request of an END_REQUEST of which a part was sent and is
// missing: it has ended, however that was.
func (c *Conn) endCut(h *half) {
	if r := h.cur.req; r != nil {
		r.Complete, r.EndCut = true, true
		c.requestEnded(h, r, h.cur.at)
	}
}

// completed checks a request that the application says is complete.
func (c *Conn) completed(h *half, r *Request) {
	if r.Aborted {
		return
	}
	c.endHeader(h, r)
	switch {
	case !r.StdoutEnded: // who does not end STDOUT does not end STDERR either
		c.report(h, r, wire.RuleStdoutUnended, "")
	case r.Stderr > 0 && !r.StderrEnded:
		c.report(h, r, wire.RuleStderrUnended, "")
	}
	if open := r.openInput(); open != "" && c.halves[wire.ToApp].offset > 0 {
		c.report(h, r, wire.RuleEarlyAnswer, open+" has not ended")
	}
}
