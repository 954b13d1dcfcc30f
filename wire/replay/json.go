package replay

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
)

// compareJSON compares two bodies by what they say. It reports false if one of
// them is no JSON.
func compareJSON(want, got []byte, ignore map[string]bool, r *Result) bool {
	a, ok := decodeJSON(want)
	if !ok {
		return false
	}
	b, ok := decodeJSON(got)
	if !ok {
		return false
	}
	c := jsonComparison{ignore, r}
	c.value("", "", a, b)
	return true
}

func decodeJSON(b []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

type jsonComparison struct {
	ignore map[string]bool
	r      *Result
}

// value compares two values. kind is their place with [] for any element.
func (c jsonComparison) value(place, kind string, a, b any) {
	if kind != "" && (c.ignore[kind] || c.ignore[place]) {
		return
	}
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			c.object(place, kind, a, b)
			return
		}
	case []any:
		if b, ok := b.([]any); ok {
			c.array(place, kind, a, b)
			return
		}
	case json.Number:
		if b, ok := b.(json.Number); ok && equalNumbers(a, b) {
			return
		}
	default:
		if a == b { // string, bool, nil
			return
		}
	}
	c.report(place, Neither, a, b)
}

func equalNumbers(a, b json.Number) bool {
	if a == b {
		return true
	}
	if _, err := strconv.ParseInt(a.String(), 10, 64); err == nil {
		if _, err := strconv.ParseInt(b.String(), 10, 64); err == nil {
			return false // as floats, large ones could be equal
		}
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}

func (c jsonComparison) object(place, kind string, a, b map[string]any) {
	names := slices.Sorted(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names[len(a):])
	for _, name := range names {
		x, inA := a[name]
		y, inB := b[name]
		c.member(place+"."+name, kind+"."+name, x, y, inA, inB)
	}
}

func (c jsonComparison) array(place, kind string, a, b []any) {
	for i := range max(len(a), len(b)) {
		var x, y any
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		c.member(place+"["+strconv.Itoa(i)+"]", kind+"[]", x, y, i < len(a), i < len(b))
	}
}

// member compares what one of the sides may not have.
func (c jsonComparison) member(place, kind string, x, y any, inA, inB bool) {
	switch {
	case inA && inB:
		c.value(place, kind, x, y)
	case c.ignore[kind] || c.ignore[place]:
	case inA:
		c.report(place, InGot, x, nil)
	default:
		c.report(place, InWant, nil, y)
	}
}

func (c jsonComparison) report(place string, absent Side, a, b any) {
	if place == "" {
		place = "."
	}
	d := Difference{What: "body", Name: place, At: -1, Absent: absent}
	if absent != InWant {
		d.Want = shortJSON(a, &d.Cut)
	}
	if absent != InGot {
		d.Got = shortJSON(b, &d.Cut)
	}
	c.r.differ(d)
}

func shortJSON(v any, cut *bool) string {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // of what was decoded
	b := bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})
	if len(b) > excerpt {
		b, *cut = b[:excerpt], true
	}
	return string(b)
}
