package commands

import (
	"context"
	"encoding/xml"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// recordedRoot is where the scripts were when scripts/record made the captures.
const recordedRoot = "/tmp/fcgiscope-peers/www"

// TestReplayRealPeers: what was recorded with an application is answered by the
// same application in the same way again.
func TestReplayRealPeers(t *testing.T) {
	t.Parallel()
	for peer, captures := range map[string][]string{
		"php-fpm": {"apache-php", "apache-php-keepconn", "cgi-fcgi-php", "lighttpd-php", "nginx-php-get", "nginx-php-keepconn",
			"nginx-php-post", "nginx-php-stderr", "nginx-php-ping-status", "nginx-debug-log"},
		"libfcgi-responder":  {"nginx-libfcgi"},
		"libfcgi-authorizer": {"apache-authorizer", "lighttpd-authorizer"},
		"go-fcgi":            {"nginx-go"},
		"fcgiwrap":           {"nginx-fcgiwrap"},
	} {
		t.Run(peer, func(t *testing.T) {
			t.Parallel()
			app := wiretest.RealPeer(t, peer)
			args := []string{"--unsafe", "--only-changed", "--ignore", "X-Powered-By"}
			if root := app["root"]; root != "" {
				args = append(args, "--root-map", recordedRoot+"="+root)
			}
			for _, capture := range captures {
				ways := []string{"--loop=1", "--fresh", "--concurrency=2", "--speed=10x"}
				if peer == "libfcgi-responder" {
					ways = ways[:1] // the exit status that a request sets is that of the next ones, too
				}
				for _, more := range ways {
					line := append([]string{"replay", "../fixtures/capture/rec-" + capture + ".pcap", app["tcp"], more}, args...)
					if capture == "nginx-php-ping-status" {
						line = append(line, "--where", `uri == "/ping"`) // the status is another one each time
					}
					got := runMain(t, "", line...)
					if got.code != 0 || got.stdout != "" || !strings.Contains(got.stderr, "the same, 0 different") {
						t.Errorf("%s: exit code %d\n%s%s", strings.Join(line, " "), got.code, got.stdout, got.stderr)
					}
				}
			}
		})
	}
}

// TestReplayChangedApplication: of an application that was changed exactly the
// change is shown.
func TestReplayChangedApplication(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	changed := filepath.Join(fpm["root"], "changed")
	if err := os.Mkdir(changed, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"echo.php", "status.php"} {
		if err := os.Link(filepath.Join(fpm["root"], name), filepath.Join(changed, name)); err != nil {
			t.Fatal(err)
		}
	}
	script := []byte(`<?php header('Content-Type: text/plain;charset=UTF-8'); header('X-New: 1'); echo "hello\nagain\n";`)
	if err := os.WriteFile(filepath.Join(changed, "hello.php"), script, 0o644); err != nil {
		t.Fatal(err)
	}
	got := runMain(t, "", "replay", "../fixtures/capture/rec-nginx-php-keepconn.pcap", fpm["tcp"], "--stable", "--ignore", "X-Powered-By",
		"--root-map", recordedRoot+"="+changed)
	want := `0/1 GET /hello.php 200 differs
    header X-New: was none, is "1"
    body: from byte 6 on, line 2
      was ""
      is  "again\n"
0/1 GET /echo.php/extra/path?q 200 same
0/1 GET /status.php?code=404 404 same
`
	if got.code != 3 || got.stdout != want {
		t.Errorf("exit code %d: %s\n%s", got.code, differingLines(want, got.stdout), got.stderr)
	}
}

// unanswerable are captures that a mock does not answer as the application did:
// it is one application, and not several that are different.
var unanswerable = map[string]string{
	"client-get-values.pcap":  "answers of several applications to the same question",
	"client-role-errors.pcap": "likewise, about roles",
	"client-params-edge.pcap": "likewise, about parameters",
	"client-version.pcap":     "likewise, about versions",
	"client-abort.pcap":       "requests are aborted",
}

// TestReplayText: what dump prints of a capture is replayed as the capture is,
// built anew and byte for byte.
func TestReplayText(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../fixtures/capture/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() > 1<<20 || unanswerable[filepath.Base(file)] != "" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			printed := runMain(t, "", "dump", file, "-f", "text").stdout
			for _, how := range []string{"--exact", "--no-ignore"} {
				m := &server.Mock{Layout: true}
				env, stdout, stderr := testEnv(printed)
				if err := learn(t.Context(), env, m, file); err != nil || m.Requests() == 0 {
					t.Skip("there is no answer in it")
				}
				s := &server.Server{Handler: m.Handle}
				env.Dial = func(context.Context, transport.Addr) (net.Conn, error) {
					near, far := net.Pipe()
					go s.ServeConn(context.Background(), far)
					return near, nil
				}
				code := Main(t.Context(), []string{"fcgiscope", "replay", "-", "127.0.0.1:9", "--unsafe", "--layout", "--stable", how}, env)
				if strings.Contains(stderr.String(), "nothing to send") {
					continue
				}
				if code != 0 || !strings.Contains(stderr.String(), "the same, 0 different") {
					t.Errorf("%s: exit code %d\n%s%s", how, code, stdout, stderr)
				}
			}
		})
	}
}

// TestReplayFixtures: each conversation of the fixtures can be printed, edited
// and replayed; what the edit broke is named with its line.
func TestReplayFixtures(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"valid/*.txtar", "broken/*.txtar"} {
		for _, name := range wiretest.Glob(t, pattern) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := wiretest.Load(t, name)
				printed := runMain(t, string(f.Text), "dump", "-", "--from", "text", "-f", "text").stdout
				got := runMain(t, printed, "replay", "-", "app:echo", "--exact", "--all", "--unsafe", "--timeout", "0.2")
				if got.code != 0 && got.code != 3 || !strings.Contains(got.stderr, "different") {
					t.Errorf("exit code %d: %s", got.code, got.stderr)
				}
				lines := strings.SplitAfter(printed, "\n")
				at := len(lines) / 2
				for at > 0 && !strings.HasPrefix(lines[at], ">") && !strings.HasPrefix(lines[at], "<") {
					at--
				}
				lines[at] = lines[at][:1] + " NOTHING" + lines[at][1:]
				got = runMain(t, strings.Join(lines, ""), "replay", "-", "app:echo", "--exact", "--all", "--unsafe")
				if want := "standard input: line " + strconv.Itoa(at+1) + ", "; got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, want) {
					t.Errorf("exit code %d, want %q in %s", got.code, want, got.stderr)
				}
			})
		}
	}
}

// TestReplayEdited: an edit that leaves the text readable and breaks a rule is
// told with its line.
func TestReplayEdited(t *testing.T) {
	t.Parallel()
	script := `> BEGIN_REQUEST id=1 role=RESPONDER flags=0
> PARAMS id=1
    REQUEST_METHOD=POST
    CONTENT_LENGTH=4
> PARAMS id=1
> STDIN id=1 "longer"
> STDIN id=1
< STDOUT id=1 "A: b\r\n\r\n"
< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE
`
	got := runMain(t, script, "replay", "-", "app:echo", "--unsafe", "--ignore", "body")
	if want := "fcgiscope: standard input: line 7: stdin-length: STDIN has 6 bytes, CONTENT_LENGTH is 4\n"; !strings.Contains(got.stderr, want) {
		t.Errorf("%q is not in %s", want, got.stderr)
	}
}

// TestReplayGaps: of a capture with gaps, what is whole is sent, and the rest is
// named.
func TestReplayGaps(t *testing.T) {
	t.Parallel()
	got := runMain(t, "", "replay", "../fixtures/capture/derived-lost-segment-s2c.pcap", "app:echo", "--unsafe")
	if !strings.Contains(got.stderr, "left out: 1 request: its answer is not in the file, or not all of it: ") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// TestReplayCheck: a conversation as a test passes or fails.
func TestReplayCheck(t *testing.T) {
	t.Parallel()
	const records = `-- records --
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
> PARAMS id=1 REQUEST_METHOD=POST CONTENT_LENGTH=5 REQUEST_URI="/a"
> PARAMS id=1
> STDIN id=1 "abc"
> STDIN id=1
< STDOUT id=1 "Content-Type: text/plain; charset=utf-8\r\n\r\nHello from fcgiscope.\n"
< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE
`
	for _, tt := range []struct {
		name, file, addr string
		code             int
		stdout, stderr   string // in them
	}{
		{"good", "-- expect --\n# Nobody minds.\nfinding stdin-length dir=to-app\n" + records, "app:hello", 0, "0/1 POST /a 200 same\n", ""},
		{"with an offset", "-- expect --\nfinding stdin-length offset=95\n" + records, "app:hello", 0, "0/1 POST /a 200 same\n", ""},
		{"another offset", "-- expect --\nfinding stdin-length offset=1\n" + records, "app:hello", 3, "expected on line 2, did not come: finding stdin-length offset=1\nnot expected: finding stdin-length dir=to-app offset=95: STDIN", "2 rules not as expected"},
		{"not expected", records, "app:hello", 3, "not expected: finding stdin-length dir=to-app", "1 rule not as expected"},
		{"another answer", "-- expect --\nfinding stdin-length\n" + records, "app:env", 3, "0/1 POST /a 200 differs\n    body", "differences in 1 of 1 answer"},
		{"wrong rule", "-- expect --\nfinding stdin-lenght\nnothing\n" + records, "app:hello", 1, "", "FILE: line 2: no rule \"stdin-lenght\" (fcgiscope rules lists them)\nfcgiscope: FILE: line 3: want finding RULE"},
		{"another section", records + "-- more --\n", "app:hello", 1, "", `FILE: line 9: section "more", and there are expect and records`},
		{"no text", strings.Replace(records, "STDIN", "STDOWN", 1), "app:hello", 1, "", "FILE: line 5, column 3: unknown record type"},
		{"no records", "-- expect --\n", "app:hello", 1, "", "FILE: there is no section records"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "test.txtar")
			if err := os.WriteFile(file, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			got := runMain(t, "", "replay", "--check", file, tt.addr, "--stable")
			stderr := strings.ReplaceAll(got.stderr, file, "FILE")
			if got.code != tt.code || !strings.Contains(got.stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) || (tt.code == 1) != (got.stdout == "") {
				t.Errorf("exit code %d, want %d\n%s%s", got.code, tt.code, got.stdout, stderr)
			}
			if tt.code == 1 {
				return
			}
			got = runMain(t, "", "replay", "--check", file, tt.addr, "-f", "junit")
			var report struct {
				Failures int `xml:"failures,attr"`
				Suites   []struct {
					Cases []struct {
						Failure *string `xml:"failure"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			if err := xml.Unmarshal([]byte(got.stdout), &report); err != nil || len(report.Suites) != 1 || len(report.Suites[0].Cases) != 2 {
				t.Fatalf("%v\n%s", err, got.stdout)
			}
			if (report.Failures > 0) != (tt.code == 3) {
				t.Errorf("%d failures", report.Failures)
			}
		})
	}
}
