package commands

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/gateway"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// hostileExchange is a request by somebody who knows that there is a log.
func hostileExchange() *gateway.Exchange {
	r := httptest.NewRequest("GET", "http://localhost/x?token=secret", nil)
	r.RequestURI = "/x?token=secret"
	r.Header.Set("User-Agent", "\x1b[2J\"\\ \u202e\u0085\xff\n127.0.0.1 - - forged")
	r.Header.Set("Referer", "/r?token=secret")
	return &gateway.Exchange{
		Request: r, Began: time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC), Status: 502, Bytes: 12, Took: 1500 * time.Microsecond,
		Asked: true, End: &wire.EndRequest{AppStatus: 3, Status: wire.Overloaded}, Stderr: 7, Queue: time.Millisecond, First: 250 * time.Microsecond,
		Script: gateway.Script{File: "/srv/\x1bx.php"}, Why: "broke\x1b off\nsecond line",
		Variables: []wire.Pair{wire.NewPair("REMOTE_USER", "al ice\x1b")},
	}
}

// logged returns what a log makes of it.
func logged(o gatewayLog) string {
	var b bytes.Buffer
	env, _, _ := testEnv("")
	env.Stdout = &b
	l := o.open(env)
	l.add(hostileExchange())
	if err := l.close(); err != nil {
		return err.Error()
	}
	return b.String()
}

func TestAccessLogText(t *testing.T) {
	t.Parallel()
	got := logged(gatewayLog{})
	const want = `192.0.2.1 - "al ice\x1b" [21/Nov/2026:01:02:03 +0000] "GET /x?token=secret HTTP/1.1" 502 12 "/r?token=secret" ` +
		`"\x1b[2J\"\\ \u202e\u0085\xff\n127.0.0.1 - - forged" took=1.500ms queue=1.000ms first=0.250ms app=3 protocolStatus=OVERLOADED stderr=7 ` +
		`script="/srv/\x1bx.php" why="broke\x1b off"` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAccessLogJSON(t *testing.T) {
	t.Parallel()
	got := logged(gatewayLog{format: choice{word: "jsonl"}})
	var line map[string]any
	if err := json.Unmarshal([]byte(got), &line); err != nil || strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\x1b\x00\u0085\u202e") {
		t.Fatalf("%v: %s", err, got)
	}
	for name, want := range map[string]any{
		"at": "2026-11-21T01:02:03Z", "status": 502.0, "bytes": 12.0, "app_status": 3.0, "protocol_status": "OVERLOADED",
		"took": 0.0015, "queue": 0.001, "stderr": 7.0, "uri": "/x?token=secret",
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
}

// TestAccessLogMasked: where things are masked, queries are.
func TestAccessLogMasked(t *testing.T) {
	t.Parallel()
	var o gatewayLog
	o.redaction.on = true
	for _, format := range []string{"text", "jsonl"} {
		o.format.word = format
		if got := logged(o); strings.Contains(got, "secret") || !strings.Contains(got, "/x?***") || strings.Count(got, "?***") != 2 {
			t.Errorf("%s: %s", format, got)
		}
	}
}

// failingWriter is a disk that is full.
type failingWriter struct{ writes int }

func (w *failingWriter) Write([]byte) (int, error) {
	w.writes++
	return 0, errors.New("no space left on device")
}

// TestAccessLogFails: the first error is told at the end, and the log is not
// written any more.
func TestAccessLogFails(t *testing.T) {
	t.Parallel()
	full := &failingWriter{}
	l := &accessLog{w: bufio.NewWriter(full), each: true, timer: time.AfterFunc(time.Hour, func() {})}
	for range 3 {
		l.add(hostileExchange())
	}
	if err := l.close(); err == nil || !strings.Contains(err.Error(), "no space left") || full.writes != 1 {
		t.Errorf("%d writes, error %v", full.writes, err)
	}
}

// TestAccessLogInTime: a line waits for others, but not long, and not where
// somebody looks on.
func TestAccessLogInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, terminal := range []bool{false, true} {
			var b wiretest.Buffer
			lines := func() int { return strings.Count(b.String(), "\n") }
			env, _, _ := testEnv("")
			env.Stdout, env.Terminal.Stdout = &b, terminal
			l := new(gatewayLog).open(env)
			for i := range 2 { // the second time with a timer that has come before
				l.add(hostileExchange())
				if written := lines() > i; written != terminal {
					t.Errorf("terminal %v: line %d is written at once: %v", terminal, i, written)
				}
				time.Sleep(logTime)
				synctest.Wait()
				if n := lines(); n != i+1 {
					t.Errorf("terminal %v: %d lines in time, want %d", terminal, n, i+1)
				}
			}
			if err := l.close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestGatewaySilent: nothing on stdout.
func TestGatewaySilent(t *testing.T) {
	t.Parallel()
	if got := logged(gatewayLog{silent: true}); got != "" {
		t.Errorf("it says %q", got)
	}
}
