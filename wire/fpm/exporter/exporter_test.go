package exporter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/fpm/exporter"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// page is what a pool of one worker says of itself.
func page(name, state string) string {
	return fmt.Sprintf(`{"pool":%q,"process manager":"static","start time":1,"start since":20,"accepted conn":1234567,"listen queue":1,`+
		`"max listen queue":2,"listen queue len":511,"idle processes":2,"active processes":1,"total processes":3,"max active processes":4,`+
		`"max children reached":5,"slow requests":6,"processes":[{"pid":42,"state":%q,"start time":1,"start since":20,"requests":7,`+
		`"request duration":8,"request method":"GET","request uri":"/","content length":0,"user":"-","script":"-",`+
		`"last request cpu":12.5,"last request memory":2097152}]}`, name, state)
}

// client returns what asks a pool that answers with the pages, one after the
// other; "" is a pool that is not there.
func client(t *testing.T, pages ...string) *fpm.Client {
	var mu sync.Mutex
	return &fpm.Client{Dial: func(context.Context) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		page := pages[0]
		if len(pages) > 1 {
			pages = pages[1:]
		}
		if page == "" {
			return nil, errors.New("nobody there")
		}
		near, far := wiretest.Pipe(t)
		go answer(far, page)
		return near, nil
	}}
}

func answer(c net.Conn, page string) {
	defer c.Close()
	for r := wire.NewReader(c); ; {
		rec, err := r.ReadRecord()
		if err != nil {
			return
		}
		if rec.Type == wire.TypeStdin {
			b := wire.NewRecord(wire.TypeStdout, 1, []byte("Content-Type: application/json\r\n\r\n"+page)).Append(nil)
			c.Write(wire.NewRecord(wire.TypeEndRequest, 1, wire.EndRequest{}.Append(nil)).Append(b))
			return
		}
	}
}

func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	return w.Body.String()
}

// dashboards are the lines that users of php-fpm_exporter have.
const dashboards = `phpfpm_up{pool="www",scrape_uri="tcp://a"} 1
phpfpm_scrape_failures{pool="www",scrape_uri="tcp://a"} 0
phpfpm_start_since{pool="www",scrape_uri="tcp://a"} 20
phpfpm_accepted_connections{pool="www",scrape_uri="tcp://a"} 1234567
phpfpm_listen_queue{pool="www",scrape_uri="tcp://a"} 1
phpfpm_max_listen_queue{pool="www",scrape_uri="tcp://a"} 2
phpfpm_listen_queue_length{pool="www",scrape_uri="tcp://a"} 511
phpfpm_idle_processes{pool="www",scrape_uri="tcp://a"} 2
phpfpm_active_processes{pool="www",scrape_uri="tcp://a"} 1
phpfpm_total_processes{pool="www",scrape_uri="tcp://a"} 3
phpfpm_max_active_processes{pool="www",scrape_uri="tcp://a"} 4
phpfpm_max_children_reached{pool="www",scrape_uri="tcp://a"} 5
phpfpm_slow_requests{pool="www",scrape_uri="tcp://a"} 6
phpfpm_process_requests{child="0",pool="www",scrape_uri="tcp://a"} 7
phpfpm_process_request_duration{child="0",pool="www",scrape_uri="tcp://a"} 8
phpfpm_process_last_request_cpu{child="0",pool="www",scrape_uri="tcp://a"} 12.5
phpfpm_process_last_request_memory{child="0",pool="www",scrape_uri="tcp://a"} 2097152
phpfpm_process_state{child="0",state="Running",pool="www",scrape_uri="tcp://a"} 1
phpfpm_process_state{child="0",state="Idle",pool="www",scrape_uri="tcp://a"} 0
`

// TestMetrics: every name, label and number; each metric is described once, and
// stands together.
func TestMetrics(t *testing.T) {
	t.Parallel()
	e := exporter.New([]exporter.Pool{{URI: "tcp://a", Client: client(t, page("www", "Running"))}, {URI: "gone", Client: client(t, "")}})
	text := scrape(t, e)
	for line := range strings.Lines(dashboards) {
		if !strings.Contains(text, line) {
			t.Errorf("no line %s", line)
		}
	}
	for _, line := range []string{"phpfpm_up{pool=\"\",scrape_uri=\"gone\"} 0\n", "phpfpm_scrape_failures{pool=\"\",scrape_uri=\"gone\"} 1\n", "# TYPE phpfpm_up gauge\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %s", line)
		}
	}
	seen, current := map[string]bool{}, ""
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "phpfpm_") {
			continue
		}
		name := line[:strings.IndexByte(line, '{')]
		if name != current && seen[name] {
			t.Errorf("%s is in two places", name)
		}
		seen[name], current = true, name
		if strings.Count(text, "# TYPE "+name+" ") != 1 || strings.Count(text, "# HELP "+name+" ") != 1 {
			t.Errorf("%s is not described once", name)
		}
	}
}

// TestDownAndUp: a pool keeps its name and its failures, and who asks is told
// when it goes and comes.
func TestDownAndUp(t *testing.T) {
	t.Parallel()
	e := exporter.New([]exporter.Pool{{URI: "a", Client: client(t, page("www", "Idle"), "", "", page("www", "Idle"))}})
	var told []string
	e.Report = func(uri string, err error) { told = append(told, fmt.Sprint(uri, err != nil)) }
	for _, want := range []string{"phpfpm_scrape_failures{pool=\"www\",scrape_uri=\"a\"} 0\n", "phpfpm_up{pool=\"www\",scrape_uri=\"a\"} 0\n",
		"phpfpm_scrape_failures{pool=\"www\",scrape_uri=\"a\"} 2\n", "phpfpm_up{pool=\"www\",scrape_uri=\"a\"} 1\n"} {
		if text := scrape(t, e); !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if got := strings.Join(told, " "); got != "afalse atrue afalse" {
		t.Errorf("told %s", got)
	}
}

// TestHostileNames: no line, label or escape sequence comes out of a name.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	e := exporter.New([]exporter.Pool{{URI: `a"\`, Client: client(t, strings.NewReplacer("NAME", `w\"w\n\u001b[2Jx 1`, "STATE", `On \"fire\"`).Replace(page("NAME", "STATE")))}})
	text := scrape(t, e)
	for _, want := range []string{"phpfpm_up{pool=\"w\\\"w\uFFFD\uFFFD[2Jx 1\",scrape_uri=\"a\\\"\\\\\"} 1\n", `state="On \"fire\""`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
}

// TestSlowPool: it has its time, and the others do not wait for it.
func TestSlowPool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mute := &fpm.Client{Dial: func(context.Context) (net.Conn, error) {
			near, far := wiretest.Pipe(t)
			go io.Copy(io.Discard, far)
			return near, nil
		}}
		e := exporter.New([]exporter.Pool{{URI: "mute", Client: mute}, {URI: "a", Client: client(t, page("www", "Idle"))}})
		e.Timeout = 2 * time.Second
		start := time.Now()
		text := scrape(t, e)
		if took := time.Since(start); took != 2*time.Second || !strings.Contains(text, `phpfpm_up{pool="",scrape_uri="mute"} 0`) || !strings.Contains(text, `phpfpm_up{pool="www",scrape_uri="a"} 1`) {
			t.Errorf("after %v:\n%s", took, text)
		}
		// Who cannot wait for the turn is told so.
		go scrape(t, e)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/metrics", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d", w.Code)
		}
		time.Sleep(2 * time.Second) // until the other has ended
	})
}

// TestOtherPages: what is not /metrics.
func TestOtherPages(t *testing.T) {
	t.Parallel()
	e := exporter.New(nil)
	for request, want := range map[string]int{"GET /": 200, "GET /-/healthy": 200, "HEAD /metrics": 200, "POST /metrics": 405, "GET /etc/passwd": 404} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", request, w.Code, want)
		}
	}
}

// TestRealPools: both pools of a real php-fpm.
func TestRealPools(t *testing.T) {
	t.Parallel()
	peer := wiretest.RealPeer(t, "php-fpm")
	var pools []exporter.Pool
	for _, uri := range []string{peer["tcp"], peer["unix"]} {
		addr, err := transport.ParseAddr(uri)
		if err != nil {
			t.Fatal(err)
		}
		pools = append(pools, exporter.Pool{URI: uri, Client: &fpm.Client{Dial: func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, addr) }}})
	}
	text := scrape(t, exporter.New(pools))
	for _, want := range []string{
		`phpfpm_up{pool="www",scrape_uri="` + peer["tcp"] + `"} 1`,
		`phpfpm_total_processes{pool="unix",scrape_uri="` + peer["unix"] + `"} 3`,
		`phpfpm_process_state{child="2",state="`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
