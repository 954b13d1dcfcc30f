package commands

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestAuto: the first place that takes a connection is taken, and the others
// are told.
func TestAuto(t *testing.T) {
	t.Parallel()
	root := fstest.MapFS{
		"run/php/php8.2-fpm.sock":         {Mode: fs.ModeSocket},
		"etc/php/8.2/fpm/pool.d/api.conf": {Data: []byte("[api]\nlisten = /run/php/$pool.sock\n[odd]\nlisten = \x1b[2J\n")},
	}
	tests := []struct {
		up     string // who takes connections
		code   int
		stderr []string // lines
	}{
		{"unix:/run/php/php8.2-fpm.sock", 0, []string{"auto: took unix:/run/php/php8.2-fpm.sock (a usual socket)"}},
		{"unix:/run/php/api.sock", 0, []string{
			"auto: not unix:/run/php/php8.2-fpm.sock (a usual socket): nobody listens on the socket",
			"auto: took unix:/run/php/api.sock (/etc/php/8.2/fpm/pool.d/api.conf:2)",
		}},
		{"tcp:127.0.0.1:9000", 0, []string{
			"auto: not unix:/run/php/php8.2-fpm.sock (a usual socket): nobody listens on the socket",
			"auto: not unix:/run/php/api.sock (/etc/php/8.2/fpm/pool.d/api.conf:2): nobody listens on the socket",
			`auto: not /etc/php/8.2/fpm/pool.d/api.conf:4: listen = "\x1b[2J": not an address`,
			"auto: took tcp:127.0.0.1:9000 (the default)",
		}},
		{"nobody", 5, []string{
			"auto: not unix:/run/php/php8.2-fpm.sock (a usual socket): nobody listens on the socket",
			"auto: not unix:/run/php/api.sock (/etc/php/8.2/fpm/pool.d/api.conf:2): nobody listens on the socket",
			`auto: not /etc/php/8.2/fpm/pool.d/api.conf:4: listen = "\x1b[2J": not an address`,
			"auto: not tcp:127.0.0.1:9000 (the default): connection refused",
			"auto: nobody is at the usual places of php-fpm",
			"hint: is php-fpm running? listen = in its pool's file is its address",
		}},
	}
	for _, tt := range tests {
		env, _, stderr := testEnv("")
		env.Root = root
		values := badPeers["values"]
		gone := make(chan struct{})
		env.Dial = func(_ context.Context, a transport.Addr) (net.Conn, error) {
			if a.String() != tt.up {
				return nil, &transport.DialError{Addr: a, Reason: transport.Refused, Err: errors.New("refused")}
			}
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				values(far, gone)
			}()
			return near, nil
		}
		code := Main(t.Context(), []string{"fcgiscope", "get-values", "auto", "--format", "jsonl"}, env)
		close(gone)
		var want strings.Builder
		for _, line := range tt.stderr {
			want.WriteString("fcgiscope: " + line + "\n")
		}
		if code != tt.code || stderr.String() != want.String() {
			t.Errorf("%s: exit code %d, stderr:\n%s want %d,\n%s", tt.up, code, stderr, tt.code, &want)
		}
	}
}

// TestAutoPHP: a real php-fpm, where a pool's file says.
func TestAutoPHP(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	env, stdout, stderr := testEnv("")
	env.Root = fstest.MapFS{"usr/local/etc/php-fpm.d/www.conf": {Data: []byte("[www]\nlisten = " + fpm["unix"] + "\n")}}
	code := Main(t.Context(), []string{"fcgiscope", "request", "auto", "/ping"}, env)
	if code != 0 || stdout.String() != "pong" || !strings.Contains(stderr.String(), "auto: took unix:"+fpm["unix"]) {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
