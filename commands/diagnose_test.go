package commands

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestDiagnoseElsewhere: a script that is not where it was said to be is found
// below the root.
func TestDiagnoseElsewhere(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	for _, args := range [][]string{
		{"/hello.php", "--root", fpm["root"], "-P", "SCRIPT_FILENAME=/nowhere/hello.php"},
		{"/hello.php", "--root", fpm["root"], "-P", "SCRIPT_FILENAME="},
	} {
		got := runMain(t, "", append([]string{"diagnose", fpm["unix"]}, args...)...)
		want := "It works with SCRIPT_FILENAME \"" + fpm["root"] + "/hello.php\"."
		if got.code != 4 || !strings.Contains(got.stdout, want) {
			t.Errorf("%q: exit code %d, stdout without %s:\n%s%s", args, got.code, want, got.stdout, got.stderr)
		}
	}
}

// TestDiagnoseHalves: the parameter with which a request fails is found, by its
// name and without its value, and with --probe-hard only.
func TestDiagnoseHalves(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	secret := strings.Repeat("hush", 18_000) // more than a record holds
	for _, hard := range []bool{false, true} {
		args := []string{"diagnose", fpm["unix"], "/hello.php", "--root", fpm["root"], "--format", "json", "-P", "A=1", "-P", "BIG=" + secret, "-P", "Z=2"}
		if hard {
			args = append(args, "--probe-hard")
		}
		got := runMain(t, "", args...)
		var d diagnosis
		if err := json.Unmarshal([]byte(got.stdout), &d); err != nil {
			t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
		}
		if got.code != 3 || len(d.Verdicts) == 0 || d.Verdicts[0].ID != "D20" {
			t.Errorf("exit code %d, found %+v", got.code, d.Verdicts)
		}
		named := slices.ContainsFunc(d.Steps, func(s step) bool {
			return s.What == "the parameter with which it fails" && s.Outcome == `"BIG", 72000 bytes`
		})
		if named != hard {
			t.Errorf("with --probe-hard %t it is named: %t\n%+v", hard, named, d.Steps)
		}
		if strings.Contains(got.stdout+got.stderr, "hush") {
			t.Error("the value is shown")
		}
	}
}

// TestVariants: where a script may be, and never where it was looked for.
func TestVariants(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file, root, name, info string
		want                   []string
	}{
		{"/srv/a.php", "/srv", "/a.php", "", []string{"/var/www/html/a.php"}},
		{"/old/a.php", "/srv", "/a.php", "", []string{"/srv/a.php", "/var/www/html/a.php"}},
		{"/srv/a.php/x", "/srv", "/a.php/x", "/x", []string{"/srv/a.php", "/var/www/html/a.php"}},
		{"/srv/dir/", "/srv", "/dir/", "", []string{"/srv/dir", "/srv/dir/index.php", "/var/www/html/dir"}},
		{"", "", "", "", nil},
	}
	for _, tt := range tests {
		if got := variants(tt.file, tt.root, tt.name, tt.info); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.file, got, tt.want)
		}
	}
}

// TestWitnessSplit: a pair is cut by the border of a later record, too, and the
// rest of it is never sent, because php-fpm has closed.
func TestWitnessSplit(t *testing.T) {
	t.Parallel()
	w := newWitness()
	b := wire.BeginRecord(1, wire.Responder, 0).Append(nil)
	b = wire.NewRecord(wire.TypeParams, 1, wire.NewPair("A", "1").Append(nil)).Append(b)
	big := wire.NewPair("BIG", strings.Repeat("x", 300)).Append(nil)
	b = wire.NewRecord(wire.TypeParams, 1, big[:100]).Append(b)
	w.bytes(wire.ToApp, time.Now(), b)
	f := w.close(time.Now(), &client.ClosedError{})
	if verdicts := diagnose.Diagnose(f); f.ParamsSplit != "BIG" || len(verdicts) == 0 || verdicts[0].ID != "D20" {
		t.Errorf("the pair %q is cut, found %+v", f.ParamsSplit, verdicts)
	}
}
