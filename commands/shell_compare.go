package commands

import (
	"bytes"
	"fmt"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// A seenFact is a record or something else that was seen, as sessions compare
// it: the content of a stream is one, however it came in records, and padding and
// reserved bytes, in which php-fpm sends what is in its memory, do not count.
type seenFact struct {
	stream  bool // content of a stream, to which more may come
	what    string
	content []byte
	closing bool // the end of a direction
}

func (f *seenFact) String() string {
	if len(f.content) == 0 {
		return f.what
	}
	return f.what + " " + pretty.Quote(f.content, maxDifference)
}

// A seenWay is a direction of a connection; connections count from 0 in the
// order of their first record.
type seenWay struct {
	conn int
	dir  wire.Direction
}

// readSeen reads a transcript. The two directions of a connection are apart:
// how they interleave depends on time.
func readSeen(b []byte) (map[seenWay][]seenFact, error) {
	lines, err := text.Parse(b)
	if err != nil {
		return nil, err
	}
	seen := map[seenWay][]seenFact{}
	numbers := map[int]int{}
	conn := 0
	for i := range lines {
		l := &lines[i]
		if l.Kind == text.KindConn {
			n, ok := numbers[l.Conn]
			if !ok {
				n = len(numbers)
				numbers[l.Conn] = n
			}
			conn = n
			continue
		}
		fact, ok := factOf(l)
		if !ok {
			continue
		}
		way := seenWay{conn, l.Dir}
		facts := seen[way]
		if n := len(facts); n > 0 && fact.stream && facts[n-1].stream && facts[n-1].what == fact.what {
			facts[n-1].content = append(facts[n-1].content, fact.content...)
			continue
		}
		seen[way] = append(facts, fact)
	}
	return seen, nil
}

// factOf makes a fact of a line, unless it says nothing that is compared.
func factOf(l *text.Line) (fact seenFact, ok bool) {
	switch l.Kind {
	case text.KindRaw:
		return seenFact{what: "raw", content: l.Raw}, true
	case text.KindFin, text.KindRst:
		return seenFact{what: "the end", closing: true}, true
	case text.KindRecord:
	default:
		return fact, false
	}
	r := &l.Record
	r.Reserved, r.Padding, r.PaddingLength = 0, nil, 0
	spec := r.Type.Spec()
	if spec != nil && spec.Stream && len(r.Content) > 0 && int(r.ContentLength) == len(r.Content) {
		return seenFact{stream: true, what: fmt.Sprintf("%v id=%d", r.Type, r.RequestID), content: r.Content}, true
	}
	if spec != nil && len(r.Content) == spec.BodyLen {
		for _, f := range spec.Body {
			if f.Reserved {
				clear(r.Content[f.Off : f.Off+f.Len])
			}
		}
	}
	line := text.Append(nil, l.Dir, *r)
	return seenFact{what: string(line[2 : len(line)-1])}, true
}

// differs says what is different, "" if nothing is, and whether it is that
// something has not come yet. That a connection has ended since is nothing.
func differs(want, got map[seenWay][]seenFact) (text string, missing bool) {
	for conn := 0; ; conn++ {
		known := false
		for _, dir := range []wire.Direction{wire.ToApp, wire.ToServer} {
			way := seenWay{conn, dir}
			a, b := want[way], got[way]
			known = known || len(a)+len(b) > 0
			if text, missing := differsIn(a, b); text != "" {
				return fmt.Sprintf("connection %d, %v: %s", conn, dir, text), missing
			}
		}
		if !known {
			return "", false
		}
	}
}

func differsIn(want, got []seenFact) (text string, missing bool) {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want) && got[i].closing:
		case i >= len(want):
			return fmt.Sprintf("more was seen than then: %v", &got[i]), false
		case i >= len(got):
			return fmt.Sprintf("not seen: %v", &want[i]), true
		case want[i].what != got[i].what:
			return fmt.Sprintf("seen: %v; it was: %v", &got[i], &want[i]), false
		case !bytes.Equal(want[i].content, got[i].content):
			at := 0
			for at < len(want[i].content) && at < len(got[i].content) && want[i].content[at] == got[i].content[at] {
				at++
			}
			return fmt.Sprintf("%s: from byte %d of it, seen was %s; it was %s", got[i].what, at+1,
				pretty.Quote(got[i].content[at:], maxDifference), pretty.Quote(want[i].content[at:], maxDifference)), at == len(got[i].content)
		}
	}
	return "", false
}

// maxDifference is how many bytes of what differs are shown.
const maxDifference = 60
