package fpm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// Times of a pool's life.
const (
	startTime = 10 * time.Second      // until it answers, unless ctx ends before
	startPoll = 10 * time.Millisecond // between two tries
	quitTime  = 3 * time.Second       // for the requests at work, after SIGQUIT
	termTime  = time.Second           // after SIGTERM
	endWords  = 3 * time.Second       // what it says in these before its end is about that
)

// LaunchOptions say what pool to launch. The zero value is a good choice.
type LaunchOptions struct {
	// Binary is the path of php-fpm; "" is that of FindBinary.
	Binary string
	// Root is the directory in which php-fpm runs, usually the web root; "" is
	// the current one.
	Root string
	// Children is the most workers (pm.max_children); 0 is 4. They are started
	// when they are needed.
	Children int
	// User and Group run the workers where the caller is root; "" is root
	// itself, and the user's own group. Other callers cannot choose.
	User, Group string
	// Settings are NAME=VALUE of php.ini, as php's -d has them.
	Settings []string
	// NoINI leaves out the php.ini of the system, as php's -n does.
	NoINI bool
	// Log is written what php-fpm and the scripts write to standard error, by
	// another goroutine; nil is nobody.
	Log io.Writer
}

// A Pool is a php-fpm of our own, on a Unix socket that nobody else can use.
// Its methods may be called concurrently.
type Pool struct {
	dir    string
	lock   *os.File // of dir
	cmd    *exec.Cmd
	log    *tail
	exited chan struct{} // closed when the process has ended, after ended is set
	ended  time.Time
	stop   sync.Once
}

// Launch starts php-fpm with a pool of its own and waits until it answers; ctx
// limits that, and it is 10 s at most. The pool has to be closed. An error says
// what php-fpm said, or is ErrNotInstalled.
//
// When the program is killed before it has closed the pool, php-fpm ends, too,
// on Linux; elsewhere it goes on. The folder that it leaves behind is removed by
// the next Launch of the same user, once no php-fpm answers there any more.
func Launch(ctx context.Context, o LaunchOptions) (*Pool, error) {
	binary := o.Binary
	if binary == "" {
		var err error
		if binary, err = FindBinary(); err != nil {
			return nil, err
		}
	}
	removeLeftovers(os.TempDir())
	dir, lock, err := makeFolder(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("fpm: %w", err)
	}
	p := &Pool{dir: dir, lock: lock, log: &tail{next: o.Log}, exited: make(chan struct{})}
	if err := p.start(binary, o); err != nil {
		p.removeFolder()
		return nil, fmt.Errorf("fpm: start %s: %w", binary, err)
	}
	if err := p.await(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("fpm: start %s: %w", binary, err)
	}
	return p, nil
}

// start writes the configuration and starts the process.
func (p *Pool) start(binary string, o LaunchOptions) error {
	config, err := o.config(p.dir)
	if err != nil {
		return err
	}
	file := filepath.Join(p.dir, "php-fpm.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	args := []string{"--nodaemonize", "--force-stderr", "--fpm-config", file}
	if os.Geteuid() == 0 {
		args = append(args, "--allow-to-run-as-root")
	}
	if o.NoINI {
		args = append(args, "-n")
	}
	for _, s := range o.Settings {
		args = append(args, "-d", s)
	}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Dir, p.cmd.Stderr, p.cmd.SysProcAttr = o.Root, p.log, ownGroup()
	p.cmd.WaitDelay = termTime // for who has left the group with our standard error
	started := make(chan error, 1)
	go p.run(started)
	return <-started
}

// run starts the process and waits for its end.
func (p *Pool) run(started chan<- error) {
	// The system ends the process with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = p.cmd.Wait() // the state says more
	p.ended = time.Now()
	if !p.cmd.ProcessState.Exited() {
		// A master that was killed leaves its workers behind.
		killGroup(p.cmd.Process)
	}
	close(p.exited)
}

func (p *Pool) removeFolder() {
	os.RemoveAll(p.dir)
	p.lock.Close()
}

// config is the least that php-fpm needs.
func (o *LaunchOptions) config(dir string) (string, error) {
	// In the quotes of an ini file these mean something.
	if strings.ContainsAny(dir, "\"\\$\n") {
		return "", fmt.Errorf("%q: php-fpm cannot have this as the directory of its socket", dir)
	}
	children := o.Children
	if children == 0 {
		children = 4
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[global]\nerror_log = \"%s/php-fpm.log\"\n[fcgiscope]\nlisten = \"%s\"\nlisten.mode = 0600\n", dir, socketOf(dir))
	fmt.Fprintf(&b, "pm = ondemand\npm.max_children = %d\npm.process_idle_timeout = 60s\n", children)
	fmt.Fprintf(&b, "pm.status_path = %s\nping.path = %s\n", DefaultStatusPath, DefaultPingPath)
	b.WriteString("catch_workers_output = yes\ndecorate_workers_output = no\n")
	if os.Geteuid() == 0 {
		name := o.User
		if name == "" {
			name = "root"
		}
		// The lookup is also a check: these go into the file as they are.
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		gid := u.Gid
		if o.Group != "" {
			g, err := user.LookupGroup(o.Group)
			if err != nil {
				return "", err
			}
			gid = g.Gid
		}
		fmt.Fprintf(&b, "user = %s\ngroup = %s\n", u.Uid, gid)
	}
	return b.String(), nil
}

func socketOf(dir string) string { return filepath.Join(dir, "fpm.sock") }

// await returns nil when the pool answers.
func (p *Pool) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("it does not answer after %v", startTime))
	defer cancel()
	tick := time.NewTicker(startPoll)
	defer tick.Stop()
	client := p.Client()
	for {
		if _, err := client.Ping(ctx); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return p.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Addr returns where the pool listens.
func (p *Pool) Addr() transport.Addr {
	return transport.Addr{Network: "unix", Address: socketOf(p.dir)}
}

// Client returns one that asks this pool.
func (p *Pool) Client() *Client {
	return &Client{Dial: func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, p.Addr()) }}
}

// PID returns the id of php-fpm's master process.
func (p *Pool) PID() int { return p.cmd.Process.Pid }

// Done is closed when php-fpm has ended, by itself or by Close.
func (p *Pool) Done() <-chan struct{} { return p.exited }

// Err says how php-fpm ended, and what it said of that; nil as long as it runs.
func (p *Pool) Err() error {
	select {
	case <-p.exited:
	default:
		return nil
	}
	how := "it ended"
	if state := p.cmd.ProcessState; !state.Success() {
		how = state.String()
	}
	if said := p.log.end(p.ended.Add(-endWords), p.cmd.ProcessState.Exited()); said != "" {
		return fmt.Errorf("%s: %s", how, said)
	}
	return errors.New(how)
}

// Close ends php-fpm and its workers, and removes what Launch has made. Requests
// at work have 3 s to end.
func (p *Pool) Close() error {
	p.stop.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		if !p.wait(quitTime) {
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
			if !p.wait(termTime) {
				killGroup(p.cmd.Process)
			}
		}
		<-p.exited
		p.removeFolder()
	})
	return nil
}

// wait reports whether the process has ended within limit.
func (p *Pool) wait(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}
