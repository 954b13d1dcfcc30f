package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

// leastInterval keeps the questions from being what the pool is busy with.
const leastInterval = 100 * time.Millisecond

type fpmTopOptions struct {
	targets  fpmTargets
	interval duration
	sort     choice
	count    count
}

func (o *fpmTopOptions) flags() []cli.Flag {
	o.interval, o.sort = duration(2*time.Second), choice{word: topOrders[0].name}
	for _, order := range topOrders {
		o.sort.words = append(o.sort.words, order.name)
	}
	flags := []cli.Flag{
		durationFlag(outputFlags, "interval", nil, "ask every `TIME`", &o.interval),
		choiceFlag(outputFlags, "sort", nil, "sort the workers by `COLUMN`: "+orList(o.sort.words), &o.sort),
		&cli.GenericFlag{Name: "count", Category: outputFlags, Usage: "end after `N` times; 0: with q or Ctrl-C", Value: &o.count},
		o.targets.statusFlag(),
	}
	flags = append(flags, o.targets.timeFlags()...)
	o.targets.timing.idle = duration(2 * time.Second) // or a busy pool keeps the others from the screen
	return flags
}

func fpmTopCommand(env *Env) *cli.Command {
	var o fpmTopOptions
	return &cli.Command{
		Name:      "top",
		Usage:     "watch pools and their workers live",
		ArgsUsage: usageOfPools,
		Description: `
Shows the pools and every worker with its request, again and again, with the requests a second since
the time before (without our own question). On a terminal it takes the whole screen: q or Ctrl-C
ends it, s changes the order, a space asks at once. Elsewhere it prints one view after the other.

` + poolsHelp + `

Exit codes: 0 when it is ended; after --count, those of fcgiscope fpm status.

Examples:
  fcgiscope fpm top /run/php/php-fpm.sock
  fcgiscope fpm top 127.0.0.1:9000 127.0.0.1:9001 --sort memory --interval 5
  fcgiscope fpm top /run/php/php-fpm.sock --count 1 --sort duration`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.targets.args = c.Args().Slice()
			return fpmTop(c.Context, env, o)
		},
	}
}

// fpmTop shows the pools until ctx is done, or the user has enough.
func fpmTop(ctx context.Context, env *Env, o fpmTopOptions) error {
	if time.Duration(o.interval) < leastInterval {
		return usagef("fpm top: --interval %v: at least %v", time.Duration(o.interval), leastInterval)
	}
	ctx, cancel := o.targets.timing.limit(ctx)
	defer cancel()
	pools, err := o.targets.open(ctx, env)
	if err != nil {
		return err
	}
	defer pools.close()
	s, err := newScreen(ctx, cancel, env)
	if err != nil {
		return err
	}
	defer s.close()
	t := topTable{order: slices.Index(o.sort.words, o.sort.word)}
	tick := time.NewTicker(time.Duration(o.interval))
	defer tick.Stop()
	for n := 1; ; n++ {
		results := pools.statuses(ctx, true)
		if ctx.Err() != nil {
			return nil
		}
		t.update(results, env.Now())
		for asked := false; !asked; {
			if err := s.show(t.title(time.Duration(o.interval)), t.lines(s.columns())); err != nil {
				return ended{err}
			}
			if n == int(o.count) {
				s.close()
				return complainAll(env, errorsOf(results))
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				asked = true
			case key := <-s.keys:
				switch key {
				case 's':
					t.order = (t.order + 1) % len(topOrders)
				case ' ':
					asked = true
				}
			}
		}
	}
}

// A topWorker is a worker and what can be said of it by now.
type topWorker struct {
	fpm.Process
	pool string
	rate float64 // requests a second; less than 0: not known
}

// topOrders are the orders of workers, by the names that users give. The first
// is the usual one.
var topOrders = []struct {
	name    string
	compare func(a, b topWorker) int
}{
	{"state", func(a, b topWorker) int {
		return first(compareBool(b.State != fpm.Idle, a.State != fpm.Idle), compareNumber(b.RequestDuration, a.RequestDuration))
	}},
	{"duration", func(a, b topWorker) int { return compareNumber(b.RequestDuration, a.RequestDuration) }},
	{"requests", func(a, b topWorker) int { return compareNumber(b.Requests, a.Requests) }},
	{"rate", func(a, b topWorker) int { return compareNumber(b.rate, a.rate) }},
	{"cpu", func(a, b topWorker) int { return compareNumber(b.LastRequestCPU, a.LastRequestCPU) }},
	{"memory", func(a, b topWorker) int { return compareNumber(b.LastRequestMemory, a.LastRequestMemory) }},
	{"pid", func(a, b topWorker) int { return compareNumber(a.PID, b.PID) }},
	{"uri", func(a, b topWorker) int { return strings.Compare(a.RequestURI, b.RequestURI) }},
}

// A topTable makes views of what pools answer, one after the other.
type topTable struct {
	order   int // of topOrders
	results []poolStatus
	rates   []float64 // of the pools, requests a second; less than 0: not known
	workers []topWorker
	before  []poolStatus // the last answer of each pool
	at      []time.Time  // when it came
}

// update takes new answers.
func (t *topTable) update(results []poolStatus, now time.Time) {
	if t.before == nil {
		t.before, t.at = make([]poolStatus, len(results)), make([]time.Time, len(results))
		t.rates = make([]float64, len(results))
	}
	t.results, t.workers = results, nil
	for i, r := range results {
		t.rates[i] = -1
		if r.err != nil {
			continue
		}
		var old *fpm.Status
		took := now.Sub(t.at[i])
		if t.before[i].status != nil && took > 0 && t.before[i].status.StartTime == r.status.StartTime {
			old = t.before[i].status
			// One of them was our question.
			t.rates[i] = max(float64(r.status.AcceptedConn-old.AcceptedConn-1), 0) / took.Seconds()
		}
		for _, p := range r.status.Processes {
			t.workers = append(t.workers, topWorker{p, r.status.Pool, workerRate(old, p, took)})
		}
		t.before[i], t.at[i] = r, now
	}
}

// workerRate returns the requests a second of a worker that was there before.
func workerRate(old *fpm.Status, p fpm.Process, took time.Duration) float64 {
	if old != nil {
		for _, o := range old.Processes {
			if o.PID == p.PID && o.StartTime == p.StartTime {
				return float64(p.Requests-o.Requests) / took.Seconds()
			}
		}
	}
	return -1
}

// rate returns such as 12.5, or - where it is not known.
func rate(v float64) string {
	if v < 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", v)
}
