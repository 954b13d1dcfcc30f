package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestRequestPHP: requests to a real php-fpm, over TCP and over its socket.
func TestRequestPHP(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	root := fpm["root"]
	tests := []struct {
		args   string
		code   int
		stdout string // the whole of it
		stderr string // in it; "" is none at all
	}{
		{"ADDR /ping", 0, "pong", ""},
		{"ADDR /hello.php --root ROOT", 0, "hello\n", ""},
		{"ADDR --script ROOT/hello.php", 0, "hello\n", ""},
		{"ADDR ROOT/hello.php", 0, "hello\n", ""},
		{"ADDR /hello.php --root ROOT -I", 0, "X-Powered-By: PHP/VERSION\r\nContent-type: text/plain;charset=UTF-8\r\n\r\n", ""},
		{"ADDR /hello.php --root ROOT --keep-conn", 0, "hello\n", "warning: --keep-conn and a single request"},
		{"ADDR /hello.php --root ROOT --id 4711", 0, "hello\n", ""},
		{"ADDR /nothing.php --root ROOT", 0, "File not found.\n", "hint: php-fpm finds no script \"ROOT/nothing.php\": "},
		{"ADDR /nothing.php --root ROOT --fail", 4, "", "HTTP status 404"},
		{"ADDR /nothing.php --root ROOT --fail-with-body", 4, "File not found.\n", "HTTP status 404"},
		{"ADDR /nothing.php --root ROOT", 0, "File not found.\n", "stderr: Primary script unknown"},
		{"ADDR /index.html --root ROOT", 0, "Access denied.\n", "hint: php-fpm does not run \"ROOT/index.html\": "},
		{"ADDR /hello.php --root ROOT --unset REQUEST_METHOD", 0, "", "hint: the page is empty: php-fpm answers so when there is no REQUEST_METHOD"},
		{"ADDR /stderr.php --root ROOT", 0, "line 1 on stdout\nline 2 on stdout\nline 3 on stdout\n", "stderr: PHP message: line 1 on stderr"},
	}
	for _, addr := range []string{fpm["tcp"], fpm["unix"]} {
		for _, tt := range tests {
			r := strings.NewReplacer("ADDR", addr, "ROOT", root, "VERSION", fpm["version"])
			got := runMain(t, "", append([]string{"request"}, strings.Fields(r.Replace(tt.args))...)...)
			if got.code != tt.code || got.stdout != r.Replace(tt.stdout) {
				t.Errorf("%s: exit code %d, stdout %q, want %d, %q", r.Replace(tt.args), got.code, got.stdout, tt.code, r.Replace(tt.stdout))
			}
			if want := r.Replace(tt.stderr); !strings.Contains(got.stderr, want) || want == "" && got.stderr != "" {
				t.Errorf("%s: stderr %q, want %q in it", r.Replace(tt.args), got.stderr, want)
			}
		}
	}
}

// TestRequestPHPBodies: 200 KB up and down, byte for byte.
func TestRequestPHPBodies(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	body := bytes.Repeat([]byte("\x00\xff binary & = \r\n"), 200_000/16)
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ addr, data, stdin string }{
		{fpm["unix"], "--data-binary=@" + file, ""},
		{fpm["tcp"], "--data-binary=@-", string(body)},
	} {
		got := runMain(t, tt.stdin, "request", tt.addr, "/echo.php", "--root", fpm["root"], tt.data, "-HContent-Type: application/octet-stream")
		if got.code != 0 || !strings.HasSuffix(got.stdout, string(body)) || got.stderr != "" {
			t.Errorf("%s: exit code %d, %d bytes, stderr %s", tt.data, got.code, len(got.stdout), got.stderr)
		}
		if want := fmt.Sprintf(`"CONTENT_LENGTH":"%d"`, len(body)); !strings.Contains(got.stdout, want) {
			t.Errorf("%s: php-fpm did not see %s", tt.data, want)
		}
	}
}

// TestRequestPHPVerbose: -v shows what was really sent and received, and
// nothing of it breaks a rule.
func TestRequestPHPVerbose(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	got := runMain(t, "", "request", fpm["tcp"], "/hello.php?a=b", "--root", fpm["root"], "-v", "-H", "X-Test: 1")
	for _, want := range []string{
		"> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n", "    QUERY_STRING=\"a=b\"\n", "    HTTP_X_TEST=1\n",
		"< STDOUT id=1", "< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE",
	} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("-v does not show %q:\n%s", want, got.stderr)
		}
	}
	for _, level := range []wire.Level{wire.Must, wire.Should} {
		if strings.Contains(got.stderr, "# "+level.String()) {
			t.Errorf("the conversation breaks a rule:\n%s", got.stderr)
		}
	}
}

// TestRequestPHPStreams: the body comes while the script still runs.
func TestRequestPHPStreams(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	env, _, _ := testEnv("")
	pr, pw := io.Pipe()
	env.Stdout = pw
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, []string{"fcgiscope", "request", fpm["unix"], "/slow.php?ms=30000", "--root", fpm["root"]}, env)
		pw.Close()
	}()
	first := make([]byte, len("started\n"))
	if _, err := io.ReadFull(pr, first); err != nil || string(first) != "started\n" {
		t.Fatalf("read %q, error %v", first, err)
	}
	cancel() // as Ctrl-C does
	if _, err := io.Copy(io.Discard, pr); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if got := <-code; got != 130 {
		t.Errorf("exit code %d, want 130", got)
	}
}

// TestRequestPHPCookies: what PHP sets is kept, and sent again.
func TestRequestPHPCookies(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	jar := filepath.Join(t.TempDir(), "jar")
	ask := func(args ...string) string {
		got := runMain(t, "", append([]string{"request", fpm["unix"], "--root", fpm["root"], "-b", jar, "-c", jar}, args...)...)
		if got.code != 0 || got.stderr != "" {
			t.Fatalf("%q: exit code %d, stderr %s", args, got.code, got.stderr)
		}
		return got.stdout
	}
	ask("/cookies.php")
	kept, err := os.ReadFile(jar)
	if err != nil || !strings.Contains(string(kept), "localhost\tFALSE\t/\tFALSE\t") {
		t.Fatalf("the jar holds %q, error %v", kept, err)
	}
	if got := ask("/echo.php"); !strings.Contains(got, `"HTTP_COOKIE":"`) {
		t.Errorf("they are not sent again: %s", got)
	}
}

// TestRequestOthers: the roles, exit statuses and habits of applications that
// are not PHP.
func TestRequestOthers(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte("to be filtered"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		peer, args string
		code       int
		stdout     string // in it
		stderr     string // in it; "" is none at all
	}{
		{"libfcgi-authorizer", "ADDR /?token=open --role authorizer -i", 0, "Variable-AUTH_USER: alice", ""},
		{"libfcgi-authorizer", "ADDR / --role authorizer --fail-with-body", 4, "refused", "stderr: refused: nobody"},
		{"libfcgi-filter", "ADDR / --role filter --data-file DATA -d in", 0, "data: 14\nTO BE FILTERED", ""},
		{"libfcgi-filter", "ADDR /?exit=7 --role filter --data-file DATA", 4, "", "appStatus 7"},
		{"perl-fcgi", "ADDR / -d body", 0, "body: 4\nbody", ""},
		{"perl-async", "ADDR / -d body", 0, "body", ""},
		{"go-fcgi", "ADDR / -d body", 0, "body: 4\nbody", ""},
		{"go-fcgi", "ADDR / --role filter --data-file DATA", 4, "", "protocolStatus UNKNOWN_ROLE"},
		{"fcgiwrap", "ADDR /echo.cgi --root ROOT -d body", 0, "CONTENT_LENGTH=4", ""},
		{"fcgiwrap", "ADDR /nothing.cgi --root ROOT --fail", 4, "", "HTTP status 403"},
	}
	for _, tt := range tests {
		t.Run(tt.peer, func(t *testing.T) {
			t.Parallel()
			peer := wiretest.RealPeer(t, tt.peer)
			args := strings.NewReplacer("ADDR", peer["unix"], "ROOT", peer["root"], "DATA", data).Replace(tt.args)
			got := runMain(t, "", append([]string{"request"}, strings.Fields(args)...)...)
			if got.code != tt.code || !strings.Contains(got.stdout, tt.stdout) {
				t.Errorf("%s: exit code %d, stdout %q, want %d, %q", args, got.code, got.stdout, tt.code, tt.stdout)
			}
			if !strings.Contains(got.stderr, tt.stderr) || tt.stderr == "" && got.stderr != "" {
				t.Errorf("%s: stderr %q, want %q in it", args, got.stderr, tt.stderr)
			}
		})
	}
}

// TestGetValuesRealPeers: who answers what, and whether it is true.
func TestGetValuesRealPeers(t *testing.T) {
	t.Parallel()
	tests := []struct{ peer, value, application, multiplexing string }{
		{"php-fpm", "FCGI_MPXS_CONNS 0", "likely php-fpm", "lost (of two interleaved requests only 1 was answered; then it closed the connection)"},
		{"libfcgi-responder", "FCGI_MAX_CONNS 1", "likely libfcgi,", "refused (one of two interleaved requests was refused with CANT_MPX_CONN)"},
		{"perl-fcgi", "FCGI_MPXS_CONNS 0", "likely libfcgi,", "refused ("},
		{"fcgiwrap", "FCGI_MPXS_CONNS 0", "likely libfcgi,", "refused ("},
		{"perl-async", "FCGI_MPXS_CONNS 1", "likely Net::Async::FastCGI", "works (two interleaved requests were both answered, "},
		{"go-fcgi", "FCGI_MPXS_CONNS 1", "likely Go's net/http/fcgi", "works ("},
	}
	for _, tt := range tests {
		t.Run(tt.peer, func(t *testing.T) {
			t.Parallel()
			peer := wiretest.RealPeer(t, tt.peer)
			got := runMain(t, "", "get-values", peer["unix"], "--verify", "--timeout", "30")
			said := strings.Join(strings.Fields(got.stdout), " ")
			for _, want := range []string{tt.value, "application: " + tt.application, "multiplexing: " + tt.multiplexing} {
				if got.code != 0 || !strings.Contains(said, want) {
					t.Errorf("exit code %d, stdout %q, stderr %q, want %q", got.code, got.stdout, got.stderr, want)
				}
			}
		})
	}
}

// TestNotPermitted: a socket that we may not use.
func TestNotPermitted(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may use every socket")
	}
	fpm := wiretest.RealPeer(t, "php-fpm")
	if err := os.Chmod(fpm["unix"], 0); err != nil {
		t.Fatal(err)
	}
	got := runMain(t, "", "request", fpm["unix"], "/ping")
	if got.code != 5 || !strings.Contains(got.stderr, "permission denied") || !strings.Contains(got.stderr, "hint: try it with sudo") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
}
