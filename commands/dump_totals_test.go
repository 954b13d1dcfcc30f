package commands

import (
	"strings"
	"testing"
)

// TestTotals: when a summary is printed at the end, and that it goes to stderr.
func TestTotals(t *testing.T) {
	t.Parallel()
	const get, nothing = "../fixtures/capture/nginx-php-get.pcap", "../fixtures/capture/client-not-fastcgi.pcap"
	for _, tt := range []struct {
		args           string
		stdout, stderr bool // are a terminal
		want           bool
	}{
		{get, true, true, true},
		{get, false, true, false}, // into a pager or a program
		{get, true, false, false},
		{get, false, false, false},
		{get + " --totals", false, false, true},
		{get + " --no-totals", true, true, false},
		{get + " -f jsonl", true, true, true},
		{get + " -f raw", true, true, false},
		{get + " -f raw --totals", true, true, true},
		{nothing, true, true, false},
	} {
		env, stdout, stderr := testEnv("")
		env.Terminal.Stdout, env.Terminal.Stderr = tt.stdout, tt.stderr
		Main(t.Context(), append([]string{"fcgiscope", "dump"}, strings.Fields(tt.args)...), env)
		if got := strings.Contains(stderr.String(), "requests "); got != tt.want || strings.Contains(stdout.String(), "requests ") {
			t.Errorf("%s, stdout %v, stderr %v: totals %v: %s", tt.args, tt.stdout, tt.stderr, got, stderr)
		}
	}
}
