package wiretest

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// A Fixture is a conversation of package fixtures.
type Fixture struct {
	Name    string      // its path there, such as "valid/responder-get.txtar"
	Comment string      // what it shows
	Expect  []string    // the lines of the section expect, without comments
	Text    []byte      // the section records
	Lines   []text.Line // the same, parsed
}

// Load reads a conversation. Its parts are those of a txtar file: a comment,
// the section expect, and the section records in the form of package text.
func Load(t testing.TB, name string) Fixture {
	t.Helper()
	b, err := fixtures.FS.ReadFile(name)
	if err != nil {
		t.Fatalf("wiretest: fixture: %v", err)
	}
	f, err := parseFixture(name, b)
	if err != nil {
		t.Fatalf("wiretest: fixture %s: %v", name, err)
	}
	return f
}

func parseFixture(name string, b []byte) (Fixture, error) {
	ar := txtar.Parse(b)
	f := Fixture{Name: name, Comment: string(ar.Comment)}
	if len(ar.Files) != 2 || ar.Files[0].Name != "expect" || ar.Files[1].Name != "records" {
		return f, fmt.Errorf("the sections are not expect and records")
	}
	for line := range strings.Lines(string(ar.Files[0].Data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			f.Expect = append(f.Expect, line)
		}
	}
	var err error
	f.Text = ar.Files[1].Data
	f.Lines, err = text.Parse(f.Text)
	return f, err
}

// Glob returns the names of the fixtures that match a pattern of path.Match,
// such as "valid/*.txtar". There is at least one.
func Glob(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := fs.Glob(fixtures.FS, pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("wiretest: no fixture matches %q: %v", pattern, err)
	}
	return names
}

// Bytes returns everything that travels in direction dir.
func (f *Fixture) Bytes(dir wire.Direction) (b []byte) {
	for i := range f.Lines {
		if l := &f.Lines[i]; l.Dir == dir {
			b = l.AppendWire(b)
		}
	}
	return b
}

// epoch is when the first record of a fixture travels.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Play passes the conversation through c, in the order of its lines: each
// record and each line of raw bytes in one piece, one millisecond after the
// other unless the text has times.
func (f *Fixture) Play(c *flow.Conn, emit func(*flow.Event)) {
	at := epoch
	how := flow.CloseUnknown
	for i := range f.Lines {
		l := &f.Lines[i]
		switch l.Kind {
		case text.KindRecord, text.KindRaw:
			c.Feed(l.Dir, at, l.AppendWire(nil), emit)
			at = at.Add(time.Millisecond)
		case text.KindGap:
			c.Lost(l.Dir, l.Count, at, emit)
		case text.KindAt:
			at = epoch.Add(l.After)
			if !l.Time.IsZero() {
				at = l.Time
			}
		case text.KindFin, text.KindRst:
			if how == flow.CloseUnknown {
				how = closeKind(l)
			}
		}
	}
	c.Close(at, how, nil, emit)
}

// closeKind says who ended the connection by the line that tells.
func closeKind(l *text.Line) flow.CloseKind {
	switch {
	case !l.Directed:
		return flow.CloseUnknown
	case l.Kind == text.KindFin && l.Dir == wire.ToApp:
		return flow.CloseByServer
	case l.Kind == text.KindFin:
		return flow.CloseByApp
	case l.Dir == wire.ToApp:
		return flow.ResetByServer
	}
	return flow.ResetByApp
}
