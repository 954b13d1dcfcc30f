package commands

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// readCapture returns a file of fixtures/capture.
func readCapture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "fixtures", "capture", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDumpStreams: what comes through a pipe is shown while the pipe is open,
// and an interrupt ends the waiting for more.
func TestDumpStreams(t *testing.T) {
	t.Parallel()
	pcap := readCapture(t, "apache-php.pcap")
	for _, format := range formatNames() {
		if format == "summary" || format == "requests" || format == "diagram" || format == "raw" {
			continue // they have something to show when a request is over
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			env, _, stderr := testEnv("")
			pr, pw := io.Pipe()
			var out wiretest.Buffer
			env.Stdin, env.Stdout = pr, &out
			code := make(chan int, 1)
			go func() { code <- Main(ctx, []string{"fcgiscope", "dump", "-", "-f", format}, env) }()
			if _, err := pw.Write(pcap[:len(pcap)/2]); err != nil {
				t.Fatal(err)
			}
			out.Wait(t, "BEGIN_REQUEST", 1)
			cancel()
			if got := <-code; got != 130 || stderr.String() != "fcgiscope: interrupted\n" {
				t.Errorf("%s: exit code %d, stderr %q, want 130 and interrupted", format, got, stderr)
			}
			pw.Close()
		})
	}
}

// TestDumpPipeline: Ctrl-C ends tcpdump, whose last packets still count.
func TestDumpPipeline(t *testing.T) {
	t.Parallel()
	pcap := readCapture(t, "apache-php.pcap")
	whole := runMain(t, string(pcap), "dump", "-f", "jsonl")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		env, stdout, stderr := testEnv("")
		pr, pw := io.Pipe()
		env.Stdin = pr
		go func() {
			pw.Write(pcap[:len(pcap)/2])
			cancel()
			pw.Write(pcap[len(pcap)/2:])
			pw.Close()
		}()
		if code := Main(ctx, []string{"fcgiscope", "dump", "-f", "jsonl"}, env); code != 0 || stderr.Len() > 0 {
			t.Errorf("exit code %d, stderr %q, want 0", code, stderr)
		}
		if diff := cmp.Diff(whole.stdout, stdout.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestDumpConnections: connections of several files are told apart.
func TestDumpConnections(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "fixtures", "capture", "apache-php.pcap")
	got := runMain(t, "", "dump", "-f", "jsonl", "--events", "connection", file, file, file)
	for _, want := range []string{`"conn":0,`, `"conn":1,`, `"conn":2,`} {
		if strings.Count(got.stdout, want) != 1 {
			t.Errorf("%s is not there once:\n%s", want, got.stdout)
		}
	}
}

// TestDumpTerminal: nobody waits for a terminal by mistake.
func TestDumpTerminal(t *testing.T) {
	t.Parallel()
	env, stdout, stderr := testEnv("")
	env.Terminal.Stdin = true
	code := Main(t.Context(), []string{"fcgiscope", "dump"}, env)
	if code != 2 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "no file given") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// TestColors: --color, the terminal, NO_COLOR and TERM decide.
func TestColors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		flag     string
		terminal bool
		env      map[string]string
		want     bool
	}{
		{"auto", false, nil, false},
		{"auto", true, nil, true},
		{"auto", true, map[string]string{"NO_COLOR": "1"}, false},
		{"auto", true, map[string]string{"NO_COLOR": ""}, true},
		{"auto", true, map[string]string{"TERM": "dumb"}, false},
		{"always", false, map[string]string{"NO_COLOR": "1"}, true},
		{"never", true, nil, false},
	}
	pcap := readCapture(t, "apache-php.pcap")
	for _, tt := range tests {
		env, stdout, _ := testEnv(string(pcap))
		env.Terminal.Stdout = tt.terminal
		env.Getenv = func(name string) string { return tt.env[name] }
		if code := Main(t.Context(), []string{"fcgiscope", "dump", "--color", tt.flag}, env); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		if got := strings.Contains(stdout.String(), "\x1b["); got != tt.want {
			t.Errorf("--color %s, terminal %v, %v: colours %v, want %v", tt.flag, tt.terminal, tt.env, got, tt.want)
		}
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		stats capture.Stats
		want  string
	}{
		{capture.Stats{Others: 1}, "1 connection with something else"},
		{capture.Stats{Others: 3, Hints: map[string]int{"": 1, "looks like TLS": 2}}, "3 connections with something else (2 like TLS)"},
		{capture.Stats{Others: 3, Hints: map[string]int{"looks like SCGI": 1, "looks like TLS": 2}}, "3 connections with something else (1 like SCGI, 2 like TLS)"},
	}
	for _, tt := range tests {
		if got := others(tt.stats); got != tt.want {
			t.Errorf("others(%+v) = %q, want %q", tt.stats, got, tt.want)
		}
	}
}

// TestDumpRawTerminal: not even the format raw steers a terminal.
func TestDumpRawTerminal(t *testing.T) {
	t.Parallel()
	pcap := readCapture(t, "nginx-php-binary.pcap")
	for _, terminal := range []bool{false, true} {
		env, stdout, _ := testEnv(string(pcap))
		env.Terminal.Stdout = terminal
		if code := Main(t.Context(), []string{"fcgiscope", "dump", "-f", "raw", "--part", "stdout"}, env); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		if got := strings.ContainsAny(stdout.String(), "\x1b\x00"); got == terminal {
			t.Errorf("terminal %v: raw bytes %v", terminal, got)
		}
	}
}
