package diagnose

import (
	"bytes"
	"encoding/binary"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// What PARAMS tell: their records, the pairs in them, and whether a pair or the
// stream was cut.

// params counts a PARAMS record, or one that was cut, because the application
// had seen enough of it: its header tells the size.
func (p *pending) params(e *flow.Event) {
	n := int(e.Header.ContentLength)
	if p == nil || e.Dir != wire.ToApp || e.Header.Type != wire.TypeParams || n == 0 {
		return
	}
	p.ParamsRecords++
	p.ParamsBytes += int64(n)
	p.ParamsLargest = max(p.ParamsLargest, n+int(e.Header.PaddingLength))
	if !p.insidePair {
		// An application that parses each record alone may close before the
		// rest of the pair is sent: then there is no pair to tell of it.
		p.ParamsSplit, p.insidePair = unfinished(e.Data, n)
	}
}

// inputRecord follows PARAMS to their end, and notes what comes in between:
// own says whether the record belongs to the request.
func (p *pending) inputRecord(h wire.Header, own bool) {
	spec := h.Type.Spec()
	switch {
	case p.paramsEnded:
	case !own, spec == nil:
		if p.ParamsCut == nil {
			t := h.Type
			p.ParamsCut = &t
		}
	case h.Type == wire.TypeParams && h.ContentLength > 0, h.Type == wire.TypeBeginRequest:
	default:
		p.paramsEnded = true
	}
}

// pair keeps a pair that diagnoses ask for, and the name of one that was split.
func (p *pending) pair(e *flow.Event) {
	if p == nil || e.Header.Type != wire.TypeParams {
		return
	}
	if e.Split && p.ParamsSplit == "" {
		p.ParamsSplit = string(e.Pair.Name[:min(len(e.Pair.Name), maxForeign)])
	}
	if interesting[string(e.Pair.Name)] && len(p.Params) < 2*len(interesting) {
		value := e.Pair.Value[:min(len(e.Pair.Value), maxParam)]
		p.Params = append(p.Params, wire.Pair{Name: bytes.Clone(e.Pair.Name), Value: bytes.Clone(value)})
	}
}

// unfinished tells whether a PARAMS record of n bytes, of which b is known, ends
// inside a pair, and the name of that, "" if it is not known.
func unfinished(b []byte, n int) (name string, inside bool) {
	whole := len(b) == n
	for {
		_, size := wire.ParsePair(b)
		if size == 0 {
			break
		}
		b, n = b[size:], n-size
	}
	known := len(b)
	nameLen, b, ok := pairLength(b)
	valueLen := 0
	if ok {
		valueLen, b, ok = pairLength(b)
	}
	if !ok {
		return "", whole && n > 0
	}
	if known-len(b)+nameLen+valueLen <= n {
		return "", false // it is not the record that ends inside, but what is known
	}
	if nameLen == 0 || len(b) < nameLen {
		return "", true
	}
	return string(b[:min(nameLen, maxForeign)]), true
}

// pairLength reads a length of a pair. See FastCGI 1.0, section 3.4.
func pairLength(b []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(b) == 0:
		return 0, nil, false
	case b[0] < 0x80:
		return int(b[0]), b[1:], true
	case len(b) < 4:
		return 0, nil, false
	}
	return int(binary.BigEndian.Uint32(b) & 0x7fffffff), b[4:], true
}
