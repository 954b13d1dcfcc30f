package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/tap"
)

// tapShown is who watches a tap: what is shown, and what is recorded.
type tapShown struct {
	screen *tapView  // nil if nothing is shown
	record *tapView  // nil if nothing is recorded
	disk   *recorded // likewise
	done   sync.WaitGroup
}

// A tapView is a watcher of a tap and what it passes chunks to.
type tapView struct {
	watcher *tap.Watcher
	take    func(*tap.Piece)
	idle    func()
	view    *view // nil: chunks are recorded as they are
}

// watchers makes what the user wants to see and keep.
func (o *tapOptions) watchers(env *Env) (*tapShown, error) {
	s := &tapShown{}
	screen := o.watching
	screen.recording = recording{}
	more := map[string]pretty.Sink{}
	if o.export {
		// The commands are the result, in place of a line a request.
		screen.silent = screen.output.format.word == ""
		more["commands"] = newLineExporter(env.Stdout, cmp.Or(o.takeover, o.to))
	}
	if o.diagnose {
		more["diagnosis"] = diagnosing(env)
	}
	v, err := screen.view(env, "tap", nil, more)
	if err != nil {
		return nil, err
	}
	if v != nil {
		s.screen = newTapView(v, &tap.Watcher{})
	}
	if o.recording.file == "" {
		return s, nil
	}
	if s.disk, err = o.rotation.open(env, &o.recording); err != nil {
		return nil, err
	}
	w := &tap.Watcher{Lossless: !o.rotation.drop}
	s.disk.full = w.Close
	if choice := o.choice(); choice.All() && o.redactor() == nil {
		s.record = &tapView{watcher: w, take: func(p *tap.Piece) { s.disk.chunk(&p.Chunk) }, idle: s.disk.flush}
	} else {
		s.record = newTapView(o.keeping(choice, s.disk), w)
	}
	return s, nil
}

func newTapView(v *view, w *tap.Watcher) *tapView {
	return &tapView{watcher: w, take: newFlows(v).piece, idle: v.flush, view: v}
}

// watchers returns those that the proxy is to tell.
func (s *tapShown) watchers() []*tap.Watcher {
	var all []*tap.Watcher
	for _, v := range s.views() {
		all = append(all, v.watcher)
	}
	return all
}

func (s *tapShown) views() (all []*tapView) {
	for _, v := range []*tapView{s.screen, s.record} {
		if v != nil {
			all = append(all, v)
		}
	}
	return all
}

// run starts to show.
func (s *tapShown) run() {
	for _, v := range s.views() {
		s.done.Go(func() { v.watcher.Run(context.Background(), v.take, v.idle) })
	}
}

// finish shows what waits, and says what there is to say. It does not wait for
// ever for somebody who does not read what is shown.
func (s *tapShown) finish(env *Env, o *tapOptions) error {
	for _, v := range s.views() {
		v.watcher.Close()
	}
	all := make(chan struct{})
	go func() {
		s.done.Wait()
		close(all)
	}()
	var err error
	select {
	case <-all:
	case <-time.After(watchEnd):
		return errors.New("the output is not read: the end of it is missing")
	}
	if s.screen != nil {
		err = s.screen.view.close()
		s.screen.tell(env, "shown")
	}
	if s.record != nil {
		if s.record.view != nil {
			_ = s.record.view.close() // the disk keeps its error
		}
		s.record.tell(env, "recorded")
		err = errors.Join(err, s.disk.close(env, o.silent))
	}
	return err
}

// tell says what was missed.
func (v *tapView) tell(env *Env, what string) {
	if v.view != nil && v.view.chosen != nil {
		tellChosen(env, v.view.chosen)
	}
	m := v.watcher.Missed()
	if m.Pieces > 0 {
		complain(env, fmt.Sprintf("not %s: %s (%d bytes), which came too fast", what, plural(int(m.Pieces), "piece", ""), m.Bytes))
	}
	if m.Connections > 0 {
		complain(env, fmt.Sprintf("not %s: %s, which came too fast", what, plural(int(m.Connections), "connection", "")))
	}
}
