package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

// timing is how long to wait for a peer.
type timing struct {
	idle, connect, whole duration
}

// timeFlags are the flags that say how long to wait.
const timeFlags = "Time limits (seconds, or with a unit; 0 is none)"

func (t *timing) flags() []cli.Flag {
	t.idle, t.connect = duration(time.Minute), duration(5*time.Second)
	return []cli.Flag{
		durationFlag(timeFlags, "timeout", nil, "give up when nothing comes for `TIME`", &t.idle),
		durationFlag(timeFlags, "connect-timeout", nil, "give up when there is no connection after `TIME`", &t.connect),
		durationFlag(timeFlags, "max-time", []string{"m"}, "give up when all is not done after `TIME`", &t.whole),
	}
}

// limit is ctx with --max-time.
func (t *timing) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.whole == 0 {
		return context.WithCancel(ctx)
	}
	limit := time.Duration(t.whole)
	return context.WithTimeoutCause(ctx, limit, timeoutError{fmt.Errorf("not done after %v (--max-time)", limit)})
}

// idleLimit is --timeout as package client wants it.
func (t *timing) idleLimit() time.Duration {
	if t.idle == 0 {
		return -1 // none
	}
	return time.Duration(t.idle)
}
