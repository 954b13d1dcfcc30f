package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A tally sums up what became of several requests.
type tally struct {
	total  int
	failed int
	worst  error
	seen   map[string]int // by what is said of them
	order  []string
	took   []time.Duration // at most maxTook of them
}

// maxTook is of how many requests the times are kept.
const maxTook = 1 << 20

// add counts a request that is over, and tells why it failed.
func (t *tally) add(env *Env, name string, x *exchange) {
	t.total++
	what := x.outcome()
	if t.seen == nil {
		t.seen = map[string]int{}
	}
	if t.seen[what]++; t.seen[what] == 1 {
		t.order = append(t.order, what)
	}
	if len(t.took) < maxTook {
		t.took = append(t.took, x.finished.Sub(x.start))
	}
	if x.err == nil {
		return
	}
	t.failed++
	complain(env, name+": "+plain(x.err))
	if t.worst == nil || severity(x.err) > severity(t.worst) {
		t.worst = x.err
	}
}

// outcome says in a word or two what became of a request.
func (x *exchange) outcome() string {
	switch {
	case x.ended && x.end.Status != 0:
		return x.end.Status.String()
	case x.ended && x.end.AppStatus != 0:
		return "appStatus " + strconv.FormatUint(uint64(x.end.AppStatus), 10)
	case x.ended && x.status() != 0:
		return "HTTP " + strconv.Itoa(x.status())
	case x.ended:
		return "no response"
	case is[timeoutError](x.err):
		return "no answer in time"
	case is[connectError](x.err):
		return "no connection"
	case is[peerError](x.err):
		return "protocol broken"
	}
	return "not done"
}

// severity orders the exit codes: that of several requests is the worst.
func severity(err error) int {
	return slices.Index([]int{0, 4, 3, 6, 5, 2, 1, 130}, exitCode(err))
}

// tell sums up, on stderr, and returns an error if a request failed.
func (t *tally) tell(env *Env) error {
	if t.total == 0 {
		return nil
	}
	var counts []string
	for _, what := range t.order {
		counts = append(counts, fmt.Sprintf("%d × %s", t.seen[what], what))
	}
	slices.Sort(t.took)
	complain(env, fmt.Sprintf("%s: %s; fastest %s, median %s, slowest %s", plural(t.total, "request", ""), strings.Join(counts, ", "),
		shortTime(t.took[0]), shortTime(t.took[len(t.took)/2]), shortTime(t.took[len(t.took)-1])))
	if t.failed == 0 {
		return nil
	}
	return someFailed{fmt.Sprintf("%d of %d requests failed", t.failed, t.total), t.worst}
}

// A someFailed error stands for the failures of several requests, which were
// told before; its exit code is that of the worst.
type someFailed struct {
	message string
	worst   error
}

func (e someFailed) Error() string { return e.message }
func (e someFailed) Unwrap() error { return e.worst }

// repeat sends the request n times, one after the other.
func (r *runner) repeat(ctx context.Context, n int) error {
	var t tally
	for i := 1; i <= n && r.out.err == nil; i++ {
		if ctx.Err() != nil {
			return errors.Join(t.tell(r.env), context.Cause(ctx))
		}
		x := r.tries(ctx)
		if errors.Is(ctx.Err(), context.Canceled) && x.err != nil {
			return errors.Join(t.tell(r.env), x.err) // nobody asks how the last one failed
		}
		if isReaderGone(x.err) {
			return x.err
		}
		r.meter.add(1)
		t.add(r.env, fmt.Sprintf("request %d of %d", i, n), x)
	}
	r.meter.rest()
	return t.tell(r.env)
}
