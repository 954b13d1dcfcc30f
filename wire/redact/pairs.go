package redact

// pairs hides values of name-value pairs. See FastCGI 1.0, section 3.4.
type pairs struct {
	names *patterns
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

func newPairs(n *patterns, a *about) *pairs { return &pairs{names: n, about: a} }

func (p *pairs) run(dst, src []byte) {
	for len(src) > 0 {
		n := 1
		switch p.state {
		case pairNameLen, pairValueLen:
			p.length(src[0])
		case pairName:
			n = p.take(0, src)
			p.name.add(p.names, src[:n]...)
			if p.lens[0] == 0 {
				p.begin()
			}
		case pairValue:
			n = p.take(1, src)
			p.value.run(dst[:n], src[:n])
			if p.lens[1] == 0 {
				p.next()
			}
		}
		dst, src = dst[n:], src[n:]
	}
}

// take returns how much of src belongs to the name or the value.
func (p *pairs) take(which int, src []byte) int {
	n := int(min(p.lens[which], uint32(min(len(src), 1<<30))))
	p.lens[which] -= uint32(n)
	return n
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

func (t *typed) run(dst, src []byte) {
	if !t.begun && len(src) > 0 {
		t.begun, t.about.contentType = true, nil
	}
	n := min(len(src), len(urlencoded)-len(t.about.contentType))
	t.about.contentType = append(t.about.contentType, src[:n]...)
	t.several.run(dst, src)
}
