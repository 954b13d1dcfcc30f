package replay

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// MaxConnections is how many connections a Player has open at once.
const MaxConnections = 4096

// A Player plays plans.
type Player struct {
	// Dial connects to the application.
	Dial func(context.Context) (net.Conn, error)
	// Concurrency is how many conversations are played at once, each by itself
	// and as fast as it goes; 0 keeps the order that was observed over all
	// conversations: a request begins when those that had ended before it have
	// ended again.
	Concurrency int
	// Speed is the pace: 1 is the one that was observed, 2 twice as fast; 0 is as
	// fast as it goes. It is for a Concurrency of 0.
	Speed float64
	// Idle is how long an answer may take without a byte; 0 is no limit.
	Idle time.Duration
	// Times is how often the plan is played; 0 is once, less is without end.
	Times int
	// Limit is how many requests are sent; 0 is no limit.
	Limit int
	// Compare says what is compared.
	Compare Comparison
	// Observe is told of each connection, and returns who is told what travels
	// over it, and its end; nil is nobody.
	Observe func(net.Conn) Observer
	// Result is told what became of each request, by one goroutine at a time.
	// The Result is valid during the call.
	Result func(*Result)
}

// A pass is a plan that is being played.
type pass struct {
	*Player
	plan  *Plan
	gate  *gate // nil if each conversation is played by itself
	start time.Time
	base  time.Time // what was observed first
	mu    sync.Mutex
	fail  context.CancelCauseFunc
	// sending ends when nothing more is to be sent, and what was is answered still.
	sending context.Context
	enough  context.CancelFunc
	sent    atomic.Int64 // requests
}

// Play plays p. The error is that of Dial, of ctx, or of the temporary file;
// whatever an application does is told by the results.
func (pl *Player) Play(ctx context.Context, p *Plan) error {
	playing, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	sending, enough := context.WithCancel(playing)
	defer enough()
	ps := &pass{Player: pl, plan: p, fail: fail, sending: sending, enough: enough}
	for _, t := range p.talks {
		for _, s := range t.steps {
			if !s.at.IsZero() && (ps.base.IsZero() || s.at.Before(ps.base)) {
				ps.base = s.at
			}
		}
	}
	if pl.Concurrency == 0 {
		for i := 0; pl.again(i) && sending.Err() == nil; i++ {
			ps.gate, ps.start = newGate(len(p.ended)), time.Now()
			ps.inOrder(playing)
		}
	} else {
		ps.inParallel(playing)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return context.Cause(playing)
}

// again reports whether the plan is to be played after i times.
func (pl *Player) again(i int) bool { return pl.Times < 0 || i < max(1, pl.Times) }

// inOrder begins each conversation when it is its turn.
func (ps *pass) inOrder(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	places := make(chan struct{}, MaxConnections)
	for _, t := range ps.plan.talks {
		if ps.gate.wait(ps.sending, t.steps[0].after) != nil || ps.pace(t.steps[0]) != nil {
			return
		}
		select {
		case places <- struct{}{}:
		case <-ps.sending.Done():
			return
		}
		all.Go(func() {
			ps.converse(ctx, t)
			<-places
		})
	}
}

// inParallel plays as many conversations at once as is wanted.
func (ps *pass) inParallel(ctx context.Context) {
	var all sync.WaitGroup
	next := make(chan *talk)
	for range min(ps.Concurrency, MaxConnections) {
		all.Go(func() {
			for t := range next {
				ps.converse(ctx, t)
			}
		})
	}
	for i := 0; ps.again(i) && ps.sending.Err() == nil; i++ {
		for _, t := range ps.plan.talks {
			select {
			case next <- t:
			case <-ps.sending.Done():
			}
		}
	}
	close(next)
	all.Wait()
}

// pace waits until it is time for s.
func (ps *pass) pace(s *step) error {
	ctx := ps.sending
	if ps.Speed == 0 || s.at.IsZero() {
		return ctx.Err()
	}
	after := time.Duration(float64(s.at.Sub(ps.base)) / ps.Speed)
	wait := time.Until(ps.start.Add(after))
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// may reports whether one more request may be sent.
func (ps *pass) may() bool {
	if ps.Limit == 0 || ps.sent.Add(1) <= int64(ps.Limit) {
		return true
	}
	ps.enough()
	return false
}

// tell passes on a result.
func (ps *pass) tell(r *Result) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.Result != nil {
		ps.Result(r)
	}
}
