package flow

import (
	"bytes"
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
)

// This file follows management records, which belong to no request.

func getValues(c *Conn, h *half, _ *Request) { c.asks++ }

func getValuesData(c *Conn, h *half, _ *Request, content []byte) {
	c.managementPairs(h, content, func(p wire.Pair) {
		if len(p.Value) > 0 {
			c.report(h, nil, wire.RuleGetValuesValue, string(p.Name))
		}
		if !knownValue(p.Name) {
			c.report(h, nil, wire.RuleGetValuesUnknown, string(p.Name))
		}
		if c.asked == nil {
			c.asked = map[string]int{}
		}
		if len(c.asked) < MaxAsked {
			c.asked[string(p.Name)]++
		}
	})
}

func getValuesResult(c *Conn, h *half, _ *Request) {
	if c.asks--; c.asks < 0 {
		c.asks = 0
		if !c.unseen(nil) && c.halves[wire.ToApp].offset > 0 {
			c.report(h, nil, wire.RuleGetValuesAnswer, "nothing was asked, or it was answered before")
		}
	}
}

func getValuesResultData(c *Conn, h *half, _ *Request, content []byte) {
	c.managementPairs(h, content, func(p wire.Pair) {
		if c.asked[string(p.Name)] == 0 && len(c.asked) < MaxAsked && !c.unseen(nil) && c.halves[wire.ToApp].offset > 0 {
			c.report(h, nil, wire.RuleGetValuesAnswer, string(p.Name)+" was not asked for")
		}
		n := decimal(p.Value)
		if knownValue(p.Name) && (n < 0 || string(p.Name) == wire.MpxsConns && n > 1) {
			c.report(h, nil, wire.RuleGetValuesInvalid, fmt.Sprintf("%s=%q", p.Name, p.Value))
		}
	})
}

func knownValue(name []byte) bool {
	for _, n := range wire.ValueNames() {
		if string(name) == n {
			return true
		}
	}
	return false
}

// managementPairs passes on the pairs of a management record, which is no
// stream: they end with it.
func (c *Conn) managementPairs(h *half, content []byte, check func(wire.Pair)) {
	at := 0
	for i := 0; at < len(content); i++ {
		p, n := wire.ParsePair(content[at:])
		if n == 0 {
			c.report(h, nil, wire.RulePairCut, fmt.Sprintf("%v ends inside a pair", h.cur.Type))
			return
		}
		c.pair(h, nil, p, i, h.cur.offset+wire.HeaderLen+int64(at), false)
		check(p)
		if p.WideName || p.WideValue {
			c.report(h, nil, wire.RulePairWide, string(p.Name))
		}
		if bytes.IndexByte(p.Value, 0) >= 0 || bytes.IndexByte(p.Name, 0) >= 0 {
			c.report(h, nil, wire.RuleValueNUL, string(p.Name))
		}
		at += n
	}
}

func unknownType(c *Conn, h *half, _ *Request, content []byte) {
	u, _ := wire.ParseUnknownType(content)
	c.reserved(h, nil, content)
	if c.unknowns[u.Type] > 0 {
		c.unknowns[u.Type]--
	} else if !c.unseen(nil) && c.halves[wire.ToApp].offset > 0 {
		c.report(h, nil, wire.RuleUnknownTypeAnswer, fmt.Sprintf("no management record of type %v was sent", u.Type))
	}
}

// unanswered reports the management records that the application has left
// without an answer when it closed the connection, unless it may close.
func (c *Conn) unanswered(h *half, how CloseKind) {
	if c.unseen(nil) || c.mayClose {
		return
	}
	h.cur.RequestID = 0
	if c.asks > 0 {
		c.report(h, nil, wire.RuleGetValuesAnswer, fmt.Sprintf("GET_VALUES was not answered, but %v", how))
	}
	if len(c.unknowns) == 0 { // as of nearly all connections
		return
	}
	for t := range 256 {
		if c.unknowns[wire.Type(t)] > 0 {
			c.report(h, nil, wire.RuleUnknownTypeAnswer, fmt.Sprintf("%v was not answered, but %v", wire.Type(t), how))
		}
	}
}
