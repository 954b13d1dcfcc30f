//go:build linux

package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// An appUnderLoad is an application that can be killed behind a gateway.
type appUnderLoad struct {
	down, up   string   // paths
	args       []string // of gateway
	killPart   func()   // one process of it, if it has several
	killAll    func()   // all of it, and starts it anew
	processes  int      // that the gateway has started, at least
	ownProcess bool     // it is the gateway that has started it
}

func nothing() {}

// loadedPHP is a php-fpm behind a link, so that the next one has its address.
func loadedPHP(t *testing.T) *appUnderLoad {
	if _, err := fpm.FindBinary(); errors.Is(err, fpm.ErrNotInstalled) && os.Getenv("FCGISCOPE_PEERS") != "required" {
		t.Skip("missing peer: php-fpm")
	}
	root, link := phpApp(t), filepath.Join(wiretest.SocketDir(t), "fpm")
	var pool *fpm.Pool
	launch := func() {
		var err error
		if pool, err = fpm.Launch(context.Background(), fpm.LaunchOptions{Root: root, Children: 24, NoINI: true}); err != nil {
			t.Fatal(err)
		}
		next := link + ".next"
		if err := os.Symlink(pool.Addr().Address, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, link); err != nil {
			t.Fatal(err)
		}
	}
	launch()
	t.Cleanup(func() { pool.Close() })
	return &appUnderLoad{
		down: "/download.php", up: "/body.php",
		args: []string{link, "--root", root},
		killPart: func() {
			for _, pid := range wiretest.Children(t, pool.PID())[:1] {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		},
		killAll: func() {
			old := pool
			_ = syscall.Kill(old.PID(), syscall.SIGKILL)
			launch()
			old.Close()
		},
	}
}

// loadedApp is fcgi-app on a socket that outlives it.
func loadedApp(t *testing.T) *appUnderLoad {
	path := filepath.Join(wiretest.SocketDir(t), "app")
	socket, err := listenBlocking(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	var app *exec.Cmd
	start := func() {
		app = exec.Command("fcgi-app", "load")
		app.Stdin, app.Stderr, app.SysProcAttr = socket, os.Stderr, dependent()
		if err := app.Start(); err != nil {
			t.Fatal(err)
		}
	}
	kill := func() {
		app.Process.Kill()
		app.Wait()
	}
	start()
	t.Cleanup(kill)
	return &appUnderLoad{
		down: "/", up: "/",
		args: []string{path}, killPart: nothing,
		killAll: func() { kill(); start() },
	}
}

// loadedExec is fcgi-app as a child of the gateway, which ends with it.
func loadedExec(*testing.T) *appUnderLoad {
	return &appUnderLoad{down: "/", up: "/", args: []string{"exec:fcgi-app load"},
		killPart: nothing, killAll: nothing, processes: 1, ownProcess: true}
}

// loadedSpawn is a php-fpm that the gateway starts with a configuration of ours.
func loadedSpawn(t *testing.T) *appUnderLoad {
	binary, err := fpm.FindBinary()
	if err != nil && os.Getenv("FCGISCOPE_PEERS") != "required" {
		t.Skipf("missing peer: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	root, dir := phpApp(t), wiretest.SocketDir(t)
	socket, config := filepath.Join(dir, "fpm"), filepath.Join(dir, "conf")
	text := fmt.Sprintf("[global]\nerror_log = %s/log\n[www]\nlisten = %s\npm = ondemand\npm.max_children = 24\nuser = %d\ngroup = %d\n",
		dir, socket, os.Getuid(), os.Getgid())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := shellWord(binary) + " -n -F -y " + shellWord(config)
	if os.Getuid() == 0 {
		command += " -R"
	}
	return &appUnderLoad{down: "/download.php", up: "/body.php",
		args:     []string{socket, "--root", root, "--spawn", command},
		killPart: nothing, killAll: nothing, processes: 2, ownProcess: true}
}
