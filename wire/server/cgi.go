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

// programPath is the PATH of a CGI program, whatever the peer sends.
const programPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// How long a program's process group is waited for: after SIGTERM, and after
// the program itself has ended while others hold its standard output.
const (
	killTime   = time.Second
	orphanTime = 5 * time.Second
)

// A CGI answers requests with programs, each run as a process of its own.
// Handle is its Handler.
//
// A program gets the variables of CGI and of HTTP headers among the params
// (not HTTP_PROXY, which programs take for their own), and a fixed PATH; all
// other names only if they are in Pass, because LD_PRELOAD, BASH_ENV or
// PERL5OPT from a peer would be its code in our process. Its standard error
// goes to STDERR, its exit status to appStatus (128 + n where signal n ended
// it). Its process group is killed when the time is up, the request is aborted
// or the peer has gone.
type CGI struct {
	// Root is the directory that programs are in: SCRIPT_FILENAME, or
	// DOCUMENT_ROOT and SCRIPT_NAME, has to be there, symbolic links followed.
	Root string
	// Program, if not "", answers all requests instead.
	Program string
	// TimeLimit is how long a program may run; 0 means as long as a handler.
	// It is answered as Limits.HandlerTime is.
	TimeLimit time.Duration
	// Pass lists names of params that programs get too.
	Pass []string
	// Env are more variables, as NAME=value; they win over params.
	Env []string
}

// Handle runs the program that x asks for.
func (g *CGI) Handle(ctx context.Context, x *Exchange) {
	program, err := g.find(x)
	if err == nil {
		var env []string
		if env, err = g.environment(x); err == nil {
			err = g.run(ctx, x, program, env)
		}
	}
	var failed *failedError
	switch {
	case err == nil:
	case errors.As(err, &failed):
		x.c.fail(x, failed.status, failed.why)
	default:
		x.c.end(x, err)
	}
}

func failure(status int, format string, args ...any) *failedError {
	return &failedError{status, fmt.Sprintf(format, args...)}
}

// find returns the path of the program that is asked for.
func (g *CGI) find(x *Exchange) (string, error) {
	if g.Program != "" {
		return filepath.Abs(g.Program)
	}
	script := scriptFilename(x)
	if script == "" {
		return "", failure(404, "neither SCRIPT_FILENAME nor DOCUMENT_ROOT and SCRIPT_NAME say which program to run")
	}
	if strings.ContainsRune(script, 0) {
		return "", failure(400, "the path %q has a NUL byte", script)
	}
	root, err := filepath.EvalSymlinks(g.Root)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return "", failure(500, "the root of the programs: %v", err)
	}
	path, err := filepath.EvalSymlinks(filepath.Clean("/" + script))
	if err == nil && !inside(root, path) || err != nil && !inside(root, filepath.Clean("/"+script)) {
		return "", failure(403, "%q is outside of %q", script, root)
	}
	if err != nil {
		return "", notRunnable(script, err)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", notRunnable(script, err)
	case info.IsDir():
		return "", failure(403, "%q is a directory", script)
	case info.Mode()&0o111 == 0:
		return "", failure(403, "%q is not executable", script)
	}
	return path, nil
}

func notRunnable(script string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return failure(404, "there is no %q", script)
	case errors.Is(err, fs.ErrPermission):
		return failure(403, "no permission for %q", script)
	}
	return failure(500, "%q: %v", script, err)
}

func inside(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel) && rel != "."
}

// scriptFilename returns the path that the web server asks for. Apache's
// mod_proxy_fcgi puts the address of the application before it.
func scriptFilename(x *Exchange) string {
	script := x.Param("SCRIPT_FILENAME")
	for _, prefix := range []string{"proxy:fcgi://", "proxy:balancer://", "proxy:unix:"} {
		if rest, ok := strings.CutPrefix(script, prefix); ok {
			if _, after, ok := strings.Cut(rest, "|fcgi://"); ok {
				rest = after
			}
			_, path, _ := strings.Cut(rest, "/")
			return "/" + path
		}
	}
	if script == "" && x.Param("SCRIPT_NAME") != "" && x.Param("DOCUMENT_ROOT") != "" {
		script = x.Param("DOCUMENT_ROOT") + "/" + x.Param("SCRIPT_NAME")
	}
	return script
}

// cgiNames are the names beside HTTP_* that a program gets: those of RFC 3875,
// section 4.1, and those that web servers add to them.
var cgiNames = map[string]bool{
	"AUTH_TYPE": true, "CONTENT_LENGTH": true, "CONTENT_TYPE": true, "GATEWAY_INTERFACE": true, "PATH_INFO": true,
	"PATH_TRANSLATED": true, "QUERY_STRING": true, "REMOTE_ADDR": true, "REMOTE_HOST": true, "REMOTE_IDENT": true,
	"REMOTE_USER": true, "REQUEST_METHOD": true, "SCRIPT_NAME": true, "SERVER_NAME": true, "SERVER_PORT": true,
	"SERVER_PROTOCOL": true, "SERVER_SOFTWARE": true,

	"CONTEXT_DOCUMENT_ROOT": true, "CONTEXT_PREFIX": true, "DOCUMENT_ROOT": true, "DOCUMENT_URI": true, "HTTPS": true,
	"REDIRECT_QUERY_STRING": true, "REDIRECT_STATUS": true, "REDIRECT_URL": true, "REMOTE_PORT": true, "REQUEST_SCHEME": true,
	"REQUEST_URI": true, "SCRIPT_FILENAME": true, "SERVER_ADDR": true, "SERVER_ADMIN": true, "SERVER_SIGNATURE": true,
	"UNIQUE_ID": true, "FCGI_ROLE": true, "FCGI_DATA_LAST_MOD": true, "FCGI_DATA_LENGTH": true,
}

// environment returns what a program gets.
func (g *CGI) environment(x *Exchange) ([]string, error) {
	env := []string{"PATH=" + programPath, "FCGI_ROLE=" + x.Role.String()}
	seen := map[string]int{"PATH": 0, "FCGI_ROLE": 1}
	for _, p := range x.Params {
		name, value := string(p.Name), string(p.Value)
		if !g.passes(name) {
			continue
		}
		if strings.ContainsRune(value, 0) {
			return nil, failure(400, "the value of %s has a NUL byte", name)
		}
		// Of two variables of one name programs see the one or the other.
		if i, ok := seen[name]; ok {
			env[i] = name + "=" + value
			continue
		}
		seen[name] = len(env)
		env = append(env, name+"="+value)
	}
	return append(env, g.Env...), nil
}

func (g *CGI) passes(name string) bool {
	if rest, ok := strings.CutPrefix(name, "HTTP_"); ok {
		for i := range len(rest) {
			if c := rest[i]; c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
				return false
			}
		}
		return rest != "" && rest != "PROXY"
	}
	if cgiNames[name] {
		return name != "FCGI_ROLE"
	}
	for _, pass := range g.Pass {
		if name == pass {
			return name != "" && !strings.ContainsAny(name, "=\x00")
		}
	}
	return false
}

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
		cut = timeLimitError(g.TimeLimit)
	}
	if cut != nil {
		// The request first: its output so far is kept.
		p.passUnfinished()
		x.c.end(x, cut)
	}
	p.stop()
	if cut != nil {
		return nil
	}
	x.SetAppStatus(p.exitStatus())
	return p.headerError()
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

	mu      sync.Mutex
	header  cgi.Header
	written bool // anything
	over    bool // nothing is passed on any more
}

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
		return failure(500, "%q cannot be run: %v", p.name, err)
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

// stop ends what is left of the process group, and the copying.
func (p *program) stop() {
	p.x.closeInput()
	select {
	case <-p.drained:
	default:
		signalGroup(p.cmd.Process, syscall.SIGTERM)
		timer := time.NewTimer(killTime)
		select {
		case <-p.drained:
		case <-timer.C:
		}
		timer.Stop()
	}
	// Also when all seems to be over: a process may have closed its streams.
	signalGroup(p.cmd.Process, syscall.SIGKILL)
	for _, f := range p.outputs {
		f.Close() // a process that left the group may still hold the other end
	}
	p.stdin.Close()
	p.copies.Wait()
}

// exitStatus is the shell's: 128 + n for signal n.
func (p *program) exitStatus() uint32 {
	if ws, ok := p.state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + uint32(ws.Signal())
	}
	return uint32(p.state.ExitCode())
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
	p.written = true
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
	if !p.header.Done() {
		p.header.End()
	}
	status := p.exitStatus()
	switch {
	case p.state.Sys() != nil && status > 128 && !p.written:
		return failure(502, "%q was ended by signal %d and wrote nothing", p.name, status-128)
	case !p.written:
		return failure(502, "%q wrote nothing, its exit status is %d", p.name, status)
	}
	return failure(502, "%q wrote no CGI response: %v; it began with %.200q", p.name, p.header.Err(), p.header.Bytes())
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
