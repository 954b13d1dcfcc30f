//go:build unix

package transport

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// inheritedProcess is the environment variable that makes the test program say
// what it has inherited; it holds LISTEN_PID, "" for its own.
const inheritedProcess = "FCGISCOPE_TEST_INHERITED"

// TestInherited: the sockets that a process was started with, but not those that
// are for another, more than there are, and what does not listen.
func TestInherited(t *testing.T) {
	if pid, ok := os.LookupEnv(inheritedProcess); ok {
		fmt.Println("inherited:", Inherited(func(name string) string {
			if name != "LISTEN_PID" {
				return os.Getenv(name)
			}
			if pid == "" {
				return strconv.Itoa(os.Getpid())
			}
			return pid
		}))
		return
	}
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	listening := func() *os.File {
		l := mustListen(t, Addr{"tcp", "127.0.0.1:0"}, ListenOptions{})
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	three := []*os.File{listening(), listening(), listening()}
	for _, tt := range []struct {
		name     string
		zero     *os.File   // descriptor 0
		from3    []*os.File // those from 3 on
		fds, pid string     // LISTEN_FDS, LISTEN_PID
		want     string
	}{
		{"nothing", null, nil, "", "", "[]"},
		{"descriptor 0", three[0], nil, "", "", "[fd:0]"},
		{"those that are told", null, three, "2", "", "[fd:3 fd:4]"},
		{"both ways", three[0], three[1:], "2", "", "[fd:0 fd:3 fd:4]"},
		{"for another process", null, three, "3", "1", "[]"},
		{"more than there are", null, three, "1000", "", "[fd:3 fd:4 fd:5]"},
		{"no listener among them", null, []*os.File{three[0], null, three[1]}, "3", "", "[fd:3]"},
		{"no number", null, three, "three", "", "[]"},
		{"nobody says how many", null, three, "", "", "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(exe, "-test.run=^TestInherited$")
			cmd.Env = []string{inheritedProcess + "=" + tt.pid, "LISTEN_FDS=" + tt.fds}
			cmd.Stdin, cmd.ExtraFiles = tt.zero, tt.from3
			said, err := cmd.CombinedOutput()
			if got, _, _ := strings.Cut(string(said), "\n"); err != nil || got != "inherited: "+tt.want {
				t.Errorf("%v; it said %s, want %s", err, said, tt.want)
			}
		})
	}
}
