package commands

import (
	"context"
	"strings"
	"testing"
)

// TestFpmCodesOfOthers: the codes that other systems know are those of an
// interrupted probe, too.
func TestFpmCodesOfOthers(t *testing.T) {
	t.Parallel()
	addr, stop, err := startPeer(badPeers["silent"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for args, want := range map[string]int{
		"check --healthcheck": 1,
		"ping --healthcheck":  1,
		"check --nagios":      3,
		"check":               130,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		env, _, _ := testEnv("")
		if got := Main(ctx, append([]string{"fcgiscope", "fpm"}, append(strings.Fields(args), addr)...), env); got != want {
			t.Errorf("%s: exit code %d, want %d", args, got, want)
		}
	}
}
