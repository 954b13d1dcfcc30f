package wire

import "encoding/binary"

// MaxPairLen is the largest length of a name or value, in bytes: 31 bits.
// See FastCGI 1.0, section 3.4.
const MaxPairLen = 1<<31 - 1

// A Pair is a name-value pair. See FastCGI 1.0, section 3.4.
type Pair struct {
	Name, Value []byte // any bytes, at most MaxPairLen of each
	// WideName and WideValue: the length is written in 4 bytes although 1
	// would do. They have no meaning for lengths above 127.
	WideName, WideValue bool
}

// NewPair returns a pair of strings.
func NewPair(name, value string) Pair {
	return Pair{Name: []byte(name), Value: []byte(value)}
}

// ParsePair takes the first pair off b and returns it with the number of bytes
// it takes, 0 when b holds less than a whole pair. The slices of p point into
// b. Pair.Append gives back the same bytes.
func ParsePair(b []byte) (p Pair, n int) {
	var name, value uint64
	if len(b) < 2 {
		return p, 0
	}
	i := 1
	if name = uint64(b[0]); name > 127 {
		if len(b) < 5 {
			return p, 0
		}
		name = uint64(binary.BigEndian.Uint32(b) &^ (1 << 31))
		p.WideName = name <= 127
		i = 4
	}
	if value = uint64(b[i]); value > 127 {
		if len(b) < i+4 {
			return Pair{}, 0
		}
		value = uint64(binary.BigEndian.Uint32(b[i:]) &^ (1 << 31))
		p.WideValue = value <= 127
		i += 3
	}
	i++
	// The sum of two 31-bit lengths fits uint64, not an int of 32 bits.
	if uint64(len(b)-i) < name+value {
		return Pair{}, 0
	}
	mid := i + int(name)
	n = mid + int(value)
	p.Name = b[i:mid:mid]
	p.Value = b[mid:n:n]
	return p, n
}

// PairLen returns how many bytes the first pair of b takes according to its
// lengths, or, while those are incomplete, the bytes needed to know more.
func PairLen(b []byte) uint64 {
	head := 2
	var sum uint64
	at := 0
	for range 2 {
		if len(b) <= at {
			return uint64(head) + sum
		}
		if b[at] < 128 {
			sum += uint64(b[at])
			at++
			continue
		}
		head += 3
		if len(b) < at+4 {
			return uint64(head) + sum
		}
		sum += uint64(binary.BigEndian.Uint32(b[at:]) &^ (1 << 31))
		at += 4
	}
	return uint64(head) + sum
}

// Len returns the number of bytes that Append appends.
func (p Pair) Len() int {
	n := 2 + len(p.Name) + len(p.Value)
	if p.WideName || len(p.Name) > 127 {
		n += 3
	}
	if p.WideValue || len(p.Value) > 127 {
		n += 3
	}
	return n
}

// Append appends the pair to dst. A name or value above MaxPairLen has no
// representation and makes it panic.
func (p Pair) Append(dst []byte) []byte {
	dst = appendLen(dst, len(p.Name), p.WideName)
	dst = appendLen(dst, len(p.Value), p.WideValue)
	dst = append(dst, p.Name...)
	return append(dst, p.Value...)
}

func appendLen(dst []byte, n int, wide bool) []byte {
	switch {
	case n > MaxPairLen:
		panic("wire: name or value too long")
	case n > 127 || wide:
		return binary.BigEndian.AppendUint32(dst, uint32(n)|1<<31)
	}
	return append(dst, byte(n))
}

// AppendPairs appends the pairs to dst, one after the other.
func AppendPairs(dst []byte, pairs []Pair) []byte {
	for _, p := range pairs {
		dst = p.Append(dst)
	}
	return dst
}

// ParsePairs decodes a whole block of pairs, in order and with duplicates. The
// slices point into b. A *PairError says that the block ends inside a pair;
// the pairs before it are returned all the same.
func ParsePairs(b []byte) (pairs []Pair, err error) {
	for at := 0; at < len(b); {
		p, n := ParsePair(b[at:])
		if n == 0 {
			return pairs, &PairError{Offset: at, Want: PairLen(b[at:]), Got: len(b) - at}
		}
		pairs = append(pairs, p)
		at += n
	}
	return pairs, nil
}

// CheckPairs says whether b is a block of whole pairs, without decoding it:
// nil, or the *PairError of ParsePairs.
func CheckPairs(b []byte) error {
	for at := 0; at < len(b); {
		n := PairLen(b[at:])
		if n > uint64(len(b)-at) {
			return &PairError{Offset: at, Want: n, Got: len(b) - at}
		}
		at += int(n)
	}
	return nil
}

// Lookup returns the value of the last pair with that name, as php-fpm and Go
// understand duplicates, and whether there is one.
func Lookup(pairs []Pair, name string) (value []byte, ok bool) {
	for i := len(pairs) - 1; i >= 0; i-- {
		if string(pairs[i].Name) == name {
			return pairs[i].Value, true
		}
	}
	return nil, false
}
