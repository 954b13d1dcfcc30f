package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// handle does what a record asks for. An error means that the connection
// cannot go on.
func (c *conn) handle(rec wire.Record) error {
	if rec.Version != wire.Version1 {
		err := fmt.Errorf("FastCGI version %d", rec.Version)
		if hint := rec.Hint(); hint != "" {
			err = fmt.Errorf("no FastCGI: %s", hint)
		}
		return c.refuse(err)
	}
	if rec.RequestID == 0 {
		c.manage(rec)
		return nil
	}
	if rec.Type == wire.TypeBeginRequest {
		return c.begin(rec)
	}
	x := c.find(rec.RequestID)
	if x == nil {
		return nil // "the application ignores records" of inactive ids, section 3.3
	}
	switch rec.Type {
	case wire.TypeParams:
		c.params(x, rec.Content)
	case wire.TypeStdin:
		c.input(x, &x.stdin, rec.Content)
	case wire.TypeData:
		c.input(x, &x.data, rec.Content)
	case wire.TypeAbortRequest:
		c.end(x, ErrAborted)
	}
	return nil
}

func (c *conn) refuse(err error) error {
	c.report(0, err)
	c.kill(err)
	return err
}

// manage answers a management record. See FastCGI 1.0, section 4.
func (c *conn) manage(rec wire.Record) {
	var answer wire.Record
	switch {
	case rec.Type == wire.TypeGetValues:
		answer = wire.NewRecord(wire.TypeGetValuesResult, 0, c.srv.told(rec.Content))
	case rec.Type.Known():
		// A type that is known, but does not belong here: application records
		// have another id, and answers are not answered.
		c.report(0, fmt.Errorf("%v with request id 0: ignored", rec.Type))
		return
	default:
		answer = wire.UnknownTypeRecord(rec.Type)
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.emit(nil, answer)
	c.w.Flush()
}

// told returns the pairs of GET_VALUES_RESULT for the names of GET_VALUES, in
// their order: "If the application doesn't understand a variable name that was
// included in the query, it omits that name." Section 4.1.
func (s *Server) told(query []byte) []byte {
	var answer []byte
	told := make([]bool, len(s.values))
	for len(query) > 0 {
		p, n := wire.ParsePair(query)
		if n == 0 {
			break
		}
		query = query[n:]
		for i, v := range s.values {
			if !told[i] && string(v.Name) == string(p.Name) && len(answer)+v.Len() <= wire.MaxContent {
				told[i] = true
				answer = v.Append(answer)
				break
			}
		}
	}
	return answer
}

func (c *conn) find(id uint16) *Exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.active {
		if x.ID == id {
			return x
		}
	}
	return nil
}

// begin makes a request active. See FastCGI 1.0, section 5.1.
func (c *conn) begin(rec wire.Record) error {
	body, err := wire.ParseBeginRequest(rec.Content)
	if err != nil {
		return c.refuse(err)
	}
	if c.find(rec.RequestID) != nil {
		c.report(rec.RequestID, errors.New("begun again while it is active: ignored"))
		return nil
	}
	x := newExchange(c, rec.RequestID, body)
	x.begun = time.Now()
	limits := &c.srv.limits
	inFlight := c.srv.inFlight.Add(1)
	x.number = int(c.srv.begun.Add(1))
	c.mu.Lock()
	var refusal wire.ProtocolStatus
	switch {
	case !body.Role.Known():
		refusal = wire.UnknownRole
	case c.srv.OneAtATime && len(c.active) > 0:
		refusal = wire.CantMultiplex
	case c.draining || c.open >= limits.RequestsPerConn || inFlight > int64(limits.Requests):
		refusal = wire.Overloaded
	}
	c.active = append(c.active, x)
	c.lingers = c.lingers && c.busy > 0
	c.busy++
	c.open++
	c.mu.Unlock()
	if refusal != wire.RequestComplete {
		c.end(x, refusedError(refusal))
	}
	return nil
}

// A refusedError ends a request with a protocolStatus other than
// REQUEST_COMPLETE. See FastCGI 1.0, section 5.5.
type refusedError wire.ProtocolStatus

func (e refusedError) Error() string { return "server: " + wire.ProtocolStatus(e).String() }

// params takes a record of PARAMS. See FastCGI 1.0, section 5.2.
func (c *conn) params(x *Exchange, content []byte) {
	limits := &c.srv.limits
	switch {
	case x.paramsEnded:
		return
	case len(content) > 0 && len(x.block.b)+len(content) > limits.ParamsBytes:
		c.fail(x, 431, fmt.Sprintf("PARAMS have more than %d bytes", limits.ParamsBytes))
		return
	case len(content) > 0:
		if c.keep(x, len(content)) {
			x.block.b = append(x.block.b, content...)
		}
		return
	}
	x.paramsEnded = true
	for rest := x.block.b; len(rest) > 0; {
		p, n := wire.ParsePair(rest)
		if n == 0 {
			c.fail(x, 400, fmt.Sprintf("PARAMS end inside the name-value pair at offset %d", len(x.block.b)-len(rest)))
			return
		}
		if len(x.block.pairs) == limits.Pairs {
			c.fail(x, 431, fmt.Sprintf("PARAMS have more than %d pairs", limits.Pairs))
			return
		}
		x.block.pairs = append(x.block.pairs, p)
		rest = rest[n:]
	}
	x.Params = x.block.pairs
	if c.ready != nil {
		c.startApart()
	}
	c.ready = x
}

// expireParams ends the requests whose PARAMS take too long. It is called
// before each read, so a peer cannot stretch them byte by byte.
func (c *conn) expireParams(now time.Time) {
	limit := c.srv.limits.ParamsTime
	for limit > 0 {
		var late *Exchange
		c.mu.Lock()
		for _, x := range c.active {
			if !x.started && x != c.ready && now.Sub(x.begun) > limit {
				late = x
			}
		}
		c.mu.Unlock()
		if late == nil {
			return
		}
		c.fail(late, 408, fmt.Sprintf("PARAMS are not complete after %v", limit))
	}
}

// startApart starts the handler of c.ready; this goroutine goes on reading.
func (c *conn) startApart() {
	x := c.ready
	c.ready = nil
	c.start(x)
}

// keep accounts for n bytes of input. It reports whether x goes on.
func (c *conn) keep(x *Exchange, n int) bool {
	if c.srv.buffered.Add(int64(n)) > int64(c.srv.limits.Buffered) {
		c.srv.buffered.Add(-int64(n))
		c.report(x.ID, fmt.Errorf("refused: more than %d bytes of input wait over all requests", c.srv.limits.Buffered))
		c.end(x, refusedError(wire.Overloaded))
		return false
	}
	c.mu.Lock()
	x.kept += n
	c.mu.Unlock()
	return true
}

// input takes a record of STDIN or DATA. See FastCGI 1.0, section 5.3.
func (c *conn) input(x *Exchange, in *input, content []byte) {
	c.mu.Lock()
	if len(content) == 0 {
		in.ended = true
		c.changed.Broadcast()
	}
	if in.ended || in.none {
		c.mu.Unlock()
		return
	}
	room := c.srv.limits.StdinBuffer
	// Of a handler that waits for the other stream nothing can be waited for here.
	for in.waiting() >= room && !in.other().hungry && !in.none && !x.over && !c.closing {
		if len(c.active) > 1 {
			c.mu.Unlock()
			c.fail(x, 413, fmt.Sprintf("more than %d bytes of input wait for the handler, and other requests wait behind them", room))
			return
		}
		if c.ready == x {
			c.mu.Unlock()
			c.startApart()
			c.mu.Lock()
			continue
		}
		c.changed.Wait()
	}
	over := x.over || in.none
	c.mu.Unlock()
	if over || !c.keep(x, len(content)) {
		return
	}
	c.mu.Lock()
	in.put(content)
	c.changed.Broadcast()
	c.mu.Unlock()
}

// fail answers a request that cannot be served.
func (c *conn) fail(x *Exchange, status int, why string) {
	c.report(x.ID, errors.New(why))
	c.end(x, &failedError{status, why})
}

// A failedError ends a request with a response of its own.
type failedError struct {
	status int
	why    string
}

func (e *failedError) Error() string { return "server: " + e.why }
