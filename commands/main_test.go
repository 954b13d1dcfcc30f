package commands

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// testEnv returns an environment that touches nothing of the process, and
// where its output goes.
func testEnv(stdin string) (env *Env, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	env = &Env{
		Stdin: strings.NewReader(stdin), Stdout: stdout, Stderr: stderr,
		Getenv: func(string) string { return "" },
		Now:    time.Now,
		Dial:   transport.Dial,
		Root:   fstest.MapFS{},
	}
	return env, stdout, stderr
}

// runMain runs the program in this process. It ends by itself after a minute.
func runMain(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	env, stdout, stderr := testEnv(stdin)
	code := Main(ctx, append([]string{"fcgiscope"}, args...), env)
	if ctx.Err() != nil {
		t.Fatalf("fcgiscope %q did not end within a minute", args)
	}
	return result{code, stdout.String(), stderr.String()}
}

// TestCommandLine is about what is decided before a command does anything.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args   string // separated by spaces
		code   int
		stdout string // that it begins with; "" is none at all
		stderr string // that is in it; "" is none at all
	}{
		{"", 2, "", "no command given"},
		{"--help", 0, "fcgiscope: ", ""},
		{"-h", 0, "fcgiscope: ", ""},
		{"help", 0, "fcgiscope: ", ""},
		{"help rules", 0, "fcgiscope rules: ", ""},
		{"rules --help", 0, "fcgiscope rules: ", ""},
		{"rules nph -h", 0, "fcgiscope rules: ", ""},
		{"rules --help --format nonsense", 0, "fcgiscope rules: ", ""},
		{"--version", 0, "fcgiscope ", ""},
		{"-V", 0, "fcgiscope ", ""},
		{"version", 0, "fcgiscope ", ""},
		{"version now", 2, "", `unexpected argument "now"`},
		{"ruels", 2, "", `unknown command "ruels" (did you mean rules?)`},
		{"frobnicate", 2, "", "hint: fcgiscope --help lists the commands"},
		{"127.0.0.1:9000", 2, "", "hint: to send a request there: fcgiscope request 127.0.0.1:9000"},
		{"a.pcap", 2, "", "hint: to decode it: fcgiscope dump a.pcap"},
		{"--frmat rules", 2, "", "flags come after the command: fcgiscope rules --frmat"},
		{"--hlep", 2, "", "did you mean --help?"},
		{"rules --formt jsonl", 2, "", `unknown flag "--formt" (did you mean --format?)`},
		{"rules -format=jsonl", 2, "", "did you mean --format?"},
		{"rules -x", 2, "", `unknown flag "-x"`},
		{"rules --f jsonl", 2, "", `unknown flag "--f"`},
		{"rules --format", 2, "", "--format needs a value"},
		{"rules -f", 2, "", "-f needs a value"},
		{"rules --format yaml", 2, "", `invalid value "yaml" for --format: want text or jsonl`},
		{"rules --format jsnl", 2, "", "did you mean jsonl?"},
		{"rules --help=maybe", 2, "", "--help takes no value"},
		{"rules nph --format jsonl", 0, `{"rule":"nph",`, ""},
		{"rules nph -fjsonl", 0, `{"rule":"nph",`, ""},
		{"rules --format=jsonl nph", 0, `{"rule":"nph",`, ""},
		{"rules nph -- -f", 2, "", `unknown rule "-f"`},
		{"rules pair-splt", 2, "", "did you mean pair-split?"},
		{"completion tcsh", 2, "", "want bash, zsh or fish"},
		{"completion", 2, "", "want one shell"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			got := runMain(t, "", strings.Fields(tt.args)...)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d", got.code, tt.code)
			}
			if !strings.HasPrefix(got.stdout, tt.stdout) || tt.stdout == "" && got.stdout != "" {
				t.Errorf("stdout %q, want it to begin with %q", got.stdout, tt.stdout)
			}
			if !strings.Contains(got.stderr, tt.stderr) || tt.stderr == "" && got.stderr != "" {
				t.Errorf("stderr %q, want %q in it", got.stderr, tt.stderr)
			}
		})
	}
}

// TestReaderGone: what `| head` does to a command that only prints.
func TestReaderGone(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	env, _, stderr := testEnv("")
	env.Stdout = writer
	if code := Main(t.Context(), []string{"fcgiscope", "rules"}, env); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q, want a quiet 0", code, stderr)
	}
}

// TestInterrupted: a command that did not end by itself before the signal.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	env, _, stderr := testEnv("")
	if code := report(ctx, env, context.Canceled); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if got, want := stderr.String(), "fcgiscope: interrupted\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}
