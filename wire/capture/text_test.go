package capture

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// textFixtures returns the text exports: names that match the pattern.
func textFixtures(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := fs.Glob(fixtures.FS, "capture/text/"+pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: found %d files (%v)", pattern, len(files), err)
	}
	return files
}

func readFixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(fixtures.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// covered decodes an input and returns the bytes of its records by direction.
func covered(t *testing.T, b []byte, o Options) (bytesOf [2][]byte, warnings []string) {
	t.Helper()
	src, f, err := Open(bytes.NewReader(b), o)
	if err != nil {
		t.Fatal(err)
	}
	warn := func(err error) { warnings = append(warnings, f.Name+": "+err.Error()) }
	_, err = Decode(context.Background(), src, DecodeOptions{Whole: true, Warn: warn}, func(e *flow.Event) {
		if e.Kind == flow.KindRecord {
			r := wire.Record{Header: e.Header, Content: e.Data, Padding: e.Padding}
			bytesOf[e.Dir] = r.Append(bytesOf[e.Dir])
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytesOf, warnings
}

// TestTextExports: every form of the same bytes gives these bytes, and is
// recognised without being told.
func TestTextExports(t *testing.T) {
	for _, story := range []string{"post-small", "stderr"} {
		want := [2][]byte{
			readFixture(t, "capture/text/"+story+".c2s.bin"),
			readFixture(t, "capture/text/"+story+".s2c.bin"),
		}
		for _, file := range textFixtures(t, story+".*") {
			name := path.Base(file)
			if strings.Contains(name, "ascii") || strings.Contains(name, "ebcdic") {
				continue // TestRefused
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want := want
				if strings.Contains(name, ".c2s.") {
					want[wire.ToServer] = nil
				}
				if strings.Contains(name, ".s2c.") {
					want[wire.ToApp] = nil
				}
				got, warnings := covered(t, readFixture(t, file), Options{})
				for dir := range got {
					if !bytes.Equal(got[dir], want[dir]) {
						t.Errorf("%v: got %d bytes\n%.80x\nwant %d\n%.80x", wire.Direction(dir), len(got[dir]), got[dir], len(want[dir]), want[dir])
					}
				}
				if len(warnings) > 0 {
					t.Errorf("warnings: %q", warnings)
				}
			})
		}
	}
}

// TestOneClaim: exactly one format has the highest claim to each fixture, and
// a name of a format is used once.
func TestOneClaim(t *testing.T) {
	files := textFixtures(t, "*[a-z0-9]")
	for _, f := range captures(t) {
		files = append(files, f)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".json") && strings.Contains(file, "oracle") {
			continue
		}
		b := readFixture(t, file)
		if _, err := best(b[:min(len(b), detectLen)]); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	names := make(map[string]bool)
	for _, f := range Formats() {
		if names[f.Name] || f.Help == "" {
			t.Errorf("format %q is there twice or has no help", f.Name)
		}
		names[f.Name] = true
	}
}

// TestPrintedPackets: packets printed in hex hold what the capture they were
// printed from holds.
func TestPrintedPackets(t *testing.T) {
	for _, file := range textFixtures(t, "nginx-php-get.t*") {
		t.Run(path.Base(file), func(t *testing.T) {
			t.Parallel()
			var want oracle
			loadJSON(t, "capture/nginx-php-get.oracle.json", &want)
			src, f, err := Open(bytes.NewReader(readFixture(t, file)), Options{})
			if err != nil || f.Name != "packets" {
				t.Fatalf("opened as %q: %v", f.Name, err)
			}
			g := decodeSource(t, src, DecodeOptions{})
			compareOracle(t, &want, g)
			if len(g.warnings) > 0 {
				t.Errorf("warnings: %q", g.warnings)
			}
		})
	}
}

// TestRefused: a form in which bytes were lost is named, not decoded.
func TestRefused(t *testing.T) {
	for _, pattern := range []string{"*.follow-ascii.txt", "*.follow-ebcdic.txt"} {
		for _, file := range textFixtures(t, pattern) {
			_, f, err := Open(bytes.NewReader(readFixture(t, file)), Options{})
			if err == nil || f.Name != "follow" || !strings.Contains(err.Error(), "follow,tcp,raw") {
				t.Errorf("%s: opened as %q: %v", file, f.Name, err)
			}
		}
	}
}
