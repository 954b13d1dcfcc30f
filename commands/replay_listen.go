package commands

import "context"

// checkListen refuses what is about the other side.
func (o *replayOptions) checkListen() error {
	switch {
	case len(o.args) > 1:
		return usagef("replay: with --listen nothing is sent to %q", o.args[1])
	case o.exact, o.fresh, o.all, o.unsafe, o.check, o.onlyChanged, o.json, o.noIgnore, o.slower > 0, o.speed > 0, o.concurrency > 0,
		o.limit > 0, o.loop != 1, o.from.word != "", o.ports != nil, o.chooses(), len(o.set)+len(o.unset)+len(o.roots)+len(o.ignore) > 0:
		return withHint(usagef("replay: with --listen only --paced, --layout and --record go"),
			"to choose or to change what is answered: fcgiscope dump "+shellWord(o.args[0])+" --where … > answers.txt; fcgiscope replay answers.txt --listen ADDR")
	}
	return o.recording.check()
}

// answer answers a web server as the file did: this is serve mock.
func (o *replayOptions) answer(ctx context.Context, env *Env) error {
	var s serveOptions
	s.flags() // the defaults
	s.listening.addrs = o.listen
	s.appOptions.args = []string{"mock", o.args[0]}
	s.appOptions.layout, s.appOptions.paced = o.comparing.layout, o.paced
	s.watching.recording = o.recording
	return serve(ctx, env, s)
}
