package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"go/format"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// exportOf returns what --export prints.
func exportOf(t *testing.T, tool string, args ...string) string {
	t.Helper()
	got := runMain(t, "", slices.Concat([]string{"request", "--export", tool}, args)...)
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("--export %s: exit code %d, stderr %s", tool, got.code, got.stderr)
	}
	return got.stdout
}

// shell runs a command line and returns its stdout.
func shell(t *testing.T, dir, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "no_proxy=*")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// TestExportCgiFcgi: cgi-fcgi asks php-fpm the same.
func TestExportCgiFcgi(t *testing.T) {
	t.Parallel()
	wiretest.RealPeer(t, "cgi-fcgi")
	fpm := wiretest.RealPeer(t, "php-fpm")
	file := filepath.Join(t.TempDir(), "it's a body")
	if err := os.WriteFile(file, []byte("\x00from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{fpm["tcp"], fpm["unix"]} {
		for _, more := range [][]string{
			{},
			{"-d", "it's 100% \\n\x01\xff\n"},
			{"-P", "X=a 'b' \"c\" $d `e`\\", "-H", "X-Two: 2", "--data-binary", "@" + file},
			{"-d", "-n"},
		} {
			args := slices.Concat([]string{addr, "/echo.php?a=b&c", "--root", fpm["root"]}, more)
			want := runMain(t, "", slices.Concat([]string{"request", "-i"}, args)...)
			if got := shell(t, "", exportOf(t, "cgi-fcgi", args...)); got != want.stdout || want.code != 0 {
				t.Errorf("%q: cgi-fcgi prints\n%s\nwant\n%s", args, got, want.stdout)
			}
		}
	}
}

// TestExportOwn: the command line does what the flags did.
func TestExportOwn(t *testing.T) {
	t.Parallel()
	args := []string{"app:env", "/a b?c", "--root", "/srv/it's", "-d", "x\ny", "-P", "A=$HOME", "--id", "3", "-I", "-X", "POST"}
	line := strings.TrimSpace(exportOf(t, "fcgiscope", args...))
	words := strings.Split(shell(t, "", `printf '%s\0' `+line), "\x00")
	want := runMain(t, "", slices.Concat([]string{"request", "--format", "text", "--stable"}, args)...)
	got := runMain(t, "", append(words[1:len(words)-1], "--format", "text", "--stable")...)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", line, diff)
	}
}

// TestExportGo: the program is Go, and asks php-fpm the same.
func TestExportGo(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	dir := t.TempDir()
	file := filepath.Join(dir, "body")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, more := range [][]string{{"-d", "x\x00\"\xff"}, {"-T", file, "--keep-conn", "--id", "300"}} {
		args := slices.Concat([]string{fpm["unix"], "/echo.php", "--root", fpm["root"]}, more)
		program := exportOf(t, "go", args...)
		if formatted, err := format.Source([]byte(program)); err != nil || string(formatted) != program {
			t.Errorf("it is not as gofmt has it (%v):\n%s", err, program)
		}
		name := filepath.Join(dir, fmt.Sprintf("main%d.go", i))
		if err := os.WriteFile(name, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		want := runMain(t, "", append([]string{"request"}, args...)...)
		if got := shell(t, "..", "go vet "+name+" && go run "+name+" 2>/dev/null"); got != want.stdout {
			t.Errorf("%q: the program prints\n%s\nwant\n%s", args, got, want.stdout)
		}
	}
	// One for each role, and one without a body, has to compile.
	for i, more := range [][]string{{}, {"--role", "authorizer"}, {"--role", "filter", "--data-file", file}} {
		name := filepath.Join(dir, fmt.Sprintf("role%d.go", i))
		program := exportOf(t, "go", slices.Concat([]string{"127.0.0.1:1", "/"}, more)...)
		if err := os.WriteFile(name, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		shell(t, "..", "go vet "+name)
	}
}

// TestExportNginx: the location and the command for curl, together, make the
// request that php-fpm gets from us.
func TestExportNginx(t *testing.T) {
	t.Parallel()
	wiretest.RealPeer(t, "curl")
	fpm := wiretest.RealPeer(t, "php-fpm")
	wiretest.RealPeer(t, "nginx", "--to", fpm["tcp"]) // or there is none
	for _, addr := range []string{fpm["tcp"], fpm["unix"]} {
		args := []string{addr, "/echo.php/in%20fo?q=1&r=%20", "--root", fpm["root"], "-H", "X-Test: it's 1", "-u", "me:pw", "-b", "a=b",
			"-P", `APP="a" \ {b};'c' # d`, "--data-urlencode", "n=a b", "-X", "PUT"}
		socket := startNginx(t, exportOf(t, "nginx", args...))
		line := strings.TrimSpace(exportOf(t, "curl", append(args, "-s")...))
		through := shell(t, "", "curl -qsS --unix-socket "+socket+strings.TrimPrefix(line, "curl"))
		direct := runMain(t, "", append([]string{"request"}, args...)...).stdout
		// What the connection and the program decide.
		own := []string{"REMOTE_ADDR", "REMOTE_PORT", "SERVER_ADDR", "SERVER_PORT", "SERVER_NAME", "SERVER_SOFTWARE", "HTTP_ACCEPT", "HTTP_USER_AGENT",
			"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "FCGI_ROLE"}
		if diff := cmp.Diff(echoedBy(t, direct, own), echoedBy(t, through, own)); diff != "" {
			t.Errorf("%s (-direct +nginx):\n%s", addr, diff)
		}
	}
}

// echoedBy reads what echo.php prints, without some of the parameters.
func echoedBy(t *testing.T, page string, without []string) map[string]any {
	t.Helper()
	params := map[string]any{}
	_, rest, _ := strings.Cut(page, "params: ")
	line, body, _ := strings.Cut(rest, "\n")
	if err := json.Unmarshal([]byte(line), &params); err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	for _, name := range without {
		delete(params, name)
	}
	params["the body"] = body
	return params
}

// startNginx starts nginx with a location, and returns the Unix socket on which
// it speaks HTTP.
func startNginx(t *testing.T, location string) string {
	t.Helper()
	dir := wiretest.SocketDir(t)
	socket := filepath.Join(dir, "http")
	var paths strings.Builder
	for _, kind := range []string{"client_body", "fastcgi", "proxy", "scgi", "uwsgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	conf := fmt.Sprintf("daemon off;\nmaster_process off;\npid %[1]s/run;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%[2]sserver {\nlisten unix:%[3]s;\n%[4]s}\n}\n",
		dir, &paths, socket, location)
	file := filepath.Join(dir, "conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", file)
	if cmd.Err != nil {
		cmd = exec.Command("/usr/sbin/nginx", cmd.Args[1:]...)
	}
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("nginx: %s\n%s", &said, conf)
		case <-limit:
			t.Fatal("nginx does not listen")
		}
	}
}

// TestExportPcapng: tshark reads it.
func TestExportPcapng(t *testing.T) {
	t.Parallel()
	wiretest.RealPeer(t, "tshark")
	file := filepath.Join(t.TempDir(), "request.pcapng")
	exportOf(t, "pcapng", "127.0.0.1:9000", "/a.php", "-d", "body", "-o", file)
	got := strings.Join(strings.FieldsFunc(shell(t, "", "tshark -r "+file+" -d tcp.port==9000,fcgi -T fields -e fcgi.type 2>/dev/null"),
		func(r rune) bool { return r == ',' || r == '\n' }), " ")
	if want := "1 4 4 5 5"; got != want {
		t.Errorf("tshark sees records of the types %q, want %q", got, want)
	}
}
