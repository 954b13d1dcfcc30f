package commands

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// TestAddressHints: what an address that is none was meant to be.
func TestAddressHints(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"uinx:/run/a.sock:x", ""}, // anything with a / is a path
		{"exce:./app", ""},
		{"exce:app", "did you mean exec:app?"},
		{"aap:echo", "did you mean app:echo?"},
		{"atuo", "did you mean auto?"},
		{"tcp://127.0.0.1:9000", "without //: 127.0.0.1:9000"},
		{"unix://a", ""}, // a path, if an odd one
		{"fcgi://php:9000", "without //: php:9000"},
		{"http://", "give the application's address first"},
		{"localhost", ""},
		{"localhost:http", ""},
		{"", "an address is such as 127.0.0.1:9000"},
	}
	for _, tt := range tests {
		_, err := parseTarget(tt.in)
		var h hinted
		hint := ""
		if errors.As(err, &h) {
			hint = h.hint
		}
		if tt.want == "" && hint != "" || !strings.Contains(hint, tt.want) {
			t.Errorf("%q: hint %q, want %q", tt.in, hint, tt.want)
		}
	}
}

func TestParseTarget(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"127.0.0.1:9000", "tcp:127.0.0.1:9000"},
		{"9000", "tcp:127.0.0.1:9000"},
		{":9000", "tcp:127.0.0.1:9000"},
		{"[::1]:9000", "tcp:[::1]:9000"},
		{"tcp:php:9000", "tcp:php:9000"},
		{"/run/a.sock", "unix:/run/a.sock"},
		{"./a.sock", "unix:./a.sock"},
		{"unix:a.sock", "unix:a.sock"},
		{"@name", "unix:@name"},
		{"fd:3", "fd:3"},
		{"app:echo", "app:echo"},
		{"app:9000", "tcp:app:9000"}, // NAME:digits is always host and port
		{"auto:9000", "tcp:auto:9000"},
		{"app:ehco", "?did you mean app:echo"},
		{"app:", "?no such application"},
		{"exec:/bin/true", "exec:/bin/true"},
		{"exec:./a 'b c'", "exec:./a 'b c'"},
		{"exec:80", "tcp:exec:80"},
		{"exec:", "?has no command"},
		{"exec: ", "?has no command"},
		{"exec:''", "?has no command"},
		{"exec:a | b", "?the '|' at byte 3 is for a shell"},
		{"auto", "auto"},
		{"http://localhost/", "?not to the web server"},
		{"localhost", "?has no port"},
		{"", "?is empty"},
	}
	for _, tt := range tests {
		target, err := parseTarget(tt.in)
		if want, fails := strings.CutPrefix(tt.want, "?"); fails {
			if err == nil || exitCode(err) != 2 || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v, want wrong usage and %q", tt.in, err, want)
			}
			continue
		}
		if err != nil || target.String() != tt.want {
			t.Errorf("%q is %v, error %v, want %s", tt.in, target, err, tt.want)
		}
	}
}

// TestDescriptorOnce: by the time of a second connection the number may be that
// of a file of our own.
func TestDescriptorOnce(t *testing.T) {
	t.Parallel()
	env, _, _ := testEnv("")
	dialled := 0
	env.Dial = func(context.Context, transport.Addr) (net.Conn, error) {
		dialled++
		near, far := net.Pipe()
		far.Close()
		return near, nil
	}
	target, err := parseTarget("fd:9")
	if err != nil {
		t.Fatal(err)
	}
	target, err = target.open(t.Context(), env, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c, err := target.dial(t.Context(), env, 0)
		if i == 0 {
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			continue
		}
		if err == nil || exitCode(err) != 5 || !strings.Contains(err.Error(), "one connection, and that was used") {
			t.Errorf("error %v", err)
		}
	}
	if dialled != 1 {
		t.Errorf("dialled %d times", dialled)
	}
}

// TestDialApp: nothing of an application in this process is left when its
// connection is closed.
func TestDialApp(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	var ended atomic.Bool
	app := server.App{Name: "waits", Handler: func(ctx context.Context, _ *server.Exchange) {
		close(began)
		<-ctx.Done()
		ended.Store(true)
	}}
	c := dialApp(t.Context(), &app)
	w := wire.NewWriter(c)
	for _, r := range []wire.Record{
		wire.BeginRecord(1, wire.Responder, 0),
		wire.NewRecord(wire.TypeParams, 1, nil),
		wire.NewRecord(wire.TypeStdin, 1, nil),
	} {
		if err := w.WriteRecord(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !ended.Load() {
		t.Error("the handler still runs after Close")
	}
}
