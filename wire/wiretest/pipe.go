package wiretest

import (
	"net"
	"os"
	"testing"
)

// Pipe returns the two ends of a connection in memory, which are closed at the
// end of the test. A write waits until it has been read, so it suits
// testing/synctest.
func Pipe(t testing.TB) (client, app net.Conn) {
	t.Helper()
	client, app = net.Pipe()
	t.Cleanup(func() { client.Close(); app.Close() })
	return client, app
}

// SocketDir returns a directory for Unix sockets, which is removed at the end of
// the test. Unlike that of t.TempDir, its name is short: the path of a socket
// has at most 107 bytes.
func SocketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
