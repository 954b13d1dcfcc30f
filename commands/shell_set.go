package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
)

// recordSettings are what set changes: how begin, params and the others make records.
// What send and raw send is as it is written.
type recordSettings struct {
	padding  padding       // of records of streams that have content; none by default
	chunk    int           // the most content of a record of a stream
	split    bool          // pairs are split where a record is full
	version  uint8         // of records
	reserved uint8         // the reserved byte of their headers
	id       uint16        // where a line names none, and from which begin takes free ones
	limit    time.Duration // wait gives up when nothing has come for so long; 0: never
	times    bool          // are shown
}

// defaultChunk is a power of two that most web servers stay below.
const defaultChunk = 32 << 10

func newSettings(o *shellOptions) recordSettings {
	return recordSettings{chunk: defaultChunk, version: wire.Version1, id: 1, limit: time.Duration(o.timing.idle)}
}

// settingTable is the table of set.
var settingTable = []struct {
	name, help string
	words      []string // that it takes, if it takes words only
	get        func(*recordSettings) string
	set        func(*recordSettings, string) error
}{
	{"padding", "padding of records that have content: none, 8 for a multiple of eight, or bytes", []string{"none", "8"},
		func(o *recordSettings) string {
			if !o.padding.given || o.padding.n == 0 {
				return "none"
			}
			return strconv.Itoa(o.padding.n)
		},
		func(o *recordSettings, v string) error { return o.padding.Set(v) }},
	{"chunk", "the most content of a record of params, stdin and data, in bytes", nil,
		func(o *recordSettings) string { return strconv.Itoa(o.chunk) },
		func(o *recordSettings, v string) error { return setNumber(v, 1, wire.MaxContent, &o.chunk) }},
	{"split", "on: pairs are split over records where these are full; php-fpm resets the connection then", onOff,
		func(o *recordSettings) string { return onOrOff(o.split) },
		func(o *recordSettings, v string) error { return setSwitch(v, &o.split) }},
	{"version", "the version of records", nil,
		func(o *recordSettings) string { return strconv.Itoa(int(o.version)) },
		func(o *recordSettings, v string) error { return setNumber(v, 0, 255, &o.version) }},
	{"reserved", "the reserved byte of records, which is to be 0", nil,
		func(o *recordSettings) string { return strconv.Itoa(int(o.reserved)) },
		func(o *recordSettings, v string) error { return setNumber(v, 0, 255, &o.reserved) }},
	{"id", "the request id of lines that name none, and the first that begin takes", nil,
		func(o *recordSettings) string { return strconv.Itoa(int(o.id)) },
		func(o *recordSettings, v string) error { return setNumber(v, 1, 65535, &o.id) }},
	{"limit", "wait gives up, and a write too, when nothing has gone on for so long; 0: never", nil,
		func(o *recordSettings) string { return o.limit.String() },
		func(o *recordSettings, v string) error { return (*duration)(&o.limit).Set(v) }},
	{"times", "show when things happened", onOff,
		func(o *recordSettings) string { return onOrOff(o.times) },
		func(o *recordSettings, v string) error { return setSwitch(v, &o.times) }},
}

var onOff = []string{"on", "off"}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func setSwitch(s string, on *bool) error {
	if s != "on" && s != "off" {
		return fmt.Errorf("want on or off")
	}
	*on = s == "on"
	return nil
}

func setNumber[T int | uint8 | uint16](s string, from, to int, v *T) error {
	n, err := strconv.ParseInt(s, 0, 32)
	if err != nil || int(n) < from || int(n) > to {
		return fmt.Errorf("want a number from %d to %d", from, to)
	}
	*v = T(n)
	return nil
}

// set NAME VALUE, or set alone, which shows all.
func (s *shellSession) set(_ context.Context, l *shellLine) error {
	words := l.words()
	if len(words) == 0 {
		var rows [][]string
		for _, row := range settingTable {
			rows = append(rows, []string{row.name, row.get(&s.settings), row.help})
		}
		return s.print(func() error { return pretty.TableIn(s.env.Stdout, s.env.Terminal.columns(), nil, rows) })
	}
	var names []string
	for _, row := range settingTable {
		names = append(names, row.name)
		if row.name != strings.ToLower(words[0].text) {
			continue
		}
		switch {
		case len(words) == 1:
			return s.say(row.get(&s.settings) + "\n")
		case len(words) > 2:
			return l.fail(words[2].at, "set takes one value; \"; \" separates commands", "unexpected %q", words[2].text)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := row.set(&s.settings, words[1].text); err != nil {
			return l.fail(words[1].at, "", "%s %s: %v", row.name, words[1].text, err)
		}
		return nil
	}
	return l.fail(words[0].at, near(words[0].text, names), "no setting is called %q", words[0].text)
}

// apply gives a record the version and the reserved byte that are set, unless its
// line gives them.
func (o *recordSettings) apply(r *wire.Record, d *draft) {
	if !d.given["version"] {
		r.Version = o.version
	}
	if !d.given["reserved"] {
		r.Reserved = o.reserved
	}
}

// piece returns how much of the content of a stream the next record holds. Pairs
// stay whole, unless they are to be split or one is too long by itself: php-fpm
// resets the connection otherwise.
func (o *recordSettings) piece(t wire.Type, content []byte) int {
	if len(content) <= o.chunk {
		return len(content)
	}
	if t != wire.TypeParams || o.split {
		return o.chunk
	}
	n := 0
	for n < len(content) {
		_, size := wire.ParsePair(content[n:])
		if size == 0 {
			size = len(content) - n
		}
		if n > 0 && n+size > o.chunk {
			break
		}
		n += size
	}
	return n
}
