package diagnose

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// play makes Facts of a conversation in the text form.
func play(t *testing.T, name, records string) []*Facts {
	t.Helper()
	lines, err := text.Parse([]byte(records))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var all []*Facts
	c := NewCollector(func(_ *flow.ConnInfo, f *Facts) { all = append(all, f) })
	var conn flow.Conn
	emit := func(e *flow.Event) {
		if err := c.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Unix(1e9, 0)
	how := flow.CloseUnknown
	for i := range lines {
		switch l := &lines[i]; l.Kind {
		case text.KindRecord, text.KindRaw:
			conn.Feed(l.Dir, at, l.AppendWire(nil), emit)
			at = at.Add(time.Millisecond)
		case text.KindAt:
			at = time.Unix(1e9, 0).Add(l.After)
		case text.KindFin:
			how = map[wire.Direction]flow.CloseKind{wire.ToApp: flow.CloseByServer, wire.ToServer: flow.CloseByApp}[l.Dir]
		case text.KindRst:
			how = map[wire.Direction]flow.CloseKind{wire.ToApp: flow.ResetByServer, wire.ToServer: flow.ResetByApp}[l.Dir]
		}
	}
	conn.Close(at, how, nil, emit)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// ask is a request with the parameters of a usual one.
func ask(more string) string {
	return "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> PARAMS id=1\n    REQUEST_METHOD=GET\n    SCRIPT_NAME=\"/a.php\"\n    SCRIPT_FILENAME=\"/srv/a.php\"\n" +
		more + "> PARAMS id=1\n> STDIN id=1\n"
}

const (
	head = "Content-Type: text/html\\r\\n\\r\\n"
	ends = "< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n< ! fin\n"
)

// conversations has what each rule looks like on the wire. The last request of
// it is the one that is meant.
var conversations = map[string]string{
	"D07": ask("") + "< raw 48 54 54 50 2f 31 2e 31 20 34 30 30 20 42 61 64\n< ! fin\n",
	"D08": "> raw 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 0d 0a\n< ! fin\n",
	"D09": ask("") + "< STDOUT id=1 \"" + head + "page\"\n< raw 00 00 00 00 70 61 67 65 70 61 67 65 70 61 67 65\n< ! fin\n",
	"D12": strings.Replace(ask(""), "flags=0", "flags=KEEP_CONN", 1) + "< STDOUT id=1 \"" + head + "page\"\n< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n" + ask("") + "< ! fin\n",
	"D13": ask("") + "< STDERR id=1 \"Primary script unknown\"\n< STDOUT id=1 \"Status: 404 Not Found\\r\\n" + head + "File not found.\\n\"\n" + ends,
	"D14": ask("") + "< STDOUT id=1 \"Status: 404 Not Found\\r\\n" + head + "No input file specified.\\n\"\n" + ends,
	"D15": ask("") + "< STDERR id=1 \"Access to the script '/srv/a.txt' has been denied (see security.limit_extensions)\"\n< STDOUT id=1 \"Status: 403 Forbidden\\r\\n" + head + "Access denied.\\n\"\n" + ends,
	"D16": ask("") + "< STDERR id=1 \"Unable to open primary script: /srv/a.php (Permission denied)\"\n< STDOUT id=1 \"Status: 403 Forbidden\\r\\n" + head + "Access denied.\\n\"\n" + ends,
	"D17": strings.Replace(ask(""), "    REQUEST_METHOD=GET\n", "", 1) + "< STDOUT id=1 \"" + head + "\"\n" + ends,
	"D18": ask("") + "< STDERR id=1 \"PHP message: PHP Fatal error:  Uncaught Exception: x in /srv/a.php:3\"\n< STDOUT id=1 \"Status: 500 Internal Server Error\\r\\n" + head + "\"\n" + ends,
	"D19": "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> PARAMS id=1 pad=7\n    A=" + strings.Repeat("x", 65524) + "\n> PARAMS id=1\n> STDIN id=1\n< ! rst\n",
	"D20": "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> PARAMS id=1 \"\\x03\\x04AB\"\n> PARAMS id=1 \"Cabcd\"\n> PARAMS id=1\n> STDIN id=1\n< ! rst\n",
	"D21": strings.Replace(ask("> GET_VALUES id=0\n    FCGI_MPXS_CONNS=\"\"\n"), "XX", "", 1) + "< STDOUT id=1 \"" + head + "\"\n" + ends,
	"D22": ask("") + "< STDOUT id=1 \"" + head + "nothing\"\n" + ends,
	"D23": ask("    CONTENT_LENGTH=10\n") + "@at +5s\n> ! fin\n",
	"D24": strings.Replace(ask("    CONTENT_LENGTH=1\n"), "> STDIN", "> STDIN id=1 \"abc\"\n> STDIN", 1) + "< STDOUT id=1 \"" + head + "page\"\n< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n< ! rst\n",
	"D25": strings.ReplaceAll(ask(""), "/a.php", "/status") + "< STDERR id=1 \"Primary script unknown\"\n< STDOUT id=1 \"Status: 404 Not Found\\r\\n" + head + "File not found.\\n\"\n" + ends,
	"D26": strings.ReplaceAll(ask(""), "/a.php", "/status") + "< STDOUT id=1 \"Status: 403 Forbidden\\r\\n" + head + "Access denied.\\n\"\n" + ends,
	"D27": ask("") + "< STDOUT id=1 \"Location: /login\\r\\n" + head + "moved\"\n" + ends,
	"D28": ask("") + "< STDERR id=1 \"Passing INI directive through FastCGI: unable to set 'x'\"\n< STDOUT id=1 \"" + head + "page\"\n" + ends,
	"D29": ask("    PHP_VALUE=\"memory_limit = 1G\"\n") + "< STDOUT id=1 \"" + head + "page\"\n" + ends,
	"D30": ask("") + "< ! fin\n",
	"D31": ask("") + "< ! rst\n",
	"D32": ask("") + "< STDOUT id=1 \"" + head + "half of\"\n< ! fin\n",
	"D33": ask("") + "@at +60s\n> ! fin\n",
	"D34": ask("") + "< STDOUT id=1 \"" + head + "page\"\n< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n@at +60s\n> ! fin\n",
	"D35": ask("") + "< STDERR id=1 \"" + strings.Repeat("Notice ", 400) + "\"\n< STDOUT id=1 \"Set-Cookie: " + strings.Repeat("x", 2000) + "\\r\\n" + head + "page\"\n" + ends,
	"D36": ask("") + "< STDOUT id=1 \"Set-Cookie: " + strings.Repeat("x", 9000) + "\\r\\n" + head + "page\"\n" + ends,
	"D37": ask("") + "< STDOUT id=1 \"Hello, world\\n\"\n" + ends,
	"D38": ask("") + "< STDOUT id=1 \"Content-Type: text/html\\r\\n\"\n< STDOUT id=1\n" + ends,
	"D39": ask("") + strings.Replace(ends, "REQUEST_COMPLETE", "OVERLOADED", 1),
	"D40": ask("") + "< STDOUT id=2 \"" + head + "page\"\n< ! fin\n",
	"D41": ask("") + "< STDERR id=1 \"notice\"\n< STDOUT id=1 \"" + head + "page\"\n> ! fin\n",
	"D42": ask("") + "< STDOUT id=1 \"Content-Length: 3\\r\\n" + head + "page\"\n" + ends,
	"D43": strings.Replace(ask(""), "> STDIN id=1\n", "", 1) + "@at +60s\n> ! fin\n",
	"D44": strings.Replace(ask(""), "flags=0", "flags=KEEP_CONN", 1) + "< STDOUT id=1 \"" + head + "page\"\n< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n" + ask("") + "@at +3s\n< STDOUT id=1 \"" + head + "page\"\n" + ends,
	"D45": ask("") + "< STDOUT id=1 \"" + head + strings.Repeat("x", 8180-27) + "\"\n" + ends,
}

func init() {
	conversations["D22"] = strings.Replace(conversations["D22"], "> STDIN", "> STDIN id=1 \"a=b\"\n> STDIN", 1)
}

// probed has the rules that need more than the bytes of a request.
var probed = map[string]Facts{
	"D01": {Addr: unix, Dial: &transport.DialError{Addr: unix, Reason: transport.NotFound, Err: errors.New("x")}, Socket: &Socket{Missing: "/run/php"}},
	"D02": {Addr: unix, Dial: &transport.DialError{Addr: unix, Reason: transport.Permission, Err: errors.New("x")}},
	"D03": {Addr: unix, Dial: &transport.DialError{Addr: unix, Reason: transport.Refused, Err: errors.New("x")}},
	"D04": {Addr: unix, Dial: &transport.DialError{Addr: unix, Reason: transport.Backlog, Err: errors.New("x")}},
	"D05": {Sent: true, Timeout: true, Ping: Silent, Request: flow.Request{ParamsEnded: true, StdinEnded: true}, StdinRecords: 1},
	"D06": {Sent: true, Timeout: true, Pinned: 3, Request: flow.Request{ParamsEnded: true, StdinEnded: true}, StdinRecords: 1},
	"D10": {Greeting: Bad},
	"D11": {IdleClosed: 5 * time.Second},
}

var unix = transport.Addr{Network: "unix", Address: "/run/php/a.sock"}

// TestRules: each rule fits what it is about, and none is more certain.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, r := range Rules() {
		t.Run(r.ID+" "+r.Key, func(t *testing.T) {
			t.Parallel()
			f, ok := probed[r.ID]
			if !ok {
				records, ok := conversations[r.ID]
				if !ok {
					t.Fatal("no conversation and no probe shows it")
				}
				all := play(t, r.ID, records)
				if len(all) == 0 {
					t.Fatal("there is no request")
				}
				f = *all[len(all)-1]
			}
			verdicts := Diagnose(&f)
			at := slices.IndexFunc(verdicts, func(v Verdict) bool { return v.ID == r.ID })
			if at < 0 || verdicts[at].Confidence < verdicts[0].Confidence || r.Class != verdicts[0].Class {
				t.Errorf("found %v", names(verdicts))
			}
			for _, v := range verdicts {
				for _, s := range []string{v.Symptom, v.Wire, v.Cause, v.Check, v.Remedy, v.Hint} {
					if s == "" || strings.ContainsAny(s, "{}\n") {
						t.Errorf("%s says %q", v.ID, s)
					}
				}
			}
		})
	}
}

func names(verdicts []Verdict) []string {
	var s []string
	for _, v := range verdicts {
		s = append(s, fmt.Sprintf("%s(%v)", v.ID, v.Confidence))
	}
	return s
}

// TestTable: the table is in order, and nothing in it is missing.
func TestTable(t *testing.T) {
	t.Parallel()
	placeholder := regexp.MustCompile(`\{(\w*)\}`)
	used, keys := map[string]bool{}, map[string]bool{}
	for i, r := range Rules() {
		if want := fmt.Sprintf("D%02d", i+1); r.ID != want {
			t.Errorf("row %d is %s", i, r.ID)
		}
		if keys[r.Key] || r.Match == nil {
			t.Errorf("%s: key %q, Match is nil: %t", r.ID, r.Key, r.Match == nil)
		}
		keys[r.Key] = true
		for _, s := range []string{r.Symptom, r.Wire, r.Cause, r.Check, r.Remedy, r.Hint} {
			for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
				used[m[1]] = true
				if words[m[1]].value == nil {
					t.Errorf("%s has {%s}, which stands for nothing", r.ID, m[1])
				}
			}
		}
		for _, s := range []string{r.Text().Symptom, r.Text().Wire, r.Text().Cause, r.Text().Check, r.Text().Remedy, r.Text().Hint} {
			if s == "" || strings.Contains(s, "{") {
				t.Errorf("%s reads %q", r.ID, s)
			}
		}
		if Lookup(r.ID).Key != r.Key || Lookup(r.Key).ID != r.ID {
			t.Errorf("%s is not found by its names", r.ID)
		}
	}
	for name := range words {
		if !used[name] {
			t.Errorf("no rule has {%s}", name)
		}
	}
}

// TestCutParams: a PARAMS record of which the application did not want the rest.
func TestCutParams(t *testing.T) {
	t.Parallel()
	all := play(t, "cut", "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> raw 01 04 00 01 ff ff 01 00 41\n< ! rst\n")
	if v := Diagnose(all[0]); len(v) == 0 || v[0].ID != "D19" {
		t.Errorf("found %v", names(v))
	}
}

// TestNothingKnown: no rule fits, or fails, where nothing is known.
func TestNothingKnown(t *testing.T) {
	t.Parallel()
	for _, f := range []Facts{{}, {Sent: true}, {Sent: true, Request: flow.Request{Complete: true, Stdout: 1, Status: 200}}} {
		if v := Diagnose(&f); len(v) > 0 {
			t.Errorf("%+v: %v", f, names(v))
		}
	}
}
