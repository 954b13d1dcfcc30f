package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// beginningsUnseen are captures of connections that were open already. Nothing
// that is printed says so: read back, they were seen from their beginning.
var beginningsUnseen = map[string]bool{
	"apache-php-keep": true, "apache-php-post-200k": true, "derived-midstream-in-record": true, "derived-midstream-nosyn": true,
	"nginx-php-snaplen300": true,
}

// TestRoundTrip: what dump prints in the two forms that can be read back is
// printed again when it is read.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../fixtures/capture/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	texts, err := filepath.Glob("../fixtures/capture/text/*.txt")
	if err != nil || len(texts) == 0 {
		t.Fatalf("%d texts, %v", len(texts), err)
	}
	for _, file := range append(files, texts...) {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		if info, err := os.Stat(file); err != nil || info.Size() > 1<<20 {
			continue
		}
		for _, format := range []string{"text", "jsonl"} {
			t.Run(filepath.Base(file)+" "+format, func(t *testing.T) {
				t.Parallel()
				first := runMain(t, "", "dump", file, "-f", format)
				if first.stdout == "" {
					t.Skip("no FastCGI")
				}
				again := runMain(t, first.stdout, "dump", "-", "--from", format, "-f", format)
				if beginningsUnseen[name] {
					first, again = again, runMain(t, again.stdout, "dump", "-", "--from", format, "-f", format)
				}
				if again.stdout != first.stdout || again.code != 0 {
					t.Errorf("exit code %d: %s", again.code, differingLines(first.stdout, again.stdout))
				}
			})
		}
	}
}

// differingLines shows the first lines in which two texts differ.
func differingLines(x, y string) string {
	a, b := strings.Split(x, "\n"), strings.Split(y, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "got " + b[i] + "\nwant " + a[i]
		}
	}
	return "one has more lines than the other"
}
