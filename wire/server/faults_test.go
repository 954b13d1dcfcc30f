package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// conversation has a server with a fault answer one request, and says in one
// line what is on the wire: the records, the rules that are broken, and what
// becomes of the connection.
func conversation(t *testing.T, handler Handler, fault *Fault, flags wire.Flags) (line string, rules []wire.RuleID) {
	client, app := net.Pipe()
	s := &Server{Handler: handler, Fault: fault}
	done := make(chan struct{})
	go func() {
		s.ServeConn(context.Background(), app)
		close(done)
	}()
	var seen flow.Conn
	seen.Whole = true
	var parts []string
	emit := func(e *flow.Event) {
		switch {
		case e.Kind == flow.KindRecord && e.Dir == wire.ToServer:
			part := fmt.Sprintf("%v:%d", e.Header.Type, e.Header.ContentLength)
			if e.Header.RequestID != 7 {
				part += fmt.Sprintf("#%d", e.Header.RequestID)
			}
			if n := e.Header.PaddingLength; n != uint8(wire.PadTo8(int(e.Header.ContentLength))) {
				part += fmt.Sprintf("+%d", n)
			}
			if n := len(parts); n == 0 || parts[n-1] != part {
				parts = append(parts, part)
			}
		case e.Kind == flow.KindTruncated:
			parts = append(parts, fmt.Sprintf("cut %d/%d", e.Got, e.Length))
		case e.Kind == flow.KindDesync && e.Dir == wire.ToServer:
			parts = append(parts, strings.TrimSpace("desync "+e.Hint))
		case e.Kind == flow.KindFinding && !slices.Contains(rules, e.Finding.Rule):
			rules = append(rules, e.Finding.Rule)
		}
	}
	var request []byte
	request = wire.BeginRecord(7, wire.Responder, flags).Append(request)
	request = wire.NewRecord(wire.TypeParams, 7, wire.NewPair("A", "b").Append(nil)).Append(request)
	request = wire.NewRecord(wire.TypeParams, 7, nil).Append(request)
	request = wire.NewRecord(wire.TypeStdin, 7, nil).Append(request)
	seen.Feed(wire.ToApp, time.Time{}, request, emit)
	if _, err := client.Write(request); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		buf := make([]byte, 1<<16)
		for total := 0; total < 1<<20; {
			n, err := client.Read(buf)
			total += n
			seen.Feed(wire.ToServer, time.Time{}, buf[:n], emit)
			if err != nil {
				answered <- err
				return
			}
		}
		answered <- nil
	}()
	synctest.Wait()
	state := "open"
	how := flow.CloseByServer
	select {
	case err := <-answered:
		switch err {
		case io.EOF:
			state, how = "closed", flow.CloseByApp
		case nil:
			state = "endless"
		default:
			t.Fatal(err)
		}
	default:
	}
	seen.Close(time.Time{}, how, nil, emit)
	client.Close()
	<-done
	return strings.Join(append(parts, state), " "), rules
}

// large answers with more than a record, in pieces.
func large(_ context.Context, x *Exchange) {
	io.WriteString(x.Stdout, textHeader)
	for range 20 {
		x.Stdout.Write(make([]byte, 5000))
	}
}

func TestFaults(t *testing.T) {
	// @ is the answer without a fault.
	const answer = "STDOUT:65 STDOUT:0 END_REQUEST:8"
	want := map[string]string{
		"":                    "@ closed",
		"no-stdout-end":       "STDOUT:65 END_REQUEST:8 closed",
		"stdout-end-first":    "STDOUT:0 @ closed",
		"stdout-end-twice":    "@ closed",
		"stdout-after-end":    "@ STDOUT:13 closed",
		"stderr-after-stdout": "STDOUT:65 STDOUT:0 STDERR:13 STDERR:0 END_REQUEST:8 closed",
		"stderr-only":         "STDERR:10 STDERR:0 END_REQUEST:8 closed",
		"stderr-flood":        "STDERR:1024 @ closed",
		"no-end":              "STDOUT:65 STDOUT:0 closed",
		"no-end-open":         "STDOUT:65 STDOUT:0 open",
		"end-only":            "END_REQUEST:8 closed",
		"end-twice":           "@ closed",
		"end-first":           "END_REQUEST:8 STDOUT:65 STDOUT:0 closed",
		"end-empty":           "STDOUT:65 STDOUT:0 END_REQUEST:0 closed",
		"end-short":           "STDOUT:65 STDOUT:0 END_REQUEST:7+0 closed",
		"end-long":            "STDOUT:65 STDOUT:0 END_REQUEST:16 closed",
		"end-reserved":        "@ closed",
		"cant-mpx-conn":       "END_REQUEST:8 closed",
		"overloaded":          "END_REQUEST:8 closed",
		"unknown-role":        "END_REQUEST:8 closed",
		"unknown-status":      "END_REQUEST:8 closed",
		"late-status":         "@ closed",
		"app-status":          "@ closed",
		"version-0":           "@ closed",
		"version-2":           "@ closed",
		"wrong-id":            "STDOUT:65#8 STDOUT:0#8 END_REQUEST:8#8 closed",
		"id-high-byte":        "STDOUT:65#263 STDOUT:0#263 END_REQUEST:8#263 closed",
		"id-0":                "STDOUT:65#0 STDOUT:0#0 END_REQUEST:8#0 closed",
		"foreign-records":     "STDOUT:46#8 STDOUT:0#8 @ closed",
		"unknown-type":        "TYPE(12):8 @ closed",
		"type-0":              "TYPE(0):8 @ closed",
		"wrong-direction":     "STDIN:8 @ closed",
		"management-first":    "UNKNOWN_TYPE:8#0 @ closed",
		"values-first":        "GET_VALUES_RESULT:18#0 @ closed",
		"reserved":            "@ closed",
		"length-too-long":     "STDOUT:73 END_REQUEST:8 closed",
		"length-too-short":    "STDOUT:64+7 cut 25/1800 closed",
		"padding-255":         "STDOUT:65+255 STDOUT:0+255 END_REQUEST:8+255 closed",
		"padding-odd":         "STDOUT:65+1 STDOUT:0+2 END_REQUEST:8+3 closed",
		"padding-nonzero":     "STDOUT:65+5 STDOUT:0+5 END_REQUEST:8+5 closed",
		"padding-none":        "STDOUT:65+0 STDOUT:0 END_REQUEST:8 closed",
		"large-records":       "STDOUT:65535+255 STDOUT:0 END_REQUEST:8 closed",
		"tiny-records":        "STDOUT:1 STDOUT:0 END_REQUEST:8 closed",
		"tiny-writes":         "@ closed",
		"close-at-once":       "closed",
		"close-in-header":     "cut 5/8 closed",
		"close-in-record":     "cut 40/80 closed",
		"close-in-answer":     "STDOUT:65 closed",
		"reset":               "cut 40/80 closed",
		"stays-open":          "@ open",
		"stall":               "open",
		"stall-in-record":     "cut 40/80 open",
		"stall-in-answer":     "STDOUT:65 open",
		"flood":               "STDOUT:65 STDOUT:32768 cut 32760/32776 endless",
		"http":                "desync looks like an HTTP response closed",
		"garbage":             "desync closed",
		"cgi":                 "desync looks like CGI output without FastCGI records closed",
		"no-header":           "STDOUT:12 STDOUT:0 END_REQUEST:8 closed",
		"unfinished-header":   "STDOUT:43 STDOUT:0 END_REQUEST:8 closed",
		"bad-header":          "STDOUT:57 STDOUT:0 END_REQUEST:8 closed",
		"bad-status":          "STDOUT:46 STDOUT:0 END_REQUEST:8 closed",
		"nph":                 "STDOUT:50 STDOUT:0 END_REQUEST:8 closed",
		"big-header":          "STDOUT:41002 STDOUT:0 END_REQUEST:8 closed",
		"length-small":        "STDOUT:52 STDOUT:0 END_REQUEST:8 closed",
		"length-big":          "STDOUT:54 STDOUT:0 END_REQUEST:8 closed",
	}
	faults := append([]Fault{{}}, Faults()...)
	for _, f := range faults {
		t.Run("fault "+f.ID, func(t *testing.T) {
			fault := &f
			if f.ID == "" {
				fault = nil
			}
			synctest.Test(t, func(t *testing.T) {
				line, rules := conversation(t, hello, fault, 0)
				line = strings.Replace(line, answer, "@", 1)
				if line != want[f.ID] {
					t.Errorf("%s, want %s", line, want[f.ID])
				}
				if f.Rule != "" && !slices.Contains(rules, f.Rule) {
					t.Errorf("rules %v, want %v", rules, f.Rule)
				}
				for _, r := range rules {
					if f.Rule == "" && r.Rule().Level == wire.Must {
						t.Errorf("%v is broken, but the table names no rule", r)
					}
				}
				if f.ID != "" && f.Help == "" {
					t.Error("no help")
				}
				delete(want, f.ID)
			})
			// Every handler can be combined with every fault.
			for _, app := range []Handler{large, stderrApp, func(_ context.Context, x *Exchange) { x.Flush() }} {
				for _, flags := range []wire.Flags{0, wire.KeepConn} {
					synctest.Test(t, func(t *testing.T) { conversation(t, app, fault, flags) })
				}
			}
		})
	}
	for id := range want {
		t.Errorf("there is no fault %q", id)
	}
}

// TestFaultWhen: some answers are broken, the others are not.
func TestFaultWhen(t *testing.T) {
	f, err := FindFault("app-status")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	f.When = func(x *Exchange, number int) bool {
		asked++
		path, _ := x.Path()
		return number == 2 || path == "/a"
	}
	p := connect(t, &Server{Handler: hello, Fault: f})
	for i, tt := range []struct {
		uri  string
		want uint32
	}{{"/", 0}, {"/", 5}, {"/", 0}, {"/b/../%61?x", 5}, {"/%zz", 0}} {
		p.request(1, wire.KeepConn, "", "REQUEST_URI="+tt.uri)
		if a := p.answer(1); a.end.AppStatus != tt.want || asked != i+1 {
			t.Errorf("%s: appStatus %d, want %d; asked %d times", tt.uri, a.end.AppStatus, tt.want, asked)
		}
	}
	if all := Faults(); all[0].When != nil {
		t.Error("the table has changed")
	}
	if _, err := FindFault("nothing"); err == nil || !strings.Contains(err.Error(), "no-end, ") {
		t.Errorf("error %v", err)
	}
}
