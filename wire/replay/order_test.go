package replay_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/replay"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// request returns what is sent of a request, and answer what is answered.
func request(id int, uri string, keep int) string {
	return fmt.Sprintf(`> BEGIN_REQUEST id=%[1]d role=RESPONDER flags=%[3]d
> PARAMS id=%[1]d REQUEST_METHOD=GET REQUEST_URI=%[2]q
> PARAMS id=%[1]d
> STDIN id=%[1]d
`, id, uri, keep)
}

func answer(id int) string {
	return fmt.Sprintf(`< STDOUT id=%[1]d "A: b\r\n\r\n"
< END_REQUEST id=%[1]d appStatus=0 protocolStatus=REQUEST_COMPLETE
`, id)
}

// A diary is a handler that notes when requests begin and end.
type diary struct {
	mu    sync.Mutex
	start time.Time
	lines []string
	takes map[string]time.Duration
}

func (d *diary) handle(_ context.Context, x *server.Exchange) {
	uri, _ := x.Lookup("REQUEST_URI")
	d.note("begin " + string(uri))
	time.Sleep(d.takes[string(uri)])
	x.Stdout.Write([]byte("A: b\r\n\r\n"))
	d.note("end " + string(uri))
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.start.IsZero() {
		line += fmt.Sprintf(" at %v", time.Since(d.start))
	}
	d.lines = append(d.lines, line)
}

// TestOrder: on a connection one request comes after the other, and a request
// that is multiplexed while the other one is answered.
func TestOrder(t *testing.T) {
	t.Parallel()
	serial := request(1, "/a", 1) + answer(1) + request(1, "/b", 1) + answer(1)
	mixed := request(1, "/a", 1) + request(2, "/b", 1) + answer(2) + request(3, "/c", 1) + answer(3) + answer(1)
	for _, test := range []struct {
		name, script string
		player       replay.Player
		fresh        bool
		want         string
		dials        int
	}{
		{"one after the other", serial, replay.Player{}, false, "begin /a, end /a, begin /b, end /b", 1},
		{"fresh", serial, replay.Player{}, true, "begin /a, end /a, begin /b, end /b", 2},
		{"by itself", serial, replay.Player{Concurrency: 2}, false, "begin /a, end /a, begin /b, end /b", 1},
		{"twice", request(1, "/a", 0) + answer(1), replay.Player{Times: 2}, false, "begin /a, end /a, begin /a, end /a", 2},
		{"no more than", serial, replay.Player{Limit: 1}, false, "begin /a, end /a", 1},
		{"no more than, at once", serial, replay.Player{Limit: 3, Concurrency: 1, Times: -1}, false, "begin /a, end /a, begin /b, end /b, begin /a, end /a", 2},
		{"multiplexed", mixed, replay.Player{}, false, "begin /a, begin /b, end /b, begin /c, end /c, end /a", 1},
		{"multiplexed, fresh", mixed, replay.Player{}, true, "begin /a, begin /b, end /b, begin /c, end /c, end /a", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &diary{takes: map[string]time.Duration{"/a": 3 * time.Second, "/b": time.Second, "/c": time.Second}}
				a := handled(d.handle)
				p := planOf(t, &replay.Plan{Fresh: test.fresh}, test.script)
				results(t, &test.player, p, a)
				// What begins at the same moment has no order.
				got := strings.Replace(strings.Join(d.lines, ", "), "begin /b, begin /a", "begin /a, begin /b", 1)
				if diff := cmp.Diff(test.want, got); diff != "" || a.dials != test.dials {
					t.Errorf("%d connections, want %d; (-want +got)\n%s", a.dials, test.dials, diff)
				}
			})
		})
	}
}

// TestPace: what was a second later is a second later, or half of one.
func TestPace(t *testing.T) {
	t.Parallel()
	script := "@at +5s\n" + request(1, "/a", 1) + answer(1) + "@at +7s\n" + request(1, "/b", 1) + answer(1)
	for speed, want := range map[float64]string{
		0: "begin /a at 0s, end /a at 0s, begin /b at 0s, end /b at 0s",
		1: "begin /a at 0s, end /a at 0s, begin /b at 2s, end /b at 2s",
		4: "begin /a at 0s, end /a at 0s, begin /b at 500ms, end /b at 500ms",
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{start: time.Now()}
			results(t, &replay.Player{Speed: speed}, planOf(t, &replay.Plan{}, script), handled(d.handle))
			if diff := cmp.Diff(want, strings.Join(d.lines, ", ")); diff != "" {
				t.Errorf("speed %v: (-want +got)\n%s", speed, diff)
			}
		})
	}
}

// TestLeft: what is not sent is named with its reason, and what is asked for is
// sent all the same.
func TestLeft(t *testing.T) {
	t.Parallel()
	post := strings.Replace(request(1, "/p", 0), "REQUEST_METHOD=GET", "REQUEST_METHOD=POST", 1)
	for _, test := range []struct {
		name, script string
		why          replay.Reason
		plan         replay.Plan // with which it is sent; none where it is not
		sent         bool
	}{
		{"may change something", post + answer(1), replay.Unsafe, replay.Plan{Unsafe: true}, true},
		{"has no answer", request(1, "/a", 0), replay.Unanswered, replay.Plan{All: true}, true},
		{"has half an answer", request(1, "/a", 0) + "< STDOUT id=1 \"A: b\\r\\n\"\n< ! gap 5\n", replay.Unanswered, replay.Plan{All: true}, true},
		{"was aborted", request(1, "/a", 0) + "> ABORT_REQUEST id=1\n" + answer(1), replay.Aborted, replay.Plan{All: true}, true},
		{"has lost its beginning", "> ! gap 16\n" + strings.SplitN(request(1, "/a", 0), "\n", 2)[1] + answer(1), replay.Incomplete, replay.Plan{All: true, Unsafe: true}, false},
		{"has a gap", "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> ! gap 30\n> PARAMS id=1\n> STDIN id=1\n" + answer(1), replay.Incomplete, replay.Plan{All: true, Unsafe: true, Exact: true}, false},
		{"has half a pair", "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> PARAMS id=1 \"\\x05\"\n> PARAMS id=1\n> STDIN id=1\n" + answer(1), replay.Incomplete, replay.Plan{All: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			good := request(1, "/good", 0) + answer(1)
			script := "@conn 0\n" + test.script + "@conn 1\n" + good
			p := planOf(t, &replay.Plan{}, script)
			if left := p.Left(); len(left) != 1 || left[0].Why != test.why || len(p.Requests()) != 1 {
				t.Fatalf("left out %v, of %d requests", left, len(p.Requests()))
			}
			d := &diary{}
			results(t, &replay.Player{}, p, handled(d.handle))
			if diff := cmp.Diff([]string{"begin /good", "end /good"}, d.lines); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			p = planOf(t, &test.plan, script)
			if want := 1 + map[bool]int{true: 1}[test.sent]; len(p.Requests()) != want {
				t.Errorf("%d requests are sent, want %d", len(p.Requests()), want)
			}
		})
	}
}

// TestBadPeers: what an application does is told, in time, and nothing waits for
// ever.
func TestBadPeers(t *testing.T) {
	t.Parallel()
	script := request(1, "/a", 1) + answer(1) + request(1, "/b", 1) + answer(1)
	for _, test := range []struct {
		name  string
		serve func(net.Conn)
		want  []string
	}{
		{"silent", func(c net.Conn) { drain(c) }, []string{
			`GET /a 0 false (replay: nothing came); end  "END_REQUEST" "nothing came"; status  "200" "0"; header A "b" ""`,
			`GET /b 0 false (replay: nothing came); end  "END_REQUEST" "nothing came"; status  "200" "0"; header A "b" ""`,
		}},
		{"closing", func(c net.Conn) { c.Read(make([]byte, 1000)); c.Close() }, []string{
			`GET /a 0 false (replay: the application closed the connection without END_REQUEST); end  "END_REQUEST" "the application closed the connection without END_REQUEST"; status  "200" "0"; header A "b" ""`,
			`GET /b 0 false (replay: the application closed the connection without END_REQUEST); end  "END_REQUEST" "the application closed the connection without END_REQUEST"; status  "200" "0"; header A "b" ""`,
		}},
		{"of another kind", func(c net.Conn) {
			c.Read(make([]byte, 1000))
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}, []string{
			`GET /a 0 false (replay: what came is no FastCGI); end  "END_REQUEST" "what came is no FastCGI"; status  "200" "0"; header A "b" ""`,
			`GET /b 0 false (replay: what came is no FastCGI); end  "END_REQUEST" "what came is no FastCGI"; status  "200" "0"; header A "b" ""`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got := results(t, &replay.Player{Idle: time.Second}, planOf(t, &replay.Plan{}, script), &app{serve: test.serve})
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		})
	}
}

func drain(c net.Conn) {
	for buf := make([]byte, 1000); ; {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// TestInterrupted: nothing is told of requests that were cut short, and nothing
// is left running.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a := &app{serve: drain}
		pl := &replay.Player{Dial: a.dial, Result: func(r *replay.Result) { t.Error(line(r)) }}
		if err := pl.Play(ctx, planOf(t, &replay.Plan{}, get)); err != context.DeadlineExceeded {
			t.Error(err)
		}
		a.all.Wait()
	})
}

// TestEdit: parameters are changed, and the streams stay.
func TestEdit(t *testing.T) {
	t.Parallel()
	script := `> BEGIN_REQUEST id=7 role=FILTER flags=0
> PARAMS id=7 REQUEST_METHOD=POST CONTENT_LENGTH=4 FCGI_DATA_LAST_MOD=1 FCGI_DATA_LENGTH=5
> PARAMS id=7
> STDIN id=7 "bo"
> STDIN id=7 "dy"
> STDIN id=7
> DATA id=7 "files"
> DATA id=7
` + answer(7)
	p := planOf(t, &replay.Plan{Unsafe: true, Edit: func(pairs []wire.Pair) []wire.Pair {
		return append(pairs, wire.NewPair("ADDED", "yes"))
	}}, script)
	var got string
	results(t, &replay.Player{}, p, handled(func(_ context.Context, x *server.Exchange) {
		var b strings.Builder
		for _, pair := range x.Params {
			fmt.Fprintf(&b, "%s=%s ", pair.Name, pair.Value)
		}
		for _, stream := range []interface{ Read([]byte) (int, error) }{x.Stdin, x.Data} {
			buf := make([]byte, 100)
			for n, err := 0, error(nil); err == nil; {
				n, err = stream.Read(buf)
				b.Write(buf[:n])
			}
			b.WriteByte(';')
		}
		got = fmt.Sprintf("%v %d %s", x.Role, x.ID, b.String())
	}))
	want := "FILTER 7 REQUEST_METHOD=POST CONTENT_LENGTH=4 FCGI_DATA_LAST_MOD=1 FCGI_DATA_LENGTH=5 ADDED=yes body;files;"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestLateInput: an application that waits for the end of STDIN gets it, even if
// the one that was observed answered before.
func TestLateInput(t *testing.T) {
	t.Parallel()
	script := strings.TrimSuffix(request(1, "/a", 1), "> STDIN id=1\n") + answer(1) + "> STDIN id=1\n" + request(1, "/b", 1) + answer(1)
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		got := results(t, &replay.Player{Idle: time.Second}, planOf(t, &replay.Plan{Exact: true}, script), handled(func(ctx context.Context, x *server.Exchange) {
			x.Stdin.Read(make([]byte, 1))
			d.handle(ctx, x)
		}))
		if diff := cmp.Diff([]string{"GET /a 200 true", "GET /b 200 true"}, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
