package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// programPath is the PATH of a CGI program, whatever the peer sends.
const programPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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
	// DOCUMENT_ROOT and SCRIPT_NAME, has to be there. What follows a program in
	// these becomes PATH_INFO.
	Root string
	// FollowLinks lets symbolic links lead out of Root.
	FollowLinks bool
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
	program, info, err := g.find(x)
	if err == nil {
		var env []string
		if env, err = g.environment(x, info); err == nil {
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

// find returns the path of the program that is asked for, and what follows it in
// the path that was asked for: "" or with a slash in front.
func (g *CGI) find(x *Exchange) (program, info string, err error) {
	if g.Program != "" {
		program, err = filepath.Abs(g.Program)
		return program, "", err
	}
	script := scriptFilename(x)
	if script == "" {
		return "", "", failure(404, "neither SCRIPT_FILENAME nor DOCUMENT_ROOT and SCRIPT_NAME say which program to run")
	}
	if strings.ContainsRune(script, 0) {
		return "", "", failure(400, "the path %q has a NUL byte", script)
	}
	named, err := filepath.Abs(g.Root)
	if err != nil {
		return "", "", failure(500, "the root of the programs: %v", err)
	}
	root, err := filepath.EvalSymlinks(named)
	if err != nil {
		return "", "", failure(500, "the root of the programs: %v", err)
	}
	if script = "/" + script; hasDots(script) {
		script = filepath.Clean(script)
	}
	asked := filepath.Clean(script)
	script, info = splitInfo(script)
	script = filepath.Clean(script)
	path, err := filepath.EvalSymlinks(script)
	if err != nil && (inside(root, script) || inside(named, script)) {
		return "", "", notRunnable(script, err)
	}
	if err != nil || !inside(root, path) && !(g.FollowLinks && (inside(root, script) || inside(named, script))) {
		// With the script alone it would tell what files there are outside.
		return "", "", failure(403, "%q is outside of %q", asked, named)
	}
	stat, err := os.Stat(path)
	switch {
	case err != nil:
		return "", "", notRunnable(script, err)
	case stat.IsDir():
		return "", "", failure(403, "%q is a directory", script)
	case stat.Mode()&0o111 == 0:
		return "", "", failure(403, "%q is not executable", script)
	}
	return path, info, nil
}

// splitInfo splits a path behind the first part of it that is there and is no
// directory. It follows the path from its beginning: where it ends, so do the
// questions to the system, however long it is.
func splitInfo(path string) (file, info string) {
	for i := 1; i < len(path); i++ {
		if path[i] != '/' || path[i-1] == '/' {
			continue
		}
		stat, err := os.Stat(path[:i])
		if err != nil {
			break
		}
		if !stat.IsDir() {
			return path[:i], path[i:]
		}
	}
	return path, ""
}

// hasDots reports whether one of the names in a path is . or ..
func hasDots(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if name == "." || name == ".." {
			return true
		}
	}
	return false
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

// environment returns what a program gets. info is what follows the program in
// the path: it is PATH_INFO, and no part of the names of the program. See RFC
// 3875, sections 4.1.5 and 4.1.13.
func (g *CGI) environment(x *Exchange, info string) ([]string, error) {
	env := []string{"PATH=" + programPath, "FCGI_ROLE=" + x.Role.String()}
	seen := map[string]int{"PATH": 0, "FCGI_ROLE": 1}
	// Of two variables of one name programs see the one or the other.
	set := func(name, value string) {
		if i, ok := seen[name]; ok {
			env[i] = name + "=" + value
			return
		}
		seen[name] = len(env)
		env = append(env, name+"="+value)
	}
	split := info != "" && x.Param("PATH_INFO") == ""
	for _, p := range x.Params {
		name, value := string(p.Name), string(p.Value)
		if !g.passes(name) {
			continue
		}
		if strings.ContainsRune(value, 0) {
			return nil, failure(400, "the value of %s has a NUL byte", name)
		}
		if name == "SCRIPT_NAME" || name == "SCRIPT_FILENAME" {
			var cut bool
			value, cut = strings.CutSuffix(value, info)
			split = split || cut && info != "" && name == "SCRIPT_NAME"
		}
		set(name, value)
	}
	if split {
		set("PATH_INFO", info)
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
