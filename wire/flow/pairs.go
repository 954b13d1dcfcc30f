package flow

import (
	"bytes"
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A pairBuffer joins the pairs of a stream that are split over records.
type pairBuffer struct {
	rest   []byte // the beginning of a pair
	offset int64  // of it, in its direction
	skip   uint64 // bytes still to come of a pair that is too large to keep
	index  int    // of the next pair
}

// params deals with content of PARAMS.
func (c *Conn) params(h *half, r *Request, content []byte) {
	b := &r.pairs
	at := h.cur.offset + wire.HeaderLen
	if b.skip > 0 {
		n := min(b.skip, uint64(len(content)))
		b.skip -= n
		content, at = content[n:], at+int64(n)
	}
	joined := len(b.rest)
	if joined > 0 {
		if len(content) > 0 {
			c.reportOnce(h, r, onceSplit, wire.RulePairSplit, "the pair begins in an earlier record")
		}
		c.pairs += len(content)
		b.rest = append(b.rest, content...)
		content, at = b.rest, b.offset
	}
	for len(content) > 0 {
		p, n := wire.ParsePair(content)
		if n == 0 {
			break
		}
		c.pair(h, r, p, b.index, at, joined > 0)
		c.param(h, r, p)
		b.index++
		content, at, joined = content[n:], at+int64(n), 0
	}
	c.keepRest(h, r, content, at)
}

// keepRest keeps the beginning of a pair for the next record, if it may be that
// large.
func (c *Conn) keepRest(h *half, r *Request, rest []byte, at int64) {
	b := &r.pairs
	c.pairs += len(rest) - len(b.rest)
	if want := wire.PairLen(rest); len(rest) > 0 && (want > MaxPair || c.pairs > MaxPairs) {
		c.report(h, r, wire.RulePairTooLarge, fmt.Sprintf("a pair of %d bytes", want))
		b.skip = want - uint64(len(rest))
		b.index++
		c.pairs -= len(rest)
		b.rest = nil
		return
	}
	// rest may be the tail of b.rest; append moves it to the front.
	b.rest = append(b.rest[:0], rest...)
	b.offset = at
	if len(rest) == 0 && cap(b.rest) > maxIdleBuffer {
		b.rest = nil
	}
}

func (c *Conn) dropPairs(b *pairBuffer) {
	c.pairs -= len(b.rest)
	b.rest = nil
}

// pair passes a pair on.
func (c *Conn) pair(h *half, r *Request, p wire.Pair, index int, offset int64, split bool) {
	c.start(h, KindPair)
	c.ev.Request, c.ev.Pair, c.ev.Index, c.ev.Offset, c.ev.Split = r, p, index, offset, split
	c.send()
}

// param checks a parameter of r.
func (c *Conn) param(h *half, r *Request, p wire.Pair) {
	r.param(p.Name, p.Value)
	switch {
	case len(p.Name) == 0:
		c.reportOnce(h, r, onceName, wire.RulePairName, "")
	case r.seen(p.Name):
		c.reportOnce(h, r, onceDuplicate, wire.RulePairDuplicate, string(p.Name))
	}
	if p.WideName || p.WideValue {
		c.reportOnce(h, r, onceWide, wire.RulePairWide, string(p.Name))
	}
	if bytes.IndexByte(p.Value, 0) >= 0 || bytes.IndexByte(p.Name, 0) >= 0 {
		c.reportOnce(h, r, onceNUL, wire.RuleValueNUL, string(p.Name))
	}
}

// seen reports whether r had a parameter of that name before, and remembers it.
func (r *Request) seen(name []byte) bool {
	// FNV-1a: a set of strings would cost an allocation for each name.
	hash := uint64(14695981039346656037)
	for _, b := range name {
		hash = (hash ^ uint64(b)) * 1099511628211
	}
	for _, s := range r.names {
		if s == hash {
			return true
		}
	}
	if len(r.names) < MaxNames {
		r.names = append(r.names, hash)
	}
	return false
}

// paramsEnded checks what must hold when all parameters are there.
func (c *Conn) paramsEnded(h *half, r *Request) {
	if b := &r.pairs; len(b.rest) > 0 || b.skip > 0 {
		c.report(h, r, wire.RulePairCut, fmt.Sprintf("PARAMS ends inside a pair that begins at offset %d", b.offset))
		c.dropPairs(b)
		b.skip = 0
	}
	if r.partial {
		return
	}
	if r.ContentLength == -2 {
		c.report(h, r, wire.RuleContentLength, "")
	}
	switch missing := ""; r.Role {
	case wire.Filter:
		if r.params&hasDataLastMod == 0 {
			missing = " FCGI_DATA_LAST_MOD"
		}
		if r.params&hasDataLength == 0 {
			missing += " FCGI_DATA_LENGTH"
		}
		if missing != "" {
			c.report(h, r, wire.RuleFilterParams, "missing:"+missing)
		}
	case wire.Authorizer:
		if there := r.forbidden(); there != "" {
			c.report(h, r, wire.RuleAuthorizerParams, "sent:"+there)
		}
	}
}

// forbidden names the parameters that an AUTHORIZER does not get, and got.
func (r *Request) forbidden() (names string) {
	for _, p := range []struct {
		bit  uint8
		name string
	}{
		{hasContentLength, "CONTENT_LENGTH"}, {hasPathInfo, "PATH_INFO"},
		{hasPathTranslated, "PATH_TRANSLATED"}, {hasScriptName, "SCRIPT_NAME"},
	} {
		if r.params&p.bit != 0 {
			names += " " + p.name
		}
	}
	return names
}
