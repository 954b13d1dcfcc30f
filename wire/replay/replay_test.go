package replay_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/replay"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/text"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// planOf makes a plan of a text.
func planOf(t *testing.T, p *replay.Plan, script string) *replay.Plan {
	t.Helper()
	t.Cleanup(p.Close)
	lines, err := text.Parse([]byte(script))
	if err != nil {
		t.Fatal(err)
	}
	play(t, p, &wiretest.Fixture{Lines: lines})
	return p
}

// play shows p the connections of a fixture: those of @conn are one after the
// other.
func play(t *testing.T, p *replay.Plan, f *wiretest.Fixture) {
	t.Helper()
	parts := map[int][]text.Line{}
	n := 0
	for _, l := range f.Lines {
		if l.Kind == text.KindConn {
			n = l.Conn
			continue
		}
		parts[n] = append(parts[n], l)
	}
	for n := range len(parts) {
		part := wiretest.Fixture{Lines: parts[n]}
		part.Play(&flow.Conn{Whole: true, Info: &flow.ConnInfo{N: n}}, func(e *flow.Event) {
			if err := p.Event(e); err != nil {
				t.Fatal(err)
			}
		})
	}
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
}

// An app is an application that notes what it is asked.
type app struct {
	dials int
	mu    sync.Mutex
	got   []byte // by all connections
	all   sync.WaitGroup
	serve func(net.Conn)
}

func (a *app) dial(context.Context) (net.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dials++
	near, far := net.Pipe()
	a.all.Go(func() { a.serve(&noting{far, a}) })
	return near, nil
}

// A noting connection notes what is read.
type noting struct {
	net.Conn
	app *app
}

func (c *noting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.app.mu.Lock()
	defer c.app.mu.Unlock()
	c.app.got = append(c.app.got, p[:n]...)
	return n, err
}

// handled is an application with a handler.
func handled(h server.Handler) *app {
	s := &server.Server{Handler: h}
	return &app{serve: func(c net.Conn) { s.ServeConn(context.Background(), c) }}
}

// results plays p and returns a line for each request.
func results(t *testing.T, pl *replay.Player, p *replay.Plan, a *app) (lines []string) {
	t.Helper()
	pl.Dial = a.dial
	pl.Result = func(r *replay.Result) { lines = append(lines, line(r)) }
	if err := pl.Play(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	a.all.Wait()
	return lines
}

func line(r *replay.Result) string {
	s := fmt.Sprintf("%s %d %v", r.Request.Name(), r.Status, r.Same())
	if r.Err != nil {
		s += " (" + r.Err.Error() + ")"
	}
	for _, d := range r.Differences {
		s += fmt.Sprintf("; %s %s %q %q", d.What, d.Name, d.Want, d.Got)
		if d.At >= 0 {
			s += fmt.Sprintf(" at %d", d.At)
		}
	}
	return s
}

// get is a request and its answer.
const get = `
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
> PARAMS id=1 REQUEST_METHOD=GET REQUEST_URI="/a"
> PARAMS id=1
> STDIN id=1
< STDOUT id=1 "Content-Type: text/plain\r\nDate: yesterday\r\n\r\nhello\nworld\n"
< STDERR id=1 "a word"
< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE
< ! fin
`

// answers writes an answer.
func answers(stdout, stderr string, status uint32) server.Handler {
	return func(_ context.Context, x *server.Exchange) {
		x.Stdout.Write([]byte(stdout))
		x.Stderr.Write([]byte(stderr))
		x.SetAppStatus(status)
	}
}

// TestCompare: what differs in an answer is told, and nothing else is.
func TestCompare(t *testing.T) {
	t.Parallel()
	const head = "Content-Type: text/plain\r\nDate: today\r\n\r\n"
	ignore := map[string]bool{"date": true}
	for _, test := range []struct {
		name     string
		handler  server.Handler
		compare  replay.Comparison
		recorded string // "": get
		want     string
	}{
		{"same", answers(head+"hello\nworld\n", "a word", 0), replay.Comparison{Ignore: ignore}, "", "GET /a 200 true"},
		{"a date", answers(head+"hello\nworld\n", "a word", 0), replay.Comparison{}, "",
			`GET /a 200 false; header Date "yesterday" "today"`},
		{"status", answers("Status: 404\r\n"+head+"hello\nworld\n", "a word", 0), replay.Comparison{Ignore: ignore}, "",
			`GET /a 404 false; status  "200" "404"`},
		{"a field is gone", answers("Content-Type: text/plain\r\n\r\nhello\nworld\n", "a word", 0), replay.Comparison{}, "",
			`GET /a 200 false; header Date "yesterday" ""`},
		{"body", answers(head+"hello\nWorld\n", "a word", 0), replay.Comparison{Ignore: ignore}, "",
			`GET /a 200 false; body  "world\n" "World\n" at 6`},
		{"shorter body", answers(head+"hello\n", "a word", 0), replay.Comparison{Ignore: ignore}, "",
			`GET /a 200 false; body  "world\n" "" at 6`},
		{"longer body", answers(head+"hello\nworld\n!", "a word", 0), replay.Comparison{Ignore: ignore}, "",
			`GET /a 200 false; body  "" "!" at 12`},
		{"ignored body", answers(head+"!", "a word", 0), replay.Comparison{Ignore: map[string]bool{"date": true, "body": true}}, "", "GET /a 200 true"},
		{"STDERR", answers(head+"hello\nworld\n", "a ward", 0), replay.Comparison{Ignore: ignore}, "",
			`GET /a 200 false; stderr  "a word" "a ward" at 3`},
		{"no STDERR", answers(head+"hello\nworld\n", "", 0), replay.Comparison{Ignore: ignore}, "",
			`GET /a 200 false; stderr  "a word" "" at 0`},
		{"appStatus", answers(head+"hello\nworld\n", "a word", 3), replay.Comparison{Ignore: ignore}, "",
			`GET /a 200 false; appStatus  "0" "3"`},
		{"no header at all", answers("", "", 0), replay.Comparison{Ignore: map[string]bool{"date": true, "stderr": true}}, "",
			`GET /a 0 false; status  "200" "0"; header Content-Type "text/plain" ""; body  "hello\nworld\n" "" at 0`},
		{"directories", answers("A: /new/x\r\n\r\nin /new, not in /newer", "/new/f", 0),
			replay.Comparison{Paths: []replay.Path{{Was: "/old/dir", Is: "/new"}}},
			strings.NewReplacer("Content-Type: text/plain\\r\\nDate: yesterday\\r\\n\\r\\nhello\\nworld\\n", "A: /old/dir/x\\r\\n\\r\\nin /old/dir, not in /newer",
				"a word", "/old/dir/f").Replace(get), "GET /a 200 true"},
		{"JSON", answers("A: b\r\n\r\n{\"b\":[1.0,{\"id\":7}],\"a\":true}", "a word", 0),
			replay.Comparison{JSON: true, Ignore: map[string]bool{".b[].id": true}},
			jsonGet, "GET /a 200 true"},
		{"JSON that says something else", answers("A: b\r\n\r\n{\"b\":[2,{\"id\":7},3],\"c\":true}", "a word", 0), replay.Comparison{JSON: true}, jsonGet,
			`GET /a 200 false; body .a "true" ""; body .b[0] "1" "2"; body .b[1].id "8" "7"; body .b[2] "" "3"; body .c "" "true"`},
		{"JSON that is none", answers("A: b\r\n\r\n{", "a word", 0), replay.Comparison{JSON: true}, jsonGet,
			`GET /a 200 false; body  "{\"a\":true,\"b\":[1,{\"id\":8}]}" "{" at 1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			script := get
			if test.recorded != "" {
				script = test.recorded
			}
			got := results(t, &replay.Player{Compare: test.compare}, planOf(t, &replay.Plan{}, script), handled(test.handler))
			if diff := cmp.Diff([]string{test.want}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

var jsonGet = strings.ReplaceAll(get, `Content-Type: text/plain\r\nDate: yesterday\r\n\r\nhello\nworld\n`, `A: b\r\n\r\n{\"a\":true,\"b\":[1,{\"id\":8}]}`)

// TestBytes: what is sent exactly is what was sent, of every fixture; what is
// built anew has the same parameters and streams.
func TestBytes(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Concat(wiretest.Glob(t, "valid/*.txtar"), wiretest.Glob(t, "broken/*.txtar")) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { exactly(t, name) })
		})
	}
}

func exactly(t *testing.T, name string) {
	f := wiretest.Load(t, name)
	p := &replay.Plan{Exact: true, All: true, Unsafe: true}
	t.Cleanup(p.Close)
	play(t, p, &f)
	if left := p.Left(); len(left) > 0 {
		t.Fatalf("left out: %s: %v", left[0].Name(), left[0].Why)
	}
	// It answers as it did: all of that when as much has come as had.
	a := &app{serve: func(c net.Conn) { answerAs(c, &f) }}
	lines := results(t, &replay.Player{Idle: time.Second}, p, a)
	if want := f.Bytes(wire.ToApp); !slices.Equal(want, a.got) {
		t.Errorf("%d bytes were sent, want %d\n%s", len(a.got), len(want), cmp.Diff(want, a.got))
	}
	for _, l := range lines {
		if strings.Contains(l, ";") {
			t.Errorf("it is answered as it was: %s\n%q\n%q", l, lines, a.got)
		}
	}
}

// answerAs sends what the application sent, each piece when what was sent before
// it has come, and then what is left is read.
func answerAs(c net.Conn, f *wiretest.Fixture) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	need, have := 0, 0
	for _, l := range f.Lines {
		b := l.AppendWire(nil)
		if l.Dir == wire.ToApp {
			need += len(b)
			continue
		}
		for have < need {
			n, err := c.Read(buf[:min(len(buf), need-have)])
			if have += n; err != nil {
				return
			}
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
	for have < need {
		n, err := c.Read(buf)
		if have += n; err != nil {
			return
		}
	}
}

// TestDialFails: what is wrong is told, and nothing is left running.
func TestDialFails(t *testing.T) {
	t.Parallel()
	wrong := errors.New("no connection")
	for _, n := range []int{0, 3} {
		pl := &replay.Player{Concurrency: n, Times: -1, Dial: func(context.Context) (net.Conn, error) { return nil, wrong }}
		if err := pl.Play(t.Context(), planOf(t, &replay.Plan{}, get)); !errors.Is(err, wrong) {
			t.Errorf("concurrency %d: %v", n, err)
		}
	}
}
