package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// How long an application that was started is waited for: to end after
// SIGTERM, before SIGKILL; and to have ended, when its connection is closed
// without an answer or refused, so that its exit status can be told.
const (
	endTime  = 2 * time.Second
	diedTime = 250 * time.Millisecond
)

// A process is an application that was started for the address exec:COMMAND.
// Its listening socket is its descriptor 0, FCGI_LISTENSOCK_FILENO; see FastCGI
// 1.0, section 2.2. The environment is ours without FCGI_WEB_SERVER_ADDRS,
// which is about somebody else's web server.
type process struct {
	addr   transport.Addr
	dir    string   // of the socket; "": it is removed
	socket *os.File // where the socket has no name any more
	cmd    *exec.Cmd
	output *os.File // that it writes its messages to, our end
	copied chan struct{}
	done   chan struct{} // closed when it has ended; state is set
	state  *os.ProcessState
	once   sync.Once
}

// startProcess starts a command; what it writes to its standard output and
// error becomes messages.
func startProcess(env *Env, words []string) (*process, error) {
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil, commandError(words[0], err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	// Nobody else may connect: the application has our rights.
	dir, err := os.MkdirTemp("", "fcgiscope-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the socket of exec: %w", err)
	}
	p := &process{dir: dir, copied: make(chan struct{}), done: make(chan struct{})}
	p.addr, err = transport.ParseAddr("unix:" + filepath.Join(dir, "s")) // TMPDIR may be too long for one
	if err == nil {
		err = p.start(env, path, words)
	}
	if err != nil {
		p.removeSocket()
		return nil, err
	}
	return p, nil
}

// removeDir removes what is ours, but not what has its name by then.
func (p *process) removeDir() {
	if p.dir != "" {
		os.RemoveAll(p.dir)
		p.dir = ""
	}
}

func (p *process) removeSocket() {
	p.removeDir()
	if p.socket != nil {
		p.socket.Close()
	}
}

func (p *process) start(env *Env, path string, words []string) error {
	listener, err := listenBlocking(p.addr.Address)
	if err != nil {
		return err
	}
	defer listener.Close() // the process has it then; when it ends, connecting shall fail
	if name, f := nameless(p.addr.Address); f != nil {
		p.addr.Address, p.socket = name, f
		os.RemoveAll(p.dir)
	}
	return p.run(env, path, words, listener)
}

// run starts the command, with stdin, which may be nil.
func (p *process) run(env *Env, path string, words []string, stdin *os.File) error {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	p.cmd = &exec.Cmd{Path: path, Args: words, Stdout: theirs, Stderr: theirs, SysProcAttr: dependent()}
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	for _, variable := range p.cmd.Environ() {
		if !strings.HasPrefix(variable, server.WebServerAddrs+"=") {
			p.cmd.Env = append(p.cmd.Env, variable)
		}
	}
	p.output = ours
	started := make(chan error, 1)
	go func() {
		// The system ends the process with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait()
			p.state = p.cmd.ProcessState
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		ours.Close()
		return commandError(words[0], err)
	}
	go func() {
		defer close(p.copied)
		said := messages{env: env, from: "application"}
		io.Copy(&said, ours)
		said.flush()
	}()
	return nil
}

// commandError says why a command cannot be started.
func commandError(name string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		err = errors.New("no such command")
		hint = "a command that is not in PATH needs its path, such as exec:./app"
		if strings.Contains(name, "=") {
			hint = "to set a variable: exec:env NAME=VALUE command"
		}
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EISDIR):
		err = errors.New("not permitted, or not executable")
	case errors.Is(err, syscall.ENOEXEC):
		err = errors.New("neither a program nor a script with #! in its first line")
	}
	return withHint(connectError{fmt.Errorf("start %s: %w", name, err)}, hint)
}

// died reports whether the process has ended, or does so presently, and how.
func (p *process) died(ctx context.Context) (how string, ok bool) {
	timer := time.NewTimer(diedTime)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.state.String(), true
	case <-timer.C:
	case <-ctx.Done():
	}
	return "", false
}

// close ends the process and all others of its group, and returns when nothing
// is left of them.
func (p *process) close() {
	p.once.Do(func() {
		select {
		case <-p.done:
		default:
			endGroup(p.cmd.Process, syscall.SIGTERM)
			timer := time.NewTimer(endTime)
			defer timer.Stop()
			select {
			case <-p.done:
			case <-timer.C:
			}
		}
		// What its children did not do on SIGTERM: the id of the group is not
		// used again as long as it has a member.
		endGroup(p.cmd.Process, syscall.SIGKILL)
		<-p.done
		// A process that left the group may hold the other end.
		p.output.SetReadDeadline(time.Now().Add(diedTime))
		<-p.copied
		p.output.Close()
		p.removeSocket()
	})
}
