//go:build linux

package server

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// inherited starts the test program with f as its descriptor 0, and
// FCGI_WEB_SERVER_ADDRS.
func inherited(t *testing.T, f *os.File, addrs string) (*exec.Cmd, io.Reader) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = []string{limitsServer + `={"Handler":"hello"}`, WebServerAddrs + "=" + addrs}
	cmd.Stdin = f
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, stderr
}

// TestServeInherited is an application that a web server has started.
func TestServeInherited(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		network, address, addrs string
		ok                      bool
	}{
		{"unix", "", "", true},
		{"unix", "", "127.0.0.1", false},
		{"tcp", "127.0.0.1:0", "", true},
		{"tcp", "127.0.0.1:0", "192.0.2.1,127.0.0.1", true},
		{"tcp", "127.0.0.1:0", "192.0.2.1", false},
		{"tcp6", "[::1]:0", "::1", true},
	} {
		ln := listen(t)
		if tt.network != "unix" {
			ln.Close()
			var err error
			if ln, err = net.Listen(tt.network, tt.address); err != nil {
				t.Fatal(err)
			}
		}
		f, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		inherited(t, f, tt.addrs)
		f.Close()
		p := dial(t, ln)
		if tt.ok {
			p.request(1, wire.KeepConn, "")
			if a := p.answer(1); !strings.HasSuffix(a.stdout, "Hello from fcgiscope.\n") {
				t.Errorf("%s, allowed %q: %+v", tt.network, tt.addrs, a)
			}
		} else {
			p.closed()
		}
		ln.Close()
	}
}

// TestServeInheritedFails: as a CGI program, and with a list that allows
// nobody knows whom.
func TestServeInheritedFails(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for addrs, want := range map[string]string{"": "transport: listen on fd:0: ", "localhost": `server: allowed address "localhost"`} {
		cmd, stderr := inherited(t, null, addrs)
		said, err := io.ReadAll(stderr)
		if err != nil {
			t.Fatal(err)
		}
		if cmd.Wait() == nil || !strings.Contains(string(said), want) {
			t.Errorf("%q: it said %q, want %q", addrs, said, want)
		}
	}
}
