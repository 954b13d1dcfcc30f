package commands

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

func compareNumber[N int64 | float64 | fpm.Duration](a, b N) int { return cmp.Compare(a, b) }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// first returns the first order that is one.
func first(orders ...int) int { return cmp.Or(orders...) }

var topPoolHead = []string{"pool", "active", "idle", "total", "waiting", "max children reached", "slow", "requests/s", "start since", "address", "state"}

var topWorkerHead = []string{"pool", "pid", "state", "requests", "requests/s", "duration", "cpu", "memory", "method", "script", "uri"}

// What a narrow terminal does not show, in this order: what is wrong now stays.
var (
	topPoolSpare   = []string{"start since", "slow", "requests/s", "total", "max children reached", "idle"}
	topWorkerSpare = []string{"cpu", "memory", "requests/s", "requests", "script", "method", "pool"}
)

// title returns the line above the view, on a terminal.
func (t *topTable) title(interval time.Duration) string {
	return fmt.Sprintf("fcgiscope fpm top: every %v, by %s  (q ends, s sorts)", interval, topOrders[t.order].name)
}

// lines returns the view, in so many columns; 0: in as many as it takes.
func (t *topTable) lines(columns int) []string {
	var b bytes.Buffer
	var rows [][]string
	for i, r := range t.results {
		rows = append(rows, topPoolRow(r, t.rates[i]))
	}
	// What is written to a buffer does not fail.
	_ = pretty.TableCut(&b, columns, topPoolHead, rows, topPoolSpare...)
	slices.SortStableFunc(t.workers, topOrders[t.order].compare)
	rows = nil
	for _, w := range t.workers {
		rows = append(rows, []string{
			pretty.Clean(w.pool), strconv.FormatInt(w.PID, 10), pretty.Clean(w.State), strconv.FormatInt(w.Requests, 10), rate(w.rate),
			micros(w.RequestDuration), percent(w.LastRequestCPU), megabytes(w.LastRequestMemory), pretty.Clean(w.RequestMethod),
			pretty.Clean(w.Script), pretty.Clean(w.RequestURI),
		})
	}
	if rows != nil {
		b.WriteByte('\n')
		_ = pretty.TableCut(&b, columns, topWorkerHead, rows, topWorkerSpare...)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func topPoolRow(r poolStatus, perSecond float64) []string {
	address := pretty.Clean(r.pool.target.String())
	if r.err != nil {
		return []string{"-", "-", "-", "-", "-", "-", "-", "-", "-", address, pretty.Clean(plain(r.err))}
	}
	s, number := r.status, func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{
		pretty.Clean(s.Pool), number(s.ActiveProcesses), number(s.IdleProcesses), number(s.TotalProcesses), number(s.ListenQueue),
		number(s.MaxChildrenReached), number(s.SlowRequests), rate(perSecond), seconds(s.StartSince), address, "answers",
	}
}

// A screen shows views: on a terminal each in the place of the one before, on
// all of it; elsewhere one after the other.
type screen struct {
	env     *Env
	full    bool
	shown   bool
	restore []func()
	keys    chan byte // nil where there are none
}

// The whole screen apart from what was on it, without a cursor; and back.
const (
	screenOn  = "\x1b[?1049h\x1b[?25l"
	screenOff = "\x1b[?25h\x1b[?1049l"
)

// newScreen prepares the terminal; enough is called when the user wants to end.
func newScreen(ctx context.Context, enough func(), env *Env) (*screen, error) {
	s := &screen{env: env, full: env.Terminal.Stdout && env.Getenv("TERM") != "dumb"}
	if !s.full {
		return s, nil
	}
	if env.Terminal.Stdin && env.Terminal.Raw != nil {
		restore, err := env.Terminal.Raw()
		if err != nil {
			return nil, fmt.Errorf("terminal: %w", err)
		}
		s.restore = append(s.restore, restore)
		s.keys = make(chan byte)
		go readKeys(ctx, enough, env, s.keys)
	}
	if err := write(env.Stdout, []byte(screenOn)); err != nil {
		s.close()
		return nil, err
	}
	s.restore = append(s.restore, func() { _ = write(env.Stdout, []byte(screenOff)) })
	return s, nil
}

// ctrlC is what Ctrl-C is when the terminal gives every key.
const ctrlC = 3

// readKeys passes keys on, but for those that end it. Nothing can end a read of standard input: it is left
// where it is, because the process is about to end.
func readKeys(ctx context.Context, enough func(), env *Env, keys chan<- byte) {
	for {
		var key [1]byte
		n, err := env.Stdin.Read(key[:])
		if err != nil {
			return
		}
		switch {
		case n == 0:
			continue
		case key[0] == 'q' || key[0] == 'Q' || key[0] == ctrlC:
			enough() // also while a pool is being asked
			return
		}
		select {
		case keys <- key[0]:
		case <-ctx.Done():
			return
		}
	}
}

// close leaves the terminal as it was. It may be called again.
func (s *screen) close() {
	for _, restore := range slices.Backward(s.restore) {
		restore()
	}
	s.restore = nil
}

// columns returns how many columns there are, 0 where it is no terminal. The
// last one stays empty: behind a character in it, terminals differ in what
// \x1b[K erases.
func (s *screen) columns() int {
	if !s.full {
		return 0
	}
	return max(0, room(s.env.Terminal.Width)-1)
}

// show shows a view, on a terminal below a title and as much of it as there is
// room for.
func (s *screen) show(title string, lines []string) error {
	var b strings.Builder
	if !s.full {
		if s.shown {
			b.WriteByte('\n')
		}
		s.shown = true
		b.WriteString(strings.Join(lines, "\n") + "\n")
		return write(s.env.Stdout, []byte(b.String()))
	}
	lines = append([]string{title, ""}, lines...)
	b.WriteString("\x1b[H")
	height := room(s.env.Terminal.Height)
	if height > 0 && len(lines) > height {
		more := fmt.Sprintf("… %d more lines", len(lines)-height+1)
		lines = append(lines[:height-1], more)
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if columns := s.columns(); columns > 0 {
			line = pretty.Clip(line, columns)
		}
		b.WriteString(line + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	return write(s.env.Stdout, []byte(b.String()))
}

func room(size func() int) int {
	if size == nil {
		return 0
	}
	return size()
}
