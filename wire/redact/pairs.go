package redact

import "bytes"

// pairs hides values of name-value pairs. See FastCGI 1.0, section 3.4.
type pairs struct {
	names names
	about *about
	state pairState
	long  int       // bytes still to come of a length of four
	lens  [2]uint32 // of the name and of the value: bytes still to come
	name  word
	value scanner // of the current value
}

type pairState uint8

const (
	pairNameLen pairState = iota
	pairValueLen
	pairName
	pairValue
)

func newPairs(n names, a *about) *pairs { return &pairs{names: n, about: a} }

func (p *pairs) step(c byte) byte {
	switch p.state {
	case pairNameLen, pairValueLen:
		p.length(c)
	case pairName:
		p.name.add(p.names, c)
		if p.lens[0]--; p.lens[0] == 0 {
			p.begin()
		}
	case pairValue:
		c = p.value.step(c)
		if p.lens[1]--; p.lens[1] == 0 {
			p.next()
		}
	}
	return c
}

// length deals with a byte of one of the lengths.
func (p *pairs) length(c byte) {
	n := &p.lens[p.state]
	switch {
	case p.long > 0:
		*n = *n<<8 | uint32(c)
		p.long--
	case c < 0x80:
		*n = uint32(c)
	default:
		*n, p.long = uint32(c&0x7f), 3
	}
	if p.long > 0 {
		return
	}
	if p.state++; p.state == pairName && p.lens[0] == 0 {
		p.begin()
	}
}

// begin begins a value.
func (p *pairs) begin() {
	p.state = pairValue
	k := p.name.kind(p.names)
	switch k {
	case secret:
		p.value = opaque{}
	case cookies, setCookie:
		p.value = &cookie{once: k == setCookie}
	case contentType:
		p.value = &typed{about: p.about, several: newText(p.names)}
	case contentEncoding:
		p.about.encoded = p.lens[1] > 0
		fallthrough
	default:
		p.value = several{&form{names: p.names, strict: true}, &json{names: p.names}}
	}
	if p.lens[1] == 0 {
		p.next()
	}
}

func (p *pairs) next() {
	p.state, p.value = pairNameLen, nil
	p.name.reset()
}

// typed keeps the beginning of CONTENT_TYPE.
type typed struct {
	several
	about *about
	begun bool
}

func (t *typed) step(c byte) byte {
	if !t.begun {
		t.begun, t.about.contentType = true, nil
	}
	if len(t.about.contentType) < len(urlencoded) {
		t.about.contentType = append(t.about.contentType, bytes.ToUpper([]byte{c})...)
	}
	return t.several.step(c)
}
