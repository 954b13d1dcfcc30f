package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// How long a program's process group is waited for: after SIGTERM, and after
// the program itself has ended while others hold its standard output.
const (
	killTime   = time.Second
	orphanTime = 5 * time.Second
)

// run runs a program and passes its output on.
func (g *CGI) run(ctx context.Context, x *Exchange, path string, env []string) error {
	p := &program{x: x, name: path}
	cmd := &exec.Cmd{Path: path, Args: []string{path}, Dir: filepath.Dir(path), Env: env, SysProcAttr: ownGroup()}
	if err := p.start(cmd); err != nil {
		return err
	}
	var limit <-chan time.Time
	if g.TimeLimit > 0 {
		timer := time.NewTimer(g.TimeLimit)
		defer timer.Stop()
		limit = timer.C
	}
	var cut error
	select {
	case <-p.drained:
	case <-p.exited:
		p.awaitOrphans(ctx)
	case <-ctx.Done():
		cut = context.Cause(ctx)
	case <-limit:
		late := timeLimitError{fmt.Sprintf("%q", path), g.TimeLimit}
		x.c.report(x.ID, errors.New(late.why()))
		cut = late
	}
	if cut != nil {
		// The request first: its output so far is kept.
		p.passUnfinished()
		x.c.end(x, cut)
	}
	p.stop(cut != nil)
	if cut != nil {
		return nil
	}
	x.SetAppStatus(p.exitStatus())
	if err := p.headerError(); err != nil {
		return err
	}
	if err := p.signalError(); err != nil {
		x.c.report(x.ID, err)
		fmt.Fprintf(x.Stderr, "fcgiscope: %v\n", err)
	}
	return nil
}

// A program is a process that answers a request.
type program struct {
	x       *Exchange
	name    string
	cmd     *exec.Cmd
	stdin   *os.File
	outputs []*os.File
	copies  sync.WaitGroup
	exited  chan struct{} // the process has ended
	drained chan struct{} // and so have its outputs
	state   *os.ProcessState

	mu     sync.Mutex
	header cgi.Header
	began  []byte // the beginning of the output
	over   bool   // nothing is passed on any more
}

// beganMax is how many bytes of an output that is no response are told.
const beganMax = 200

// start starts the process and the copying of its three streams.
func (p *program) start(cmd *exec.Cmd) (err error) {
	var theirs []*os.File
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		if r, w, err = os.Pipe(); err == nil {
			theirs = append(theirs, r, w)
		}
		return r, w
	}
	inR, inW := pipe()
	outR, outW := pipe()
	errR, errW := pipe()
	if err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
		err = cmd.Start()
	}
	if err != nil {
		for _, f := range theirs {
			f.Close()
		}
		return cannotRun(p.name, err)
	}
	for _, f := range []*os.File{inR, outW, errW} {
		f.Close()
	}
	p.cmd, p.stdin, p.outputs = cmd, inW, []*os.File{outR, errR}
	p.exited, p.drained = make(chan struct{}), make(chan struct{})
	var outputs sync.WaitGroup
	outputs.Go(func() { p.copyStdout(outR) })
	outputs.Go(func() { io.Copy(flushingStderr{p.x}, errR) })
	p.copies.Go(func() {
		io.Copy(inW, p.x.Stdin)
		inW.Close()
	})
	p.copies.Go(func() {
		cmd.Wait()
		p.state = cmd.ProcessState
		close(p.exited)
	})
	p.copies.Go(func() {
		outputs.Wait()
		<-p.exited
		close(p.drained)
	})
	return nil
}

// cannotRun says why a program does not start. Where the system says that a file
// is missing, it may be another one.
func cannotRun(name string, err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		err = of.Err
	}
	why := err.Error()
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		why = "it is no program, and has no line #! that names one for it"
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(name); err == nil {
			why = "the program that its line #! names, or its loader, is missing"
		}
	}
	return failure(500, "%q cannot be run: %s", name, why)
}

// awaitOrphans waits for processes that the program has left behind and that
// hold its standard output, but not for ever.
func (p *program) awaitOrphans(ctx context.Context) {
	timer := time.NewTimer(orphanTime)
	defer timer.Stop()
	select {
	case <-p.drained:
	case <-timer.C:
		fmt.Fprintf(p.x.Stderr, "fcgiscope: %q has ended, but its standard output is still open after %v\n", p.name, orphanTime)
	case <-ctx.Done():
	}
}

// stop ends the copying, and what is left of the process group: if the request
// was cut short, or somebody still holds the output. A process that has closed
// its output otherwise may live on, as with other servers.
func (p *program) stop(cut bool) {
	p.x.closeInput()
	drained := isClosed(p.drained)
	if cut || !drained {
		signalGroup(p.cmd.Process, syscall.SIGTERM)
		timer := time.NewTimer(killTime)
		select {
		case <-p.drained:
		case <-timer.C:
		}
		timer.Stop()
		signalGroup(p.cmd.Process, syscall.SIGKILL)
	}
	for _, f := range p.outputs {
		f.Close() // a process that left the group may still hold the other end
	}
	p.stdin.Close()
	p.copies.Wait()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// exitStatus is the shell's: 128 + n for signal n.
func (p *program) exitStatus() uint32 {
	if signal, ok := p.signal(); ok {
		return 128 + uint32(signal)
	}
	return uint32(p.state.ExitCode())
}

// signal returns the signal that has ended the program, if one has.
func (p *program) signal() (signal syscall.Signal, ok bool) {
	ws, ok := p.state.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		return 0, false
	}
	return ws.Signal(), true
}

// copyStdout passes the output on once it has a header, and sends what it has
// read so far when there is nothing more to read at once.
func (p *program) copyStdout(r io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 && !p.pass(buf[:n]) {
			io.Copy(io.Discard, r)
			return
		}
		if err != nil {
			return
		}
	}
}

// pass reports whether the program is to go on.
func (p *program) pass(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = append(p.began, b[:min(len(b), beganMax-len(p.began))]...)
	if p.over {
		return false
	}
	if !p.header.Done() {
		n, done := p.header.Feed(b)
		if !done {
			return true
		}
		if p.header.Err() != nil {
			return false
		}
		if _, err := p.x.Stdout.Write(p.header.Bytes()); err != nil {
			return false
		}
		b = b[n:]
	}
	if _, err := p.x.Stdout.Write(b); err != nil {
		return false
	}
	return p.x.Flush() == nil
}

// passUnfinished passes on what there is of the header: the request ends now.
func (p *program) passUnfinished() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if !p.header.Done() {
		p.x.Stdout.Write(p.header.Bytes())
	}
}

// headerError says what is wrong with the response, if its header is no header.
func (p *program) headerError() error {
	if p.header.Done() && p.header.Err() == nil {
		return nil
	}
	p.header.End()
	signal, signaled := p.signal()
	switch {
	case len(p.began) == 0 && signaled:
		return failure(502, "%q was ended by signal %d and wrote nothing", p.name, signal)
	case len(p.began) == 0:
		return failure(502, "%q wrote nothing, its exit status is %d", p.name, p.exitStatus())
	case p.header.Problem() == cgi.NotAHeader:
		return failure(502, "%q wrote no CGI response: %v; it began with %q", p.name, cgi.NotAHeader, p.began)
	}
	return failure(502, "%q wrote no CGI response: %s; it began with %q", p.name, strings.TrimPrefix(p.header.Err().Error(), "cgi: "), p.began)
}

// signalError says that a signal has ended the program in the middle of its
// response, which nothing else but the appStatus tells.
func (p *program) signalError() error {
	if signal, ok := p.signal(); ok {
		return fmt.Errorf("%q was ended by signal %d", p.name, signal)
	}
	return nil
}

// flushingStderr sends every line at once.
type flushingStderr struct{ x *Exchange }

func (s flushingStderr) Write(p []byte) (int, error) {
	n, err := s.x.Stderr.Write(p)
	if err == nil {
		err = s.x.Flush()
	}
	return n, err
}
