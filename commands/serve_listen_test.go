package commands

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestListeningAllowed: --allow counts more than what the environment says, and
// who is wrong is named.
func TestListeningAllowed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ flag, env, want string }{
		{"", "", "[]"},
		{"", "192.0.2.1", "[192.0.2.1/32]"},
		{"192.0.2.0/24,::1", "198.51.100.1", "[192.0.2.0/24 ::1/128]"},
		{"", "host", server.WebServerAddrs + ": "},
		{"host", "192.0.2.1", "--allow: "},
		{"192.0.2.1", "host", "[192.0.2.1/32]"},
	} {
		env, _, _ := testEnv("")
		env.Getenv = func(name string) string {
			if name == server.WebServerAddrs {
				return tt.env
			}
			return ""
		}
		allowed, err := (&listening{allow: tt.flag}).allowed(env)
		got := fmt.Sprint(allowed)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("--allow %q, %s=%q: %s, want %s", tt.flag, server.WebServerAddrs, tt.env, got, tt.want)
		}
	}
}

// TestCapacity: what is given is what the server has.
func TestCapacity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags  []string
		limits server.Limits
		one    bool
	}{
		{nil, server.Limits{Conns: server.DefaultConns, Requests: server.DefaultRequests}, false},
		{[]string{"7", "9", "0"}, server.Limits{Conns: 7, Requests: 9}, true},
	} {
		var o capacity
		o.flags()
		for i, value := range []interface{ Set(string) error }{&o.conns, &o.reqs, &o.mpxs} {
			if tt.flags != nil {
				if err := value.Set(tt.flags[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		var s server.Server
		if o.apply(&s); s.Limits != tt.limits || s.OneAtATime != tt.one || o.check() != nil {
			t.Errorf("%q: %+v, one at a time %t, %v", tt.flags, s.Limits, s.OneAtATime, o.check())
		}
	}
}

// TestHandlerTime: the handler's limit never comes before that of a program.
func TestHandlerTime(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{
		0:                               -1, // no limit
		time.Second:                     server.DefaultHandlerTime,
		server.DefaultHandlerTime:       server.DefaultHandlerTime + time.Minute,
		2 * server.DefaultHandlerTime:   2*server.DefaultHandlerTime + time.Minute,
		server.DefaultHandlerTime - 1e9: server.DefaultHandlerTime + 59*time.Second,
	} {
		if got := (&appOptions{timeout: duration(timeout)}).handlerTime(); got != want {
			t.Errorf("--program-timeout %v: %v, want %v", timeout, got, want)
		}
	}
}

// TestServeOpensAllOrNothing: when something of what it needs is missing, no
// socket is left behind.
func TestServeOpensAllOrNothing(t *testing.T) {
	t.Parallel()
	dir := wiretest.SocketDir(t)
	socket := filepath.Join(dir, "app")
	missing := filepath.Join(dir, "missing", "x")
	for _, args := range [][]string{
		{"--listen", socket, "--listen", missing},
		{"--listen", socket, "--record", missing},
	} {
		got := runMain(t, "", append([]string{"serve", "echo"}, args...)...)
		if got.code != 1 || strings.Contains(got.stderr, "serving") {
			t.Errorf("%q: %+v", args, got)
		}
		if _, err := os.Lstat(socket); err == nil || !os.IsNotExist(err) {
			t.Errorf("%q: the socket is left behind: %v", args, err)
		}
	}
}

// TestSocketMode takes what chmod takes, and no more.
func TestSocketMode(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]fs.FileMode{"0660": 0o660, "600": 0o600, "777": 0o777, "0": 0, "1777": 0, "0o660": 0, "rw": 0, "-1": 0, "": 0, "888": 0} {
		var m socketMode
		if err := m.Set(s); fs.FileMode(m) != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %o, %v", s, m, err)
		}
	}
}
