package text

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// The keys of a record's header.
const (
	keyID uint = iota
	keyVersion
	keyReserved
	keyLen
	keyPad
	keyPadding
)

// headerKeys are the keys of every record, in the order of the constants.
var headerKeys = [...]struct {
	name  string
	limit uint64
}{
	{"id", 1<<16 - 1}, {"version", 255}, {"reserved", 255}, {"len", wire.MaxContent}, {"pad", wire.MaxPadding}, {"padding", 0},
}

// A builder puts a record together from its arguments. The buffers are kept
// from one record to the next.
type builder struct {
	header  wire.Header
	spec    *wire.Spec // nil for a type without one
	shape   wire.Shape
	given   uint // bit set of the header's keys
	fields  uint // bit set of the body's fields
	bytes   bool // a string was given
	content []byte
	padding []byte
}

func (b *builder) reset(t wire.Type) {
	*b = builder{header: wire.Header{Version: wire.Version1, Type: t}, spec: t.Spec(), content: b.content[:0], padding: b.padding[:0]}
	if b.spec != nil {
		b.shape = b.spec.Shape
	}
}

// add takes an argument. On an indented line a pair is never a header's field.
func (b *builder) add(s *scanner, a *argument, indented bool) error {
	if a.pair && !a.key.quoted && !a.key.wide {
		if !indented || b.shape != wire.Pairs {
			if k, ok := headerKey(a.key.text, b.shape == wire.Pairs); ok {
				return b.setHeader(s, k, a)
			}
		}
		if b.shape == wire.Fixed {
			return b.setField(s, a)
		}
	}
	switch {
	case a.pair && b.shape == wire.Pairs:
		return b.addPair(s, a)
	case a.pair:
		return s.fail(a.key.col, didYouMean(string(a.key.text), b.keys()), "%v has no %q", b.header.Type, a.key.text)
	case a.key.quoted && a.key.wide:
		return s.fail(a.key.col, "", "%s belongs to a name or a value", wideMark)
	case a.key.quoted:
		b.bytes = true
		return b.addContent(s, a.key.col, a.key.text)
	case b.shape == wire.Pairs && b.spec.Management:
		return b.addPair(s, a) // a name that is asked for
	}
	return s.fail(a.key.col, b.hintWord(string(a.key.text)), "unexpected %q", a.key.text)
}

// headerKey finds a key; exactly, where others are names of pairs.
func headerKey(word []byte, exact bool) (key uint, ok bool) {
	for i := range headerKeys {
		if name := headerKeys[i].name; string(word) == name || !exact && strings.EqualFold(string(word), name) {
			return uint(i), true
		}
	}
	return 0, false
}

// keys lists what can be given for the record.
func (b *builder) keys() (names []string) {
	if b.shape == wire.Fixed {
		for _, f := range b.spec.Body {
			names = append(names, fieldKey(&f))
		}
	}
	for _, k := range headerKeys {
		names = append(names, k.name)
	}
	return names
}

// hintWord says what a lone word may have been meant as.
func (b *builder) hintWord(word string) string {
	if near := wire.Nearest(word, b.keys()); near != "" {
		return "did you mean " + near + "=?"
	}
	if b.shape == wire.Pairs {
		return "a pair is written NAME=value"
	}
	return "content is written in quotes"
}

func (b *builder) setHeader(s *scanner, key uint, a *argument) (err error) {
	k := &headerKeys[key]
	if b.given&(1<<key) != 0 {
		return s.fail(a.key.col, hintOnce, "%s= is given twice", k.name)
	}
	b.given |= 1 << key
	if key == keyPadding {
		b.padding, err = hexValue(s, b.padding, &a.value)
		if err == nil && len(b.padding) > wire.MaxPadding {
			err = s.fail(a.value.col, "", "%d bytes of padding, a record holds %d", len(b.padding), wire.MaxPadding)
		}
		return err
	}
	v, err := number(s, k.name, &a.value, k.limit)
	switch key {
	case keyID:
		b.header.RequestID = uint16(v)
	case keyVersion:
		b.header.Version = uint8(v)
	case keyReserved:
		b.header.Reserved = uint8(v)
	case keyLen:
		b.header.ContentLength = uint16(v)
	case keyPad:
		b.header.PaddingLength = uint8(v)
	}
	return err
}

func number(s *scanner, name string, v *side, limit uint64) (uint64, error) {
	n, err := strconv.ParseUint(string(v.text), 0, 64)
	if err != nil || n > limit {
		return 0, s.fail(v.col, fmt.Sprintf("a number from 0 to %d was expected", limit), "bad %s %q", name, v.text)
	}
	return n, nil
}

// hexValue appends what is written in hexadecimal, or in quotes.
func hexValue(s *scanner, dst []byte, v *side) ([]byte, error) {
	if v.quoted {
		return append(dst, v.text...), nil
	}
	dst, at, err := unhex(dst, v.text)
	if err != nil {
		return dst, s.fail(v.col+at, hintHex, "%v", err)
	}
	return dst, nil
}

// sameKey compares keys as people write them: case, - and _ do not count.
func sameKey(a, b string) bool {
	return strings.EqualFold(noSeparators.Replace(a), noSeparators.Replace(b))
}

var noSeparators = strings.NewReplacer("-", "", "_", "")

// fieldKey is the key of a body's field. The header has a reserved byte too.
func fieldKey(f *wire.Field) string {
	if f.Reserved {
		return reserved
	}
	return f.Name
}

func (b *builder) setField(s *scanner, a *argument) error {
	for i := range b.spec.Body {
		f := &b.spec.Body[i]
		if !sameKey(fieldKey(f), string(a.key.text)) {
			continue
		}
		if b.fields&(1<<i) != 0 {
			return s.fail(a.key.col, hintOnce, "%s= is given twice", fieldKey(f))
		}
		b.makeBody()
		b.fields |= 1 << i
		return b.setValue(s, f, &a.value)
	}
	return s.fail(a.key.col, didYouMean(string(a.key.text), b.keys()), "%v has no %q", b.header.Type, a.key.text)
}

// makeBody makes room for the fields, unless strings have begun to fill it.
func (b *builder) makeBody() {
	if b.fields == 0 && !b.bytes {
		b.content = append(b.content[:0], make([]byte, b.spec.BodyLen)...)
	}
}

func (b *builder) setValue(s *scanner, f *wire.Field, v *side) error {
	if b.bytes {
		return s.fail(v.col, "", "%v has bytes already, it cannot have fields too", b.header.Type)
	}
	if f.Reserved {
		part, err := hexValue(s, nil, v)
		if err == nil && len(part) != f.Len {
			err = s.fail(v.col, "", "%s has %d bytes, not %d", reserved, f.Len, len(part))
		}
		copy(b.content[f.Off:f.Off+f.Len], part)
		return err
	}
	if f.Enum == nil {
		n, err := number(s, f.Name, v, uint64(f.Max()))
		f.Put(b.content, uint32(n))
		return err
	}
	n, err := f.Enum.Parse(strings.ReplaceAll(string(v.text), "-", "_"), f.Max())
	if err != nil {
		return s.fail(v.col, didYouMean(string(v.text), f.Enum.List()), "unknown %s %q", f.Name, v.text)
	}
	f.Put(b.content, n)
	return nil
}

func (b *builder) addPair(s *scanner, a *argument) error {
	p := wire.Pair{Name: a.key.text, Value: a.value.text, WideName: a.key.wide, WideValue: a.value.wide}
	if err := b.room(s, a.key.col, p.Len()); err != nil {
		return err
	}
	b.content = p.Append(b.content)
	return nil
}

func (b *builder) addContent(s *scanner, col int, text []byte) error {
	if b.fields != 0 {
		return s.fail(col, "", "%v has fields already, it cannot have bytes too", b.header.Type)
	}
	if err := b.room(s, col, len(text)); err != nil {
		return err
	}
	b.content = append(b.content, text...)
	return nil
}

// room is an error if n more bytes of content are too many for a record.
func (b *builder) room(s *scanner, col, n int) error {
	if n += len(b.content); n > wire.MaxContent {
		return s.fail(col, "", "%d bytes of content, a record holds %d", n, wire.MaxContent)
	}
	return nil
}

// finish returns the record, after a look at what is missing from its line, at
// the end of which s stands.
func (b *builder) finish(s *scanner) (wire.Record, error) {
	if b.given&(1<<keyID) == 0 && (b.spec == nil || !b.spec.Management) {
		return wire.Record{}, s.fail(s.col(), "write such as id=1 on this line", "%v needs a request id", b.header.Type)
	}
	if b.shape == wire.Fixed && !b.bytes {
		b.makeBody()
		if f := b.missing(); f != nil {
			return wire.Record{}, s.fail(s.col(), "such as "+f.Name+"="+f.Enum.List()[0], "%v needs %s=", b.header.Type, f.Name)
		}
	}
	h := b.header
	if b.given&(1<<keyLen) == 0 {
		h.ContentLength = uint16(len(b.content))
	}
	switch {
	case b.given&(1<<keyPadding) == 0:
		var zeros [wire.MaxPadding]byte
		b.padding = append(b.padding[:0], zeros[:h.PaddingLength]...)
	case b.given&(1<<keyPad) == 0:
		h.PaddingLength = uint8(len(b.padding))
	}
	return wire.Record{Header: h, Content: b.content, Padding: b.padding}, nil
}

// missing returns a field that was not given and in which 0 means nothing.
func (b *builder) missing() *wire.Field {
	for i := range b.spec.Body {
		f := &b.spec.Body[i]
		if b.fields&(1<<i) == 0 && f.Enum != nil && !f.Enum.Mask && !f.Enum.Known(0) {
			return f
		}
	}
	return nil
}
