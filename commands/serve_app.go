package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// appOptions are those of single apps.
type appOptions struct {
	passEnv   list
	passParam list
	timeout   duration
	links     bool
	match     list
	layout    bool
	paced     bool
	rules     authRules
	transform choice
	args      []string // the app, and what it serves
}

func (o *appOptions) flags() []cli.Flag {
	const category = "Apps"
	o.timeout = defaultProgramTime
	o.transform = choice{"upper", transformWords()}
	return append([]cli.Flag{
		durationFlag(category, "program-timeout", nil, "exec: end a program after `TIME`, with the status 408; 0: never", &o.timeout),
		&cli.GenericFlag{Name: "pass-env", Category: category, Usage: "exec: give programs our environment variable `NAME`, too; may come several times, as the next may", Value: &o.passEnv},
		&cli.GenericFlag{Name: "pass-param", Category: category, Usage: "exec: give programs the parameter `NAME`, too, whatever it does to them", Value: &o.passParam},
		&cli.BoolFlag{Name: "follow-symlinks", Category: category, Usage: "exec, files: let symbolic links lead out of DIR", Destination: &o.links},
		&cli.GenericFlag{Name: "match", Category: category, Usage: "mock: tell requests apart by the parameter `NAME`; may come several times (default: REQUEST_METHOD and those that name the page)", Value: &o.match},
		&cli.BoolFlag{Name: "layout", Category: category, Usage: "mock: send the records as they were recorded: sizes, padding, end", Destination: &o.layout},
		&cli.BoolFlag{Name: "paced", Category: category, Usage: "mock: keep the recorded times between records", Destination: &o.paced},
		choiceFlag(category, "transform", nil, "filter: change letters so: `"+strings.Join(transformWords(), "|")+"`", &o.transform),
	}, o.rules.flags(category)...)
}

const defaultProgramTime = duration(server.DefaultHandlerTime)

// handlerTime returns how long an app may take for a request.
func (o *appOptions) handlerTime() time.Duration {
	if o.timeout == 0 {
		return -1
	}
	return max(time.Duration(o.timeout)+time.Minute, server.DefaultHandlerTime) // the program's comes first
}

// A served app is one that is ready.
type served struct {
	name    string
	handler server.Handler
	inputs  []string // files that it was read from
	close   func()
}

// serveApps are the apps that flags or what is named behind them say more about.
// The others, and those of these names for who knows no flags, are server.Apps.
var serveApps = []struct {
	name, arg, help string
	make            func(ctx context.Context, env *Env, o *appOptions, arg string) (served, error)
	flags           []string // that are its own
}{
	{"authorizer", "", "role AUTHORIZER: lets pass, asks for a password, or refuses; without its flags it asks for \"secret\" below directories called private", authorizerApp, authFlags},
	{"filter", "", "role FILTER: answers with the DATA stream, in capital letters or what else --transform says", filterApp, []string{"transform"}},
	{"exec", "DIR|PROGRAM", "runs a CGI program for each request", execApp, []string{"program-timeout", "pass-env", "pass-param", "follow-symlinks"}},
	{"files", "DIR", "answers with the files in DIR, hidden ones too, by the path of REQUEST_URI, and lists directories", filesApp, []string{"follow-symlinks"}},
	{"mock", "FILE", "answers as recorded in a capture, or in anything else that dump reads", mockApp, []string{"match", "layout", "paced"}},
}

// An appWord is what an app is called, and how its line in the help goes.
type appWord struct{ name, arg, help string }

// appWords returns the apps in the order of the help.
func appWords() []appWord {
	var words []appWord
	for _, a := range server.Apps() {
		words = append(words, appWord{a.Name, "", a.Help})
	}
	for _, a := range serveApps {
		words = slices.DeleteFunc(words, func(w appWord) bool { return w.name == a.name })
		words = append(words, appWord{a.name, a.arg, a.help})
	}
	return words
}

// appHelp explains the apps, a line each.
func appHelp() string {
	var b bytes.Buffer
	for _, a := range appWords() {
		writeEntry(&b, 12, strings.TrimSpace(a.name+" "+a.arg), a.help)
	}
	return b.String()
}

const appsHelp = `
echo answers when a body has come whole, and holds it until then in memory and in a temporary file:
256 MiB of one, 413 if it is longer, and 1 GiB of all, OVERLOADED if it is more.

exec runs the program that SCRIPT_FILENAME names, or DOCUMENT_ROOT and SCRIPT_NAME, which has to be
in DIR, and what follows it there is PATH_INFO; or PROGRAM for all requests. It starts in its own
directory, with the parameters of CGI and of HTTP header fields (but not HTTP_PROXY) and a fixed
PATH as its environment. Its exit status is the appStatus (128 + N for signal N), its standard error
goes to the web server. One that hangs is ended with all that it started, and what it wrote until
then is kept.

mock gives requests that were recorded their answers, in the order in which they came, and then
again; others get 404, and a line on stderr says what is different.
` + authHelp

// app makes the app that the user names ready.
func (o *appOptions) app(ctx context.Context, env *Env) (served, error) {
	if len(o.args) == 0 {
		return served{}, withHint(usagef("serve: no app given"), "such as: fcgiscope serve echo")
	}
	name, rest := o.args[0], o.args[1:]
	if err := o.checkFlags(name); err != nil {
		return served{}, err
	}
	for _, a := range serveApps {
		switch {
		case a.name != name:
			continue
		case a.arg == "" && len(rest) > 0:
			return served{}, usagef("serve: unexpected argument %q", rest[0])
		case a.arg == "":
			rest = []string{""}
		case len(rest) == 0:
			return served{}, usagef("serve %s: no %s given", name, a.arg)
		case len(rest) > 1:
			return served{}, usagef("serve %s: unexpected argument %q", name, rest[1])
		}
		app, err := a.make(ctx, env, o, rest[0])
		app.name = strings.TrimSpace(name + " " + rest[0])
		return app, err
	}
	if app, err := server.FindApp(name); err == nil {
		if len(rest) > 0 {
			return served{}, usagef("serve: unexpected argument %q", rest[0])
		}
		return served{name: name, handler: app.Handler, close: func() {}}, nil
	}
	var names []string
	for _, a := range appWords() {
		names = append(names, a.name)
	}
	if near := wire.Nearest(name, names); near != "" {
		return served{}, usagef("serve: no app %q (did you mean %s?)", name, near)
	}
	return served{}, usagef("serve: no app %q: there are %s", name, orList(names))
}

// checkFlags refuses the flags of other apps.
func (o *appOptions) checkFlags(name string) error {
	given := map[string]bool{
		"program-timeout": o.timeout != defaultProgramTime, "pass-env": len(o.passEnv) > 0, "pass-param": len(o.passParam) > 0,
		"follow-symlinks": o.links, "match": len(o.match) > 0, "layout": o.layout, "paced": o.paced, "transform": o.transform.word != transforms[0].word,
	}
	o.rules.given(given)
	for _, a := range serveApps {
		if a.name == name {
			for _, flag := range a.flags {
				delete(given, flag)
			}
		}
	}
	for _, a := range serveApps {
		for _, flag := range a.flags {
			if given[flag] {
				return usagef("serve: --%s is for the app %s", flag, a.name)
			}
		}
	}
	return nil
}

// execApp runs CGI programs.
func execApp(_ context.Context, env *Env, o *appOptions, arg string) (served, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return served{}, fmt.Errorf("serve exec: %s: %w", arg, systemError(err))
	}
	g := &server.CGI{TimeLimit: time.Duration(o.timeout), Pass: o.passParam, FollowLinks: o.links}
	for _, name := range o.passEnv {
		value := env.Getenv(name)
		if value == "" {
			return served{}, usagef("--pass-env %s: there is no such variable, or it is empty", name)
		}
		g.Env = append(g.Env, name+"="+value)
	}
	switch {
	case info.IsDir():
		g.Root = arg
	case info.Mode()&0o111 == 0:
		return served{}, withHint(fmt.Errorf("serve exec: %s: is not executable", arg), "chmod +x "+arg)
	default:
		g.Program = arg
	}
	return served{handler: g.Handle, close: func() {}}, nil
}

// filesApp answers with files.
func filesApp(_ context.Context, _ *Env, o *appOptions, arg string) (served, error) {
	if info, err := os.Stat(arg); err == nil && !info.IsDir() {
		return served{}, fmt.Errorf("serve files: %s: is no directory", arg)
	}
	root, err := os.OpenRoot(arg)
	if err != nil {
		return served{}, fmt.Errorf("serve files: %s: %w", arg, systemError(err))
	}
	files := root.FS()
	if o.links {
		dir, err := filepath.Abs(arg)
		if err != nil {
			return served{}, err
		}
		files = os.DirFS(dir)
	}
	return served{handler: server.Files(files), close: func() { root.Close() }}, nil
}

// mockApp answers as recorded.
func mockApp(ctx context.Context, env *Env, o *appOptions, arg string) (served, error) {
	m := &server.Mock{Match: o.match, Layout: o.layout, Paced: o.paced}
	switch err := learn(ctx, env, m, arg); {
	case errors.Is(err, capture.ErrEmpty):
		return served{}, peerError{fmt.Errorf("serve mock: %s: is empty", arg)}
	case err != nil:
		return served{}, fmt.Errorf("serve mock: %s: %s", arg, plain(err))
	}
	if m.Requests() == 0 {
		return served{}, peerError{fmt.Errorf("serve mock: %s: holds no request with an answer", arg)}
	}
	return served{handler: m.Handle, inputs: []string{arg}, close: func() {}}, nil
}

// learn shows m the conversations in a file.
func learn(ctx context.Context, env *Env, m *server.Mock, name string) error {
	in := env.Stdin
	if name != "-" {
		f, err := orDone(ctx, func() (*os.File, error) { return os.Open(name) })
		if err != nil {
			return systemError(err)
		}
		defer f.Close()
		in = f
	}
	src, _, err := capture.Open(in, capture.Options{})
	if err != nil {
		return err
	}
	decodeCtx, stop := context.WithCancel(ctx)
	defer stop()
	var damage, failed error
	_, err = capture.Decode(decodeCtx, src, capture.DecodeOptions{
		Whole: true,
		Warn: func(err error) {
			if damage == nil {
				damage = err
			}
		},
	}, func(e *flow.Event) {
		if failed == nil {
			if failed = m.Event(e); failed != nil {
				stop()
			}
		}
	})
	if closeErr := src.Close(); err == nil {
		err = closeErr
	}
	if failed != nil {
		return failed
	}
	if err == nil && damage != nil {
		complain(env, fmt.Sprintf("%s: %s", name, plain(damage)))
	}
	return err
}

// systemError returns what the system says, without what was done to which
// path.
func systemError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
