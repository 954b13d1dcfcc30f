package commands

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/capture"
)

// pcapFiles writes a pcap file of little endian as several, which begin with
// the given packets, and returns their names.
func pcapFiles(t *testing.T, pcap []byte, begins ...int) []string {
	t.Helper()
	dir := t.TempDir()
	head, rest := pcap[:24], pcap[24:]
	files := [][]byte{bytes.Clone(head)}
	for n := 0; len(rest) > 0; n++ {
		if len(begins) > 0 && n == begins[0] {
			begins = begins[1:]
			files = append(files, bytes.Clone(head))
		}
		size := 16 + int(rest[8]) + int(rest[9])<<8 + int(rest[10])<<16
		files[len(files)-1] = append(files[len(files)-1], rest[:size]...)
		rest = rest[size:]
	}
	var names []string
	for i, b := range files {
		name := filepath.Join(dir, fmt.Sprintf("part%d.pcap", i))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// TestDumpSequels: rotated recordings are one input.
func TestDumpSequels(t *testing.T) {
	t.Parallel()
	pcap := readCapture(t, "nginx-php-concurrent.pcap")
	whole := runMain(t, string(pcap), "dump", "-f", "jsonl")
	names := pcapFiles(t, pcap, 5, 20, 21, 40)
	got := runMain(t, "", append([]string{"dump", "-f", "jsonl"}, names...)...)
	if diff := cmp.Diff(whole.stdout, got.stdout); diff != "" || got.code != 0 || got.stderr != "" {
		t.Errorf("exit code %d, %s (-whole +parts):\n%s", got.code, got.stderr, diff)
	}

	// The last one comes through a pipe, and one between is missing.
	last, err := os.ReadFile(names[4])
	if err != nil {
		t.Fatal(err)
	}
	names[2], names[4] = names[2]+".missing", "-"
	got = runMain(t, string(last), append([]string{"dump", "-f", "jsonl"}, names...)...)
	if got.code != 1 || got.stderr != "fcgiscope: "+names[2]+": no such file or directory\n" {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	if n := strings.Count(got.stdout, `"event":"connection"`); n != 6 {
		t.Errorf("%d connections, want 6", n)
	}

	// Their order is that of time: what comes before is another capture.
	names = pcapFiles(t, readCapture(t, "nginx-php-keepconn.pcap"), 9)
	for want, files := range map[int][]string{1: {names[0], names[1]}, 2: {names[1], names[0]}, 3: {names[1], names[1], names[1]}} {
		got := runMain(t, "", append([]string{"dump", "-f", "jsonl"}, files...)...)
		if n := strings.Count(got.stdout, `"event":"connection"`); n != want {
			t.Errorf("%d connections in %q, want %d", n, files, want)
		}
	}
}

// TestDumpSequelOfOther: what is damaged is named by its file; other files are
// inputs by themselves, with their own failures.
func TestDumpSequelOfOther(t *testing.T) {
	t.Parallel()
	names := pcapFiles(t, readCapture(t, "nginx-php-concurrent.pcap"), 30)
	b, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(names[1], b[:len(b)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(names[0]), "other.txt")
	if err := os.WriteFile(other, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join("..", "fixtures", "capture", "apache-php.pcap")
	got := runMain(t, "", "dump", "-f", "jsonl", "--events", "connection", names[0], names[1], other, again)
	want := "fcgiscope: " + names[1] + ": packet 42: the file is cut inside it\nfcgiscope: " + other + ": no known format: looks like an HTTP request\n"
	if !strings.HasPrefix(got.stderr, want) || got.code != 1 {
		t.Errorf("exit code %d, stderr %q, want it to begin %q", got.code, got.stderr, want)
	}
	if n := strings.Count(got.stdout, "\n"); n != 7 {
		t.Errorf("%d connections, want 7:\n%s", n, got.stdout)
	}
}

// TestDumpRotated: what --rotate-size has made is read as one recording.
func TestDumpRotated(t *testing.T) {
	t.Parallel()
	pcap := readCapture(t, "nginx-php-keepconn.pcap")
	src, _, err := capture.Open(bytes.NewReader(pcap), capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := newRotated(t, rotation{size: 600})
	for {
		ch, err := src.Next()
		if err != nil {
			break
		}
		r.chunk(&ch)
		r.flush()
	}
	if err := r.close(r.env, true); err != nil {
		t.Fatal(err)
	}
	if len(r.names) < 5 {
		t.Fatalf("only %q", r.names)
	}
	whole := runMain(t, string(pcap), "dump")
	got := runMain(t, "", append([]string{"dump"}, r.names...)...)
	if diff := cmp.Diff(whole.stdout, got.stdout); diff != "" || got.code != 0 || got.stderr != "" {
		t.Errorf("exit code %d, %s (-whole +parts):\n%s", got.code, got.stderr, diff)
	}
}
