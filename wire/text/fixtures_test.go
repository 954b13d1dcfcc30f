package text_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/text"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestFixtures: every conversation stays the same when it is printed and read.
func TestFixtures(t *testing.T) {
	for _, name := range append(wiretest.Glob(t, "valid/*.txtar"), wiretest.Glob(t, "broken/*.txtar")...) {
		f := wiretest.Load(t, name)
		var printed []byte
		for i := range f.Lines {
			printed = f.Lines[i].Append(printed)
		}
		back, err := text.Parse(printed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range back {
			back[i].Number = 0
		}
		for i := range f.Lines {
			f.Lines[i].Number = 0
		}
		if diff := cmp.Diff(f.Lines, back); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}
