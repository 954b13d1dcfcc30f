package fpm_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

const (
	ownHeader = "Content-type: text/plain;charset=UTF-8\r\nExpires: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
		"Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n\r\n"
	jsonHeader = "Content-Type: application/json\r\n\r\n"
	idlePool   = `{"pool":"www","process manager":"static","start time":1795268872,"start since":20,"accepted conn":3,` +
		`"listen queue":1,"max listen queue":2,"listen queue len":511,"idle processes":2,"active processes":1,"total processes":3,` +
		`"max active processes":1,"max children reached":4,"slow requests":5}`
)

// answers returns an app that says b once, whatever it is asked, and stays.
func answers(b []byte) func(net.Conn) {
	return func(c net.Conn) {
		r := wire.NewReader(c)
		for {
			rec, err := r.ReadRecord()
			if err != nil {
				return
			}
			if rec.Type == wire.TypeStdin && len(rec.Content) == 0 {
				c.Write(b)
			}
		}
	}
}

func says(out string) func(net.Conn) {
	return answers(complete(wire.NewRecord(wire.TypeStdout, 1, []byte(out))))
}

func complete(records ...wire.Record) []byte {
	var b []byte
	for _, r := range append(records, wire.NewRecord(wire.TypeEndRequest, 1, wire.EndRequest{}.Append(nil))) {
		b = r.Append(b)
	}
	return b
}

// dial returns what connects to app, which ends with the test.
func dial(t *testing.T, app func(net.Conn)) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		near, far := wiretest.Pipe(t)
		go func() {
			defer far.Close()
			app(far)
		}()
		return near, nil
	}
}

// TestKinds: what an answer means.
func TestKinds(t *testing.T) {
	t.Parallel()
	out := func(s string) wire.Record { return wire.NewRecord(wire.TypeStdout, 1, []byte(s)) }
	tests := []struct {
		name    string
		app     func(net.Conn)
		ping    fpm.Kind // 0: no error
		status  fpm.Kind
		message string // of the status' error, in it
	}{
		{"pong", says(ownHeader + "pong"), 0, fpm.NotFPM, `begins with "pong"`},
		{"another response", says(ownHeader + "I am here"), 0, fpm.NotFPM, ""},
		{"pong of a script", says("Content-Type: text/plain\r\n\r\npong"), 0, fpm.NotFPM, ""},
		{"a page of an application", says("Content-Type: text/html\r\n\r\n<h1>Welcome"), fpm.NotFPM, fpm.NotFPM, `"/status" begins with "<h1>Welcome"`},
		{"status", says(jsonHeader + idlePool), fpm.NotFPM, 0, ""},
		{"other JSON", says(jsonHeader + `{"ok":true}`), fpm.NotFPM, fpm.BadStatus, "names no pool"},
		{"broken JSON", says(jsonHeader + idlePool[:40]), fpm.NotFPM, fpm.BadStatus, "cannot be read"},
		{"404", answers(complete(
			wire.NewRecord(wire.TypeStderr, 1, []byte("Primary script unknown")),
			out("Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nFile not found.\n"))), fpm.NotConfigured, fpm.NotConfigured, `no page "/status"`},
		{"404 of another", says("Status: 404 Not Found\r\n\r\nnothing here"), fpm.NotFPM, fpm.NotFPM, "HTTP status 404"},
		{"403", says("Status: 403 Forbidden\r\nContent-type: text/html\r\n\r\nAccess denied.\n"), fpm.Denied, fpm.Denied, "must not run"},
		{"no header", says("hello"), fpm.NotFPM, fpm.NotFPM, ""},
		{"HTTP", answers([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")), fpm.NotFPM, fpm.NotFPM, "looks like an HTTP response"},
		{"overloaded", answers(wire.NewRecord(wire.TypeEndRequest, 1, wire.EndRequest{Status: wire.Overloaded}.Append(nil)).Append(nil)), fpm.NotFPM, fpm.NotFPM, "OVERLOADED"},
		{"gone at once", func(net.Conn) {}, fpm.Closed, fpm.Closed, "without an answer"},
		{"gone half-way", func(c net.Conn) {
			if _, err := wire.NewReader(c).ReadRecord(); err == nil {
				c.Write(out(ownHeader + "po").Append(nil))
			}
		}, fpm.Cut, fpm.Cut, "breaks off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fpm.Client{Dial: dial(t, tt.app)}
			_, err := c.Ping(t.Context())
			if got := kindOf(t, err); got != tt.ping {
				t.Errorf("Ping: %v, want %v: %v", got, tt.ping, err)
			}
			_, err = c.Status(t.Context(), true)
			if got := kindOf(t, err); got != tt.status {
				t.Errorf("Status: %v, want %v: %v", got, tt.status, err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.message) {
				t.Errorf("Status: %q, want %q in it", err, tt.message)
			}
			if err != nil && (strings.Contains(err.Error(), "EOF") || strings.Count(err.Error(), "closed without") > 0 && tt.status == fpm.Closed) {
				t.Errorf("Status: %q says it twice", err)
			}
		})
	}
}

func kindOf(t *testing.T, err error) fpm.Kind {
	t.Helper()
	var e *fpm.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("%v is no *fpm.Error", err)
	}
	if e == nil {
		return 0
	}
	return e.Kind
}

// TestBusy: it takes the connection, and no more.
func TestBusy(t *testing.T) {
	t.Parallel()
	mute := func(c net.Conn) {
		for {
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				return
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := fpm.Client{Idle: 3 * time.Second, Dial: dial(t, mute)}
		_, err := c.Ping(t.Context())
		if kindOf(t, err) != fpm.Busy || time.Since(start) != 3*time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Ping(ctx); kindOf(t, err) != fpm.Busy {
			t.Errorf("after the deadline: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := c.Ping(ctx); err != context.Canceled {
			t.Errorf("after an interrupt: %v", err)
		}
	})
}

// TestUnreachable: there is no connection; a full queue is another thing.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	addr := transport.Addr{Network: "unix", Address: filepath.Join(t.TempDir(), "none.sock")}
	c := fpm.Client{Dial: func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, addr) }}
	_, err := c.Ping(t.Context())
	if kindOf(t, err) != fpm.Unreachable || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	var e *fpm.Error
	if errors.As(err, &e); e == nil || !strings.Contains(e.Hint(), "is the application running?") {
		t.Errorf("no hint for %v", err)
	}
	c.Dial = func(context.Context) (net.Conn, error) {
		return nil, &transport.DialError{Addr: addr, Reason: transport.Backlog, Err: syscall.EAGAIN}
	}
	if _, err := c.Status(t.Context(), false); kindOf(t, err) != fpm.Busy {
		t.Errorf("error %v for a full queue", err)
	}
}

// TestStatusFields: every number is in its place.
func TestStatusFields(t *testing.T) {
	t.Parallel()
	c := fpm.Client{Dial: dial(t, says(jsonHeader+idlePool))}
	s, err := c.Status(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	want := fpm.Status{Pool: "www", ProcessManager: "static", StartTime: 1795268872, StartSince: 20, AcceptedConn: 3, ListenQueue: 1,
		MaxListenQueue: 2, ListenQueueLen: 511, IdleProcesses: 2, ActiveProcesses: 1, TotalProcesses: 3, MaxActiveProcesses: 1,
		MaxChildrenReached: 4, SlowRequests: 5}
	if diff := cmp.Diff(&want, s); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestRealPool: the pages of a real php-fpm, and what it says of other paths.
func TestRealPool(t *testing.T) {
	t.Parallel()
	peer := wiretest.RealPeer(t, "php-fpm")
	for _, address := range []string{peer["tcp"], peer["unix"]} {
		addr, err := transport.ParseAddr(address)
		if err != nil {
			t.Fatal(err)
		}
		c := fpm.Client{Dial: func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, addr) }}
		if response, err := c.Ping(t.Context()); err != nil || response != "pong" {
			t.Errorf("Ping: %q, %v", response, err)
		}
		s, err := c.Status(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if s.ProcessManager != "static" || s.TotalProcesses != 3 || len(s.Processes) != 3 || s.AcceptedConn < 2 {
			t.Errorf("status %+v", s)
		}
		running := 0
		for _, p := range s.Processes {
			if p.State == "Running" && p.RequestURI == "/status?json&full" && p.PID > 0 {
				running++
			}
		}
		if running != 1 {
			t.Errorf("%d workers answer our question: %+v", running, s.Processes)
		}
		c.StatusPath, c.PingPath = "/fpm/state", peer["root"]+"/index.html"
		if _, err := c.Status(t.Context(), false); kindOf(t, err) != fpm.NotConfigured {
			t.Errorf("a path that is not configured: %v", err)
		}
		if _, err := c.Ping(t.Context()); kindOf(t, err) != fpm.Denied {
			t.Errorf("a file that is no script: %v", err)
		}
	}
}
