package commands

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// requestTo returns the options that a command line without flags gives.
func requestTo(target, url string) requestOptions {
	var o requestOptions
	o.flags() // sets the defaults
	o.target, o.params.url = target, url
	return o
}

// dialing makes every connection one to peer, in memory.
func dialing(t *testing.T, env *Env, peer badPeer) {
	t.Helper()
	env.Dial = func(context.Context, transport.Addr) (net.Conn, error) {
		near, far := net.Pipe()
		gone := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer far.Close()
			peer(far, gone)
		}()
		t.Cleanup(func() {
			close(gone)
			near.Close()
			<-done
		})
		return near, nil
	}
}

// TestRequestTimeouts: there are limits when the user names none, and which of
// them it was is said.
func TestRequestTimeouts(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, a transport.Addr) (net.Conn, error) {
		<-ctx.Done()
		return nil, &transport.DialError{Addr: a, Reason: transport.Timeout, Err: ctx.Err()}
	}
	tests := []struct {
		name   string
		change func(o *requestOptions)
		dial   func(context.Context, transport.Addr) (net.Conn, error) // nil: one that is silent
		after  time.Duration
		want   string
	}{
		{"idle", func(*requestOptions) {}, nil, time.Minute, "no answer for 1m0s (--timeout)"},
		{"connect", func(*requestOptions) {}, hang, 5 * time.Second, "connect to tcp:127.0.0.1:9000: no answer for 5s (--connect-timeout)"},
		{"whole", func(o *requestOptions) { o.timing.whole = duration(3 * time.Second) }, nil, 3 * time.Second, "not done after 3s (--max-time)"},
		{"whole while connecting", func(o *requestOptions) { o.timing.whole = duration(3 * time.Second) }, hang, 3 * time.Second, "not done after 3s (--max-time)"},
		{"no idle limit", func(o *requestOptions) { o.timing.idle, o.timing.whole = 0, duration(time.Hour) }, nil, time.Hour, "not done after 1h0m0s (--max-time)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				env, stdout, _ := testEnv("")
				dialing(t, env, badPeers["silent"])
				if tt.dial != nil {
					env.Dial = tt.dial
				}
				o := requestTo("127.0.0.1:9000", "/")
				tt.change(&o)
				start := time.Now()
				err := request(t.Context(), env, o)
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %v, want %v", took, tt.after)
				}
				if exitCode(err) != 6 || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want exit code 6 and %q", err, tt.want)
				}
				if stdout.Len() > 0 {
					t.Errorf("stdout %q", stdout)
				}
			})
		})
	}
}

// TestRequestTerminal: a body that goes to a terminal is text, unless -o - says
// that it is wanted as it is.
func TestRequestTerminal(t *testing.T) {
	t.Parallel()
	const header = "Content-Type: text/plain\r\n\r\n"
	tests := []struct {
		terminal      bool
		file          string
		include, head bool
		want          string
	}{
		{true, "", false, false, `\x1b]0;title\x07\xc2\x9b` + "\ttab\r\nline\n"},
		{true, "", true, false, header + `\x1b]0;title\x07\xc2\x9b` + "\ttab\r\nline\n"},
		{true, "", false, true, header},
		{true, "-", false, false, "\x1b]0;title\x07\xc2\x9b\ttab\r\nline\n"},
		{false, "", false, false, "\x1b]0;title\x07\xc2\x9b\ttab\r\nline\n"},
	}
	for _, tt := range tests {
		env, stdout, stderr := testEnv("")
		env.Terminal.Stdout = tt.terminal
		dialing(t, env, badPeers["steers"])
		o := requestTo("127.0.0.1:9000", "/")
		o.answer = answerOptions{file: tt.file, include: tt.include, head: tt.head}
		if err := request(t.Context(), env, o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, stdout.String()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt, diff)
		}
		if strings.Contains(stderr.String(), "\x1b") {
			t.Errorf("stderr holds an escape: %q", stderr)
		}
	}
}

// TestRequestOutput: a file is touched only when there is something to put into
// it, or when a complete answer has no body.
func TestRequestOutput(t *testing.T) {
	t.Parallel()
	const old = "what was there"
	tests := []struct {
		peer string
		want string
	}{
		{"closes", old}, {"overloaded", old}, {"http", old},
		{"empty", ""}, {"headless", "no header\n"}, {"no-end", "half of a pa"}, {"failed", "sorry\n"},
	}
	for _, tt := range tests {
		env, stdout, _ := testEnv("")
		dialing(t, env, badPeers[tt.peer])
		o := requestTo("127.0.0.1:9000", "/")
		o.answer.file = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(o.answer.file, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = request(t.Context(), env, o)
		got, err := os.ReadFile(o.answer.file)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: the file holds %q (%v), want %q", tt.peer, got, err, tt.want)
		}
		if stdout.Len() > 0 {
			t.Errorf("%s: stdout %q", tt.peer, stdout)
		}
	}
}

// TestRequestReaderGone: a body that nobody reads any more ends the request,
// quietly.
func TestRequestReaderGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	env, _, stderr := testEnv("")
	env.Stdout = w
	dialing(t, env, badPeers["stalls"])
	err = request(t.Context(), env, requestTo("127.0.0.1:9000", "/"))
	if code := report(t.Context(), env, err); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q, error %v, want a quiet 0", code, stderr, err)
	}
}

// TestRequestParams: which parameters flags make.
func TestRequestParams(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args string
		want map[string]string // "-" is a parameter that must be missing
	}{
		{"", map[string]string{"REQUEST_METHOD": "GET", "REQUEST_URI": "/", "QUERY_STRING": "", "SCRIPT_FILENAME": "/index.php"}},
		{"/ping", map[string]string{"SCRIPT_NAME": "/ping", "SCRIPT_FILENAME": "/ping"}},
		{"/status?json&full", map[string]string{"SCRIPT_NAME": "/status", "QUERY_STRING": "json&full", "REQUEST_URI": "/status?json&full"}},
		{"/a.php/info?q --root /srv/www", map[string]string{"SCRIPT_FILENAME": "/srv/www/a.php", "PATH_INFO": "/info", "DOCUMENT_ROOT": "/srv/www"}},
		{"/a.php --root www", map[string]string{"SCRIPT_FILENAME": here + "/www/a.php"}},
		{"--script ./a.php", map[string]string{"SCRIPT_FILENAME": here + "/a.php", "SCRIPT_NAME": "/a.php", "REQUEST_URI": "/a.php", "DOCUMENT_ROOT": here}},
		{"--script a.php --root /srv/www", map[string]string{"SCRIPT_FILENAME": "/srv/www/a.php"}},
		{"/any/path --script /srv/www/index.php --root /srv/www", map[string]string{"SCRIPT_FILENAME": "/srv/www/index.php", "REQUEST_URI": "/any/path", "SCRIPT_NAME": "/index.php"}},
		{"https://example.org/a", map[string]string{"HTTPS": "on", "HTTP_HOST": "example.org", "SERVER_PORT": "443", "SERVER_NAME": "example.org"}},
		{"-d a=b", map[string]string{"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "3", "CONTENT_TYPE": "application/x-www-form-urlencoded"}},
		{"-d a=b -d c=d,e", map[string]string{"CONTENT_LENGTH": "9"}},
		{"-X PUT -d a=b -H Content-Type:text/x", map[string]string{"REQUEST_METHOD": "PUT", "CONTENT_TYPE": "text/x", "HTTP_CONTENT_TYPE": "-"}},
		{"-d a -H Content-Type:", map[string]string{"CONTENT_TYPE": ""}},
		{"-I", map[string]string{"REQUEST_METHOD": "HEAD"}},
		{"-I -X GET", map[string]string{"REQUEST_METHOD": "GET"}},
		{"-H X-A:1 -H X-B; -H X-C:", map[string]string{"HTTP_X_A": "1", "HTTP_X_B": "", "HTTP_X_C": "-"}},
		{"-H Host:other", map[string]string{"HTTP_HOST": "other"}},
		{"-H Host:", map[string]string{"HTTP_HOST": "-"}},
		{"-H Proxy:evil", map[string]string{"HTTP_PROXY": "-"}},
		{"-H Content-Length:7", map[string]string{"CONTENT_LENGTH": "-", "HTTP_CONTENT_LENGTH": "-"}},
		{"-P HTTPS=on -P REMOTE_ADDR=::1 -P X=a=b,c", map[string]string{"HTTPS": "on", "REMOTE_ADDR": "::1", "X": "a=b,c"}},
		{"-P CONTENT_LENGTH=99 -d a", map[string]string{"CONTENT_LENGTH": "99"}},
		{"--unset REQUEST_METHOD --unset SERVER_NAME", map[string]string{"REQUEST_METHOD": "-", "SERVER_NAME": "-"}},
		{"--role authorizer", map[string]string{"SCRIPT_NAME": "-", "CONTENT_LENGTH": "-"}},
		{"--role filter --data-file body.go", map[string]string{"FCGI_DATA_LENGTH": size(t, "body.go")}},
	}
	for _, tt := range tests {
		got := echoed(t, strings.Fields(tt.args)...)
		for name, want := range tt.want {
			value, ok := got[name]
			if !ok {
				value = "-"
			}
			if value != want {
				t.Errorf("%s: %s is %q, want %q", tt.args, name, value, want)
			}
		}
	}
}

// echoed sends a request to an application that is built in and returns the
// parameters that were on the wire.
func echoed(t *testing.T, args ...string) map[string]string {
	t.Helper()
	got := runMain(t, "", slices.Concat([]string{"request", "app:env", "--format", "jsonl", "--events", "pair"}, args)...)
	params := map[string]string{}
	for line := range strings.Lines(got.stdout) {
		var pair struct{ Name, Value string }
		if err := json.Unmarshal([]byte(line), &pair); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		params[pair.Name] = pair.Value
	}
	if got.code != 0 || len(params) == 0 {
		t.Fatalf("%s: exit code %d, stdout %q, stderr %q", args, got.code, got.stdout, got.stderr)
	}
	return params
}

func size(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(len(b))
}
