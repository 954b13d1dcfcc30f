package commands

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

// topResults is one pool with workers of so many requests.
func topResults(accepted, start int64, requests ...int64) []poolStatus {
	s := &fpm.Status{Pool: "www", StartTime: start, AcceptedConn: accepted}
	for i, n := range requests {
		s.Processes = append(s.Processes, fpm.Process{PID: int64(i + 1), State: fpm.Idle, Requests: n})
	}
	return []poolStatus{{pool: &fpmPool{}, status: s}}
}

// TestTopRates: what is known after one answer, after two, and after php-fpm was
// started anew.
func TestTopRates(t *testing.T) {
	t.Parallel()
	var table topTable
	now := time.Now()
	steps := []struct {
		results []poolStatus
		pool    float64
		workers []float64
	}{
		{topResults(100, 1, 10), -1, []float64{-1}},
		{topResults(121, 1, 14, 3), 10, []float64{2, -1}},
		{[]poolStatus{{pool: &fpmPool{}, err: io.EOF}}, -1, nil},
		{topResults(162, 1, 14, 3), 10, []float64{0, 0}}, // since the last answer
		{topResults(5, 2, 1), -1, []float64{-1}},
	}
	for i, step := range steps {
		now = now.Add(2 * time.Second)
		table.update(step.results, now)
		if table.rates[0] != step.pool {
			t.Errorf("step %d: pool %v, want %v", i, table.rates[0], step.pool)
		}
		for j, want := range step.workers {
			if got := table.workers[j].rate; got != want {
				t.Errorf("step %d: worker %d: %v, want %v", i, j, got, want)
			}
		}
		if len(table.workers) != len(step.workers) {
			t.Errorf("step %d: %d workers", i, len(table.workers))
		}
	}
}

// TestTopOrders: every order puts the one first that its name is about.
func TestTopOrders(t *testing.T) {
	t.Parallel()
	ordinary := fpm.Process{PID: 50, State: fpm.Idle, RequestURI: "/m"}
	for _, tt := range []struct {
		order string
		top   topWorker
	}{
		{"state", topWorker{Process: fpm.Process{PID: 60, State: "Running", RequestURI: "/z"}}},
		{"duration", topWorker{Process: fpm.Process{PID: 60, State: fpm.Idle, RequestDuration: 1, RequestURI: "/z"}}},
		{"requests", topWorker{Process: fpm.Process{PID: 60, State: fpm.Idle, Requests: 1, RequestURI: "/z"}}},
		{"rate", topWorker{Process: fpm.Process{PID: 60, State: fpm.Idle, RequestURI: "/z"}, rate: 1}},
		{"cpu", topWorker{Process: fpm.Process{PID: 60, State: fpm.Idle, LastRequestCPU: 1, RequestURI: "/z"}}},
		{"memory", topWorker{Process: fpm.Process{PID: 60, State: fpm.Idle, LastRequestMemory: 1, RequestURI: "/z"}}},
		{"pid", topWorker{Process: fpm.Process{PID: 40, State: fpm.Idle, RequestURI: "/z"}}},
		{"uri", topWorker{Process: fpm.Process{PID: 60, State: fpm.Idle, RequestURI: "/a"}}},
	} {
		for _, order := range topOrders {
			if order.name == tt.order && (order.compare(tt.top, topWorker{Process: ordinary}) >= 0 || order.compare(topWorker{Process: ordinary}, tt.top) <= 0) {
				t.Errorf("%s does not put %+v first", tt.order, tt.top)
			}
		}
	}
}

// A fakeTerminal is one with keys, and counts who makes it raw.
type fakeTerminal struct {
	env  *Env
	keys *io.PipeWriter
	raw  int
	out  lockedWriter
}

func newFakeTerminal(t *testing.T, width, height int) (*fakeTerminal, *bytes.Buffer) {
	env, stdout, _ := testEnv("")
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	f := &fakeTerminal{env: env, keys: w, out: lockedWriter{w: stdout}}
	env.Stdin, env.Stdout = r, &f.out
	env.Terminal = Terminal{
		Stdin: true, Stdout: true, Stderr: true,
		Width:  func() int { return width },
		Height: func() int { return height },
		Raw: func() (func(), error) {
			f.raw++
			return func() { f.raw-- }, nil
		},
	}
	return f, stdout
}

// TestTopScreen: keys do what they should, the view fits, and the terminal is
// left as it was, however it ends.
func TestTopScreen(t *testing.T) {
	t.Parallel()
	addr, stop, err := startPeer(badPeers["fpm-status"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for _, tt := range []struct {
		name, keys string
		count      string
	}{
		{"q", "s \x00q", "0"},
		{"Ctrl-C", "\x03", "0"},
		{"interrupt", "", "0"},
		{"count", "", "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, stdout := newFakeTerminal(t, 40, 6)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			code := make(chan int, 1)
			go func() {
				code <- Main(ctx, []string{"fcgiscope", "fpm", "top", addr, "--interval", "100", "--count", tt.count}, f.env)
			}()
			if tt.keys != "" {
				io.WriteString(f.keys, tt.keys)
			} else if tt.name == "interrupt" {
				interrupt()
			}
			if got := <-code; got != 0 {
				t.Errorf("exit code %d", got)
			}
			text := stdout.String()
			if f.raw != 0 || strings.Count(text, screenOn) != strings.Count(text, screenOff) || text != "" && !strings.HasSuffix(text, screenOff) {
				t.Errorf("the terminal is not as it was: %q", text)
			}
			if strings.Contains(text, "\x1b[2J") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
				t.Errorf("%q", text)
			}
			if tt.name == "q" && (!strings.Contains(text, "by s...") || !strings.Contains(text, "by d...") || !strings.Contains(text, "… 3 more lines")) {
				t.Errorf("%q", text)
			}
			for _, line := range strings.Split(strings.TrimPrefix(text, screenOn), "\r\n") {
				line, _, _ = strings.Cut(strings.TrimPrefix(line, "\x1b[H"), "\x1b[K")
				if n := len([]rune(line)); n > 39 {
					t.Errorf("%d columns: %q", n, line)
				}
			}
		})
	}
}
