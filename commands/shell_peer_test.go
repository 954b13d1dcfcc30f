package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestShellPeers: sessions with real applications, of which some take what is
// sent by hand badly.
func TestShellPeers(t *testing.T) {
	t.Parallel()
	const ask = "params REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping; params; stdin; wait"
	tests := []struct {
		peer, lines string
		code        int
		stdout      string // a regular expression
		stderr      string // likewise; "" is nothing
	}{
		{"php-fpm", "begin; " + ask, 0, `pong.*< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE`, ""},
		{"php-fpm", "begin keep; " + ask + "; again; begin 9 keep; " + ask + "; show", 0, `(?s)pong.*pong.*pong.*\n    9 +RESPONDER +ended`, ""},
		{"php-fpm", "get-values; wait", 0, `FCGI_MPXS_CONNS=0`, ""},
		// A pair that is split over records: php-fpm resets the connection.
		{"php-fpm", `begin; > PARAMS id=1 "\x0e\x03REQUEST_ME"` + "\n" + `> PARAMS id=1 "THODGET"` + "\nparams; stdin; wait", 3, `> PARAMS id=1`, `without END_REQUEST|closed the connection|is closed`},
		{"php-fpm", "begin 1 role=77; wait", 3, `unknown-role`, `closed without END_REQUEST for 1 request`},
		{"libfcgi-responder", "begin; " + ask, 0, `END_REQUEST id=1 appStatus=0`, ""},
		{"libfcgi-responder", "begin 1 keep; begin 2 keep; wait 1 any", 6, `CANT_MPX_CONN`, `no END_REQUEST for 1 request`},
		{"libfcgi-filter", "begin filter; params CONTENT_LENGTH=0 FCGI_DATA_LAST_MOD=0 FCGI_DATA_LENGTH=6 QUERY_STRING=; params; stdin; data \"filter\"; data; wait", 0, `FILTER`, ""},
		{"libfcgi-authorizer", "begin authorizer; params QUERY_STRING=token=open; params; wait", 0, `Variable-AUTH_USER`, ""},
		{"go-fcgi", "begin 300 keep; params REQUEST_METHOD=GET REQUEST_URI=/ SERVER_PROTOCOL=HTTP/1.1; params; stdin; wait; > TYPE(42) id=0; wait 1", 6, `END_REQUEST id=300`, `no answer to 1 question`},
		{"perl-async", "begin 1 keep; begin 2 keep; use 0; params 1; params 2; stdin 2; stdin 1; wait", 0, `(?s)END_REQUEST id=2.*END_REQUEST id=1|END_REQUEST id=1.*END_REQUEST id=2`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.peer+"/"+tt.lines, func(t *testing.T) {
			t.Parallel()
			peer := wiretest.RealPeer(t, tt.peer)
			for _, addr := range []string{peer["unix"], peer["tcp"]} {
				if addr == "" {
					continue
				}
				got := runMain(t, "", "shell", addr, "-c", tt.lines)
				if got.code != tt.code || !regexp.MustCompile("(?s)"+tt.stdout).MatchString(got.stdout) {
					t.Errorf("%s: exit code %d, want %d; stdout\n%s\nhas no %s; stderr %s", addr, got.code, tt.code, got.stdout, tt.stdout, got.stderr)
				}
				// php-fpm answers as soon as PARAMS has ended.
				got.stderr = strings.TrimPrefix(got.stderr, "fcgiscope: not sent: request 1 has ended already, and the application closed the connection\n")
				if tt.stderr == "" && got.stderr != "" || !regexp.MustCompile(tt.stderr).MatchString(got.stderr) {
					t.Errorf("%s: stderr %q, want %q", addr, got.stderr, tt.stderr)
				}
			}
		})
	}
}

// TestShellKeptPHP: a session with php-fpm is kept, runs again, and is different
// with another page; and request goes to the same address.
func TestShellKeptPHP(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	file := filepath.Join(t.TempDir(), "kept.txtar")
	script := "connect " + fpm["unix"] + "\nbegin keep\nparams REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping\nparams\nstdin\nwait\nsave " + file + "\nrequest /ping\n"
	if got := runMain(t, script, "shell"); got.code != 0 || strings.Count(got.stdout, "pong") != 2 {
		t.Fatalf("exit code %d, stdout %s, stderr %s", got.code, got.stdout, got.stderr)
	}
	if got := runMain(t, "", "shell", "-c", "load "+file); got.code != 0 {
		t.Errorf("load: exit code %d, stderr %s", got.code, got.stderr)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(b), "pong", "ping")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runMain(t, "", "shell", "-c", "load "+file); got.code != 3 || !strings.Contains(got.stderr, "STDOUT id=1: from byte ") {
		t.Errorf("load: exit code %d, stderr %s", got.code, got.stderr)
	}
}
