package pretty

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden shows every conversation in every format. It fails for a format
// or a conversation without a golden file: -update writes them.
func TestGolden(t *testing.T) {
	for name, c := range conversations(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := &txtar.Archive{Comment: []byte("testdata for TestGolden: go test ./pretty -run Golden -update\n")}
			for _, f := range Formats() {
				got.Files = append(got.Files, txtar.File{Name: f.Name, Data: printable(f, show(t, f, Options{Stable: true}, &c))})
			}
			got.Files = append(got.Files, txtar.File{
				Name: "text, coloured", Data: visibleEscapes(show(t, format(t, "text"), Options{Stable: true, Color: true, MaxBody: 12}, &c)),
			})
			golden(t, name, got)
		})
	}
}

// TestGoldenTimes shows times, addresses and a narrow terminal.
func TestGoldenTimes(t *testing.T) {
	t.Parallel()
	c := conversation(t, "multiplexed")
	got := &txtar.Archive{}
	for _, f := range Formats() {
		got.Files = append(got.Files, txtar.File{Name: f.Name, Data: printable(f, show(t, f, Options{Width: 100}, &c))})
	}
	golden(t, "times", got)
}

// printable makes the output of a format that is not printable fit a text file.
func printable(f Format, s string) []byte {
	if f.Name == "raw" {
		return append([]byte(Quote([]byte(s), 0)), '\n')
	}
	return []byte(s)
}

func visibleEscapes(s string) []byte {
	return bytes.ReplaceAll([]byte(s), []byte("\x1b"), []byte("ESC"))
}

func golden(t *testing.T, name string, got *txtar.Archive) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txtar")
	b := txtar.Format(got)
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(b)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
