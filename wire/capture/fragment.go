package capture

import "slices"

// Bounds on the IP fragments that wait for the rest of their datagram.
const (
	maxDatagram   = 65535 // bytes of a datagram: as much as the length field of IPv4 can say
	maxFragmented = 64    // datagrams at once; the one that began first is given up
	maxFragments  = 8192  // fragments of a datagram
)

type fragKey struct {
	src, dst addr
	id       uint32
	proto    byte
}

// fragments puts IP fragments together.
type fragments struct {
	open map[fragKey]*partial
	age  []fragKey // the keys of open, oldest first
}

// A partial is a datagram some fragments of which have come.
type partial struct {
	parts []fragPart // in the order of their places, none twice
	total int        // bytes of the whole; -1 before its last fragment came
}

type fragPart struct {
	off  int
	data []byte
	cut  int
}

// add adds the fragment d at off. It reports true when the datagram is
// complete, and then d is all of it.
func (f *fragments) add(key fragKey, off int, last bool, d *datagram) bool {
	p := f.open[key]
	if p == nil {
		p = f.begin(key)
	}
	end := off + len(d.data) + d.cut
	i, found := slices.BinarySearchFunc(p.parts, off, func(x fragPart, off int) int { return x.off - off })
	if end > maxDatagram || len(p.parts) == maxFragments {
		return false
	}
	if !found {
		p.parts = slices.Insert(p.parts, i, fragPart{off, slices.Clone(d.data), d.cut})
	}
	if last {
		p.total = end
	}
	if !p.complete() {
		return false
	}
	d.data, d.cut = p.join()
	delete(f.open, key)
	f.age = slices.DeleteFunc(f.age, func(k fragKey) bool { return k == key })
	return true
}

func (f *fragments) begin(key fragKey) *partial {
	if f.open == nil {
		f.open = make(map[fragKey]*partial)
	}
	if len(f.age) == maxFragmented {
		delete(f.open, f.age[0])
		f.age = slices.Delete(f.age, 0, 1)
	}
	p := &partial{total: -1}
	f.open[key] = p
	f.age = append(f.age, key)
	return p
}

func (p *partial) complete() bool {
	if p.total < 0 {
		return false
	}
	at := 0
	for _, x := range p.parts {
		if x.off > at {
			return false
		}
		at = max(at, x.off+len(x.data)+x.cut)
	}
	return at >= p.total
}

// join returns the datagram up to the first byte that was not captured.
func (p *partial) join() (data []byte, cut int) {
	for _, x := range p.parts {
		if x.off > len(data) {
			break
		}
		if skip := len(data) - x.off; skip < len(x.data) {
			data = append(data, x.data[skip:]...)
		}
	}
	data = data[:min(len(data), p.total)]
	return data, p.total - len(data)
}
