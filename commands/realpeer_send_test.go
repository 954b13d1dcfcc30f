package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A realTest is a command line, in which ADDR, UNIX and ROOT are those of a
// real peer, and what comes of it.
type realTest struct {
	peer, args string
	code       int
	stdout     string // a regular expression; "" is no output at all
	stderr     string // likewise
}

// runReal compares tests with what real peers do.
func runReal(t *testing.T, tests []realTest) {
	t.Helper()
	peers := map[string]map[string]string{}
	for _, tt := range tests {
		peer := peers[tt.peer]
		if peer == nil {
			peer = wiretest.RealPeer(t, tt.peer)
			peers[tt.peer] = peer
		}
		args := strings.Fields(strings.NewReplacer("ADDR", peer["tcp"], "UNIX", peer["unix"], "ROOT", peer["root"]).Replace(tt.args))
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "~", " ")
		}
		got := runMain(t, "", args...)
		if got.code != tt.code {
			t.Errorf("%s %s: exit code %d, want %d; stderr %s", tt.peer, tt.args, got.code, tt.code, got.stderr)
		}
		for _, out := range []struct{ name, got, want string }{{"stdout", got.stdout, tt.stdout}, {"stderr", got.stderr, tt.stderr}} {
			if out.want == "" && out.got != "" || !regexp.MustCompile("(?s)"+out.want).MatchString(out.got) {
				t.Errorf("%s %s: %s %q, want %q", tt.peer, tt.args, out.name, out.got, out.want)
			}
		}
	}
}

// TestRequestLayoutsPeers: what every application has to take, it takes; what
// php-fpm does not is told.
func TestRequestLayoutsPeers(t *testing.T) {
	t.Parallel()
	const php = "request UNIX /echo.php --root ROOT -d abcdefghij "
	ok := `"CONTENT_LENGTH":"10".*abcdefghij$`
	runReal(t, []realTest{
		{"php-fpm", php + "--pad none", 0, ok, ""},
		{"php-fpm", php + "--pad 255", 0, ok, ""},
		{"php-fpm", php + "--pad 8 --chunk 3", 0, ok, ""},
		{"php-fpm", php + "--chunk 16 --split-pairs", 3, "", "warning: php-fpm resets.*connection reset by peer"},
		{"libfcgi-responder", "request UNIX / -d abcdefghij --chunk 1 --split-pairs --pad 3", 0, "body: 10\nabcdefghij$", "warning"},
		{"go-fcgi", "request UNIX / -d abcdefghij --chunk 1 --split-pairs --pad 255", 0, "body: 10\nabcdefghij$", "warning"},
	})
}

// TestRequestMuxPeers: who multiplexes, who refuses, and in which words.
func TestRequestMuxPeers(t *testing.T) {
	t.Parallel()
	runReal(t, []realTest{
		{"go-fcgi", "request UNIX / -d body --mux 3 --id 7", 0,
			"^==> id 7: HTTP 200.*body: 4\nbody\n==> id 8: HTTP 200.*==> id 9: HTTP 200", "3 requests: 3 × HTTP 200"},
		{"go-fcgi", "request UNIX /big?n=3000000 --mux 3 -o /dev/null", 0, "", "3 requests: 3 × HTTP 200"},
		{"libfcgi-responder", "request UNIX / --mux 3", 4, "^==> id 1: HTTP 200",
			"id 2: .*CANT_MPX_CONN.*id 3: .*CANT_MPX_CONN.*1 × HTTP 200, 2 × CANT_MPX_CONN.*2 of 3 requests failed.*hint: it takes one request at a time"},
	})
}

// TestRequestAbortPeers: what applications make of ABORT_REQUEST.
func TestRequestAbortPeers(t *testing.T) {
	t.Parallel()
	runReal(t, []realTest{
		{"php-fpm", "request UNIX /slow.php?ms=300 --root ROOT --abort-after 20ms", 0, "started\ndone after 300 ms\n", "END_REQUEST came .* after ABORT_REQUEST"},
		{"libfcgi-responder", "request UNIX / -d abc --no-stdin-eof --abort-after 20ms", 0, "body: ", "END_REQUEST came .* after ABORT_REQUEST"},
		{"go-fcgi", "request UNIX / -d abc --no-stdin-eof --abort-after 20ms", 0, "", "END_REQUEST came .* after ABORT_REQUEST"},
		{"php-fpm", "request UNIX /ping --abort-after 1h", 0, "^pong$", "the answer was over before --abort-after"},
	})
}

// TestRequestRepeatPeers: one connection or several, and what remains of it.
func TestRequestRepeatPeers(t *testing.T) {
	t.Parallel()
	const w = "-s -o /dev/null -w %{http_code}~%{num_connects}~%{app_status}~%{protocol_status}~%{size_download};"
	const end = " 0 REQUEST_COMPLETE 4;"
	runReal(t, []realTest{
		{"php-fpm", "request ADDR /ping --repeat 3 --keep-conn " + w, 0, "^200 1" + end + "200 0" + end + "200 0" + end + "$", ""},
		{"php-fpm", "request ADDR /ping --repeat 2 " + w, 0, "^200 1" + end + "200 1" + end + "$", ""},
		{"php-fpm", "request ADDR /nothing.php --root ROOT -s -o /dev/null -w %{http_code}~%{stderr_size}", 0, "^404 22$", ""},
		{"php-fpm", "request ADDR /ping --linger 50ms --keep-conn", 0, "^pong$", "nothing came for 50ms after END_REQUEST; the application left the connection open"},
		{"php-fpm", "request ADDR /ping --linger 1h", 0, "^pong$", "the application closed the connection"},
		{"libfcgi-responder", "request ADDR /?exit=7 --repeat 2 -o /dev/null", 4, "", "2 × appStatus 7.*2 of 2 requests failed"},
		{"php-fpm", "request ADDR /status.php?code=503 --root ROOT --retry 1 --retry-delay 1ms", 0, ".", "HTTP status 503; trying again in 1ms, 1 left"},
	})
}

// TestSendPeers: records by hand, and how connections end.
func TestSendPeers(t *testing.T) {
	t.Parallel()
	runReal(t, []realTest{
		{"php-fpm", "send UNIX -e >~GET_VALUES~FCGI_MPXS_CONNS=\"\" --wait 0.2", 0, "< GET_VALUES_RESULT pad=6\n    FCGI_MPXS_CONNS=0\n", "nothing more came for 200ms"},
		{"libfcgi-responder", "send UNIX -e >~GET_VALUES~FCGI_MPXS_CONNS=\"\" --wait 0.2", 6, "> GET_VALUES\n", "nothing came for 200ms.*no answer"},
		{"libfcgi-responder", "send UNIX -e >~GET_VALUES~FCGI_MPXS_CONNS=\"\"~pad=8 --wait 0.2", 0, "< GET_VALUES_RESULT", "nothing more came"},
		{"libfcgi-responder", "send ADDR -e >~raw~01 -e !~fin", 3, "> raw 01\n", `\(FIN\).*closed without an answer`},
		{"php-fpm", "send ADDR -e >~TYPE(42)~id=0 --wait 0.2", 3, `> TYPE\(42\)`, `the application (closed|reset) the connection.*closed without an answer`},
		{"go-fcgi", "send ADDR -e >~BEGIN_REQUEST~id=1~role=7 --wait 0.2", 4, "UNKNOWN_ROLE", "refused request 1: protocolStatus UNKNOWN_ROLE"},
		{"go-fcgi", "send ADDR -e >~raw~02 -e !~rst", 0, "> ! rst\n", "was reset, as the script says"},
	})
}

// TestSendRecorded: what was recorded of a request is sent again, in every form
// that it can have.
func TestSendRecorded(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	dir := t.TempDir()
	recorded := filepath.Join(dir, "ping.pcapng")
	if got := runMain(t, "", "request", fpm["tcp"], "/hello.php", "--root", fpm["root"], "--record", recorded); got.code != 0 {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	if info, err := os.Stat(recorded); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, format := range []string{"text", "jsonl", "pcapng"} {
		file := recorded
		if format != "pcapng" {
			got := runMain(t, "", "dump", recorded, "-f", format)
			file = filepath.Join(dir, format)
			if err := os.WriteFile(file, []byte(got.stdout), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got := runMain(t, "", "send", fpm["unix"], file, "-f", "raw")
		if got.code != 0 || got.stdout != "hello\n" || !strings.Contains(got.stderr, "towards the web server left out") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %s", format, got.code, got.stdout, got.stderr)
		}
	}
}
