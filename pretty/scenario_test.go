package pretty

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// conversations returns what the tests show: all legal fixtures, and files of
// this package's own that hold what fixtures do not.
func conversations(t testing.TB) map[string]wiretest.Fixture {
	t.Helper()
	all := map[string]wiretest.Fixture{}
	for _, name := range wiretest.Glob(t, "valid/*.txtar") {
		all[strings.TrimSuffix(filepath.Base(name), ".txtar")] = wiretest.Load(t, name)
	}
	for _, name := range []string{"damage", "multiplexed"} {
		all[name] = conversation(t, name)
	}
	return all
}

// conversation reads one of this package's own files.
func conversation(t testing.TB, name string) wiretest.Fixture {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := text.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return wiretest.Fixture{Name: name, Lines: lines}
}

// show renders a conversation with a format.
func show(t testing.TB, f Format, o Options, c *wiretest.Fixture) string {
	t.Helper()
	var b bytes.Buffer
	s := f.New(&b, o)
	c.Play(newConn(f.NeedsWhole), func(e *flow.Event) {
		if err := s.Event(e); err != nil {
			t.Fatalf("%s: %v: %v", f.Name, e.Kind, err)
		}
	})
	if err := s.Close(); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return b.String()
}

func newConn(whole bool) *flow.Conn {
	info := &flow.ConnInfo{N: 3, Network: "tcp", Client: "127.0.0.1:40000", Server: "[::1]:9000", Fd: -1}
	return &flow.Conn{Whole: whole, Info: info}
}

// events returns a conversation's events.
func events(c *wiretest.Fixture, whole bool) (list []flow.Event) {
	c.Play(newConn(whole), func(e *flow.Event) { list = append(list, e.Clone()) })
	return list
}

// format returns a format by its name.
func format(t testing.TB, name string) Format {
	t.Helper()
	f, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// record is an event that tells of a record.
func record(conn *flow.ConnInfo, dir wire.Direction, r wire.Record) *flow.Event {
	return &flow.Event{Kind: flow.KindRecord, Conn: conn, Dir: dir, Header: r.Header, Data: r.Content, Padding: r.Padding}
}

// at0 is the time of what needs none.
var at0 time.Time

// showBytewise is show with every byte fed on its own.
func showBytewise(t testing.TB, f Format, c *wiretest.Fixture) string {
	t.Helper()
	var b bytes.Buffer
	s := f.New(&b, Options{Stable: true})
	conn := newConn(f.NeedsWhole)
	emit := func(e *flow.Event) {
		if err := s.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	// Play feeds whole lines: this makes a line of each byte.
	var bytewise wiretest.Fixture
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.Kind != text.KindRecord && l.Kind != text.KindRaw {
			bytewise.Lines = append(bytewise.Lines, *l)
			continue
		}
		for _, c := range l.AppendWire(nil) {
			bytewise.Lines = append(bytewise.Lines, text.Line{Kind: text.KindRaw, Dir: l.Dir, Raw: []byte{c}})
		}
	}
	bytewise.Play(conn, emit)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
