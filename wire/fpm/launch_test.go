//go:build unix

package fpm_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// launch starts a pool that ends with the test. Without php-fpm the test is
// skipped, as with other peers.
func launch(t *testing.T, o fpm.LaunchOptions) *fpm.Pool {
	t.Helper()
	o.NoINI = true
	p, err := fpm.Launch(t.Context(), o)
	if errors.Is(err, fpm.ErrNotInstalled) && os.Getenv("FCGISCOPE_PEERS") != "required" {
		t.Skipf("missing peer: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// script writes a PHP script and returns its path.
func script(t *testing.T, code string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.php")
	if err := os.WriteFile(path, []byte("<?php "+code), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// begin sends a request for a script.
func begin(t *testing.T, p *fpm.Pool, path string) *client.Response {
	t.Helper()
	c, err := client.Dial(t.Context(), p.Addr(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	params, err := (&cgi.Request{Script: path}).Params()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Do(t.Context(), client.Request{Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// body reads the answer to the end.
func body(t *testing.T, r *client.Response) string {
	t.Helper()
	if _, err := r.Header(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLaunch: a pool from its start to its end, of which nothing is left.
func TestLaunch(t *testing.T) {
	t.Parallel()
	var log wiretest.Buffer
	p := launch(t, fpm.LaunchOptions{Children: 2, Settings: []string{"memory_limit=77M"}, Log: &log})
	path := script(t, `fwrite(fopen("php://stderr", "w"), "to the log\n"); echo ini_get("memory_limit"), getenv("PATH");`)
	if got := body(t, begin(t, p, path)); got != "77M" {
		t.Errorf("the script says %q", got)
	}
	s, err := p.Client().Status(t.Context(), true)
	if err != nil || s.Pool != "fcgiscope" || s.ProcessManager != "ondemand" {
		t.Errorf("status %+v, error %v", s, err)
	}
	if info, err := os.Stat(p.Addr().Address); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	log.Wait(t, "to the log", 1)
	if err := p.Err(); err != nil {
		t.Errorf("it runs, but: %v", err)
	}
	p.Close()
	p.Close() // once more does no harm
	if _, err := os.Stat(filepath.Dir(p.Addr().Address)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
	for _, w := range s.Processes {
		if w.PID == 0 {
			continue // it is being started, and has told no id yet
		}
		if err := syscall.Kill(int(w.PID), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("worker %d is left: %v", w.PID, err)
		}
	}
	select {
	case <-p.Done():
	default:
		t.Error("it is not done")
	}
}

// TestCloseBusy: a request that does not end does not keep the pool.
func TestCloseBusy(t *testing.T) {
	t.Parallel()
	p := launch(t, fpm.LaunchOptions{Children: 1})
	r := begin(t, p, script(t, `echo "begun"; flush(); sleep(1000);`))
	if _, err := r.Header(); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := r.Wait(); err == nil {
		t.Error("the request came to its end")
	}
}

// TestMasterKilled: it is noticed, and the workers go, too.
func TestMasterKilled(t *testing.T) {
	t.Parallel()
	p := launch(t, fpm.LaunchOptions{Children: 1})
	s, err := p.Client().Status(t.Context(), true)
	if err != nil || len(s.Processes) != 1 {
		t.Fatalf("status %+v, error %v", s, err)
	}
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wiretest.Eventually(t, "it is done", func() bool {
		select {
		case <-p.Done():
			return true
		default:
			return false
		}
	})
	if err := p.Err(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("error %v, and nothing that it logged before is about that", err)
	}
	wiretest.Eventually(t, "the worker has ended", func() bool { return !wiretest.Alive(int(s.Processes[0].PID)) })
}

// TestLaunchErrors: what the user is told, and that nothing is left.
func TestLaunchErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("changed my mind"))
	tests := []struct {
		name string
		ctx  context.Context
		o    fpm.LaunchOptions
		want string
	}{
		{"no binary", t.Context(), fpm.LaunchOptions{Binary: filepath.Join(dir, "none")}, "no such file"},
		{"no root", t.Context(), fpm.LaunchOptions{Binary: "/bin/true", Root: filepath.Join(dir, "none")}, "no such file"},
		{"refuses", t.Context(), fpm.LaunchOptions{Binary: program("refuses", `echo "[x] ERROR: cannot do it" >&2; echo "[x] ERROR: at all" >&2; echo bye >&2; exit 78`)},
			"exit status 78: cannot do it; at all"},
		{"ends at once", t.Context(), fpm.LaunchOptions{Binary: "/bin/true"}, "it ended"},
		{"is not wanted", ctx, fpm.LaunchOptions{Binary: program("sleeps", "exec sleep 1000")}, "changed my mind"},
	}
	if os.Geteuid() == 0 {
		tests = append(tests, struct {
			name string
			ctx  context.Context
			o    fpm.LaunchOptions
			want string
		}{"no user", t.Context(), fpm.LaunchOptions{Binary: "/bin/true", User: "nobody-of-that-name"}, "unknown user"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := fpm.Launch(tt.ctx, tt.o)
			if err == nil {
				p.Close()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}
