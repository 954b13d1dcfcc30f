package commands

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// An interruptPlace is where one of them runs, and with what.
type interruptPlace struct {
	t     *testing.T
	run   *terminalRun
	dir   string
	peer  string
	asked chan struct{} // the peer was sent something on a connection
}

func newInterruptPlace(t *testing.T, row *interruptible) *interruptPlace {
	t.Helper()
	p := &interruptPlace{t: t, dir: wiretest.SocketDir(t), asked: make(chan struct{}, 1000)}
	for name, make := range interruptFiles {
		if strings.Contains(row.args, "DIR/"+name) {
			if err := make(filepath.Join(p.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if strings.Contains(row.args, "DIR/app") {
		l, err := net.Listen("unix", filepath.Join(p.dir, "app"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	if row.peer != nil {
		addr, stop, err := startPeer(func(c net.Conn, gone <-chan struct{}) { row.peer(&noticing{Conn: c, asked: p.asked}, gone) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		p.peer = addr
	}
	return p
}

// interruptFiles makes the files that args name.
var interruptFiles = map[string]func(name string) error{
	"ping.txt":    func(name string) error { return os.WriteFile(name, []byte(begun), 0o600) },
	"check.txtar": func(name string) error { return os.WriteFile(name, []byte("-- records --\n"+begun), 0o600) },
	"slow.txt": func(name string) error {
		return os.WriteFile(name, []byte("@at +0s\n"+begun+"@at +600s\n"+strings.ReplaceAll(begun, "/one", "/two")), 0o600)
	},
	"large": func(name string) error { return sparse(name, "", 1<<30) },
	"huge": func(name string) error {
		return sparse(name, strings.Repeat("\x01\x09\x00\x00\x00\x00\x00\x00", 1000), 16<<30)
	},
	"fifo": func(name string) error { return syscall.Mkfifo(name, 0o600) },
	"hangs": func(name string) error {
		return os.WriteFile(name, []byte("#!/bin/sh\ntouch runs\nexec sleep 1000\n"), 0o755)
	},
}

// sparse makes a file that looks large.
func sparse(name, begin string, size int64) error {
	if err := os.WriteFile(name, []byte(begin), 0o600); err != nil {
		return err
	}
	return os.Truncate(name, size)
}

func (p *interruptPlace) files() (names []string) {
	p.t.Helper()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// words are the arguments.
func (p *interruptPlace) words(args string) []string {
	p.t.Helper()
	captures, err := filepath.Abs(filepath.Join("..", "fixtures", "capture"))
	if err != nil {
		p.t.Fatal(err)
	}
	words, err := splitCommand(strings.NewReplacer("DIR", p.dir, "PEER", p.peer, "CAPTURES", captures).Replace(args))
	if err != nil {
		p.t.Fatal(err)
	}
	return words
}

// A noticing connection says when something comes.
type noticing struct {
	net.Conn
	asked chan<- struct{}
	once  sync.Once
}

func (c *noticing) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.once.Do(func() {
			select {
			case c.asked <- struct{}{}:
			default:
			}
		})
	}
	return n, err
}
