package commands

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/tap"
)

// lookAgain is how often the path of a takeover is looked at.
const lookAgain = 500 * time.Millisecond

// takeOver passes on from the application's own path to where its socket is
// meanwhile.
func (t *tapper) takeOver(ctx context.Context, shown *tapShown) error {
	repaired, over, err := tap.TakeOver(ctx, t.o.takeover)
	if repaired != "" {
		complain(t.env, t.o.takeover+": a tap was killed here: "+repaired)
	}
	if err != nil {
		return errTakeover(err)
	}
	t.proxy.Dial, t.proxy.Server = t.dialling(over.Dial), t.o.takeover
	t.lost = make(chan struct{}, 1)
	shown.run()
	t.say(fmt.Sprintf("tapping %s; if this is killed: fcgiscope tap --repair %s", t.o.takeover, shellWord(t.o.takeover)))
	go t.serve(context.WithoutCancel(ctx), over.Listener())
	err = t.keep(ctx, over)
	// The path first, so that nobody comes any more; what came is passed on.
	if back := over.GiveBack(); back != nil {
		err = errTakeover(back)
	}
	if shut := t.shutdown(); err == nil {
		err = shut
	}
	return err
}

// keep holds the path until ctx is done, also over a new start of the
// application.
func (t *tapper) keep(ctx context.Context, over *tap.Takeover) error {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	away := false // the path is not ours just now
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-t.failed:
			return err
		case <-t.lost:
			if away || over.Alive(ctx) {
				continue
			}
			// Its next start would find its path taken by somebody alive.
			if err := over.GiveBack(); err != nil {
				return errTakeover(err)
			}
			away = true
			t.say(t.o.takeover + ": the application has ended; waiting for the next one")
		case <-tick.C:
			if !away && !over.Lost() {
				continue
			}
			if !away {
				away = true
				t.say(t.o.takeover + ": the application has removed it, or bound it anew; waiting until it listens")
			}
			err := over.Again(ctx)
			switch {
			case err == nil:
				away = false
				t.say("tapping " + t.o.takeover + " again")
				go t.serve(context.WithoutCancel(ctx), over.Listener())
			case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
				return errTakeover(err)
			}
		}
	}
}

// repairSocket puts right what a takeover has left.
func repairSocket(ctx context.Context, env *Env, path string) error {
	done, err := tap.Repair(ctx, path)
	if err != nil {
		return errTakeover(err)
	}
	if done == "" {
		done = "nothing to repair"
	}
	complain(env, path+": "+done)
	return nil
}
