package wiretest

import (
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

const small = `# A comment.
-- expect --
# nothing but
finding version dir=to-app

-- records --
> ABORT_REQUEST id=1
< raw "ab"
> raw "c"
< ! fin
> ! rst
`

func TestParseFixture(t *testing.T) {
	f, err := parseFixture("x", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Expect) != 1 || f.Expect[0] != "finding version dir=to-app" {
		t.Errorf("expect %q", f.Expect)
	}
	if got := string(f.Bytes(wire.ToApp)); got != "\x01\x02\x00\x01\x00\x00\x00\x00c" {
		t.Errorf("to the application: %q", got)
	}
	if got := string(f.Bytes(wire.ToServer)); got != "ab" {
		t.Errorf("to the web server: %q", got)
	}
	var closed flow.CloseKind
	var fed int64
	f.Play(&flow.Conn{}, func(e *flow.Event) {
		switch e.Kind {
		case flow.KindClosed:
			closed = e.Close
		case flow.KindRecord:
			fed += int64(e.Header.Len())
		case flow.KindTruncated:
			fed += e.Got
		}
	})
	if closed != flow.CloseByApp || fed != 11 {
		t.Errorf("%v, after %d bytes", closed, fed)
	}
}

func TestParseFixtureErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "the sections are not expect and records"},
		{strings.Replace(small, "expect", "expected", 1), "the sections are not expect and records"},
		{small + "-- more --\n", "the sections are not expect and records"},
		{small + "> NOTHING id=1\n", `text: line 6, column 3: unknown record type "NOTHING"`},
	} {
		if _, err := parseFixture("x", []byte(c.in)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
