package commands

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
)

// screenful is how many lines the text of a topic may have at most: with the
// next prompt, what a terminal of 24 lines shows.
const screenful = 23

// TestExplainTopics: each topic says something, and that on a screen.
func TestExplainTopics(t *testing.T) {
	t.Parallel()
	all := topics()
	for _, topic := range all {
		var b bytes.Buffer
		topic.append(&b)
		shown, example, _ := strings.Cut(b.String(), "\nExample")
		lines := strings.Split(b.String(), "\n")
		if len(lines)-1 > screenful {
			t.Errorf("%s %s has %d lines:\n%s", topic.kind, topic.name, len(lines)-1, b.String())
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > helpWidth || strings.ContainsAny(line, "\t") || strings.TrimRight(line, " ") != line {
				t.Errorf("%s %s: a line is too long, has a tab or ends in a blank: %q", topic.kind, topic.name, line)
			}
		}
		if topic.brief == "" || topic.text == "" && len(topic.facts) < 4 || strings.ContainsAny(shown, "{}") {
			t.Errorf("%s %s says too little, or has a brace left:\n%s", topic.kind, topic.name, shown)
		}
		if strings.Count(example, "\n> ")+strings.Count(example, "\n  > ") == 0 {
			t.Errorf("%s %s has an example that sends nothing: %s", topic.kind, topic.name, example)
		}
		found, err := findTopics(all, strings.Trim(topic.reference(), "'"))
		if err != nil || len(found) != 1 || found[0].kind != topic.kind || found[0].name != topic.name {
			t.Errorf("%s does not name %s %s: %v", topic.reference(), topic.kind, topic.name, err)
		}
	}
}

// TestExplainIsComplete: what the tables of the protocol have has a topic.
func TestExplainIsComplete(t *testing.T) {
	t.Parallel()
	all := topics()
	want := map[string][]string{"value": append(wire.ValueNames(), wire.KeepConn.String())}
	for _, s := range wire.Specs() {
		want["record"] = append(want["record"], s.Name)
		for _, f := range s.Body {
			switch {
			case f.Name == "role":
				want["role"] = f.Enum.List()
			case f.Name == "protocolStatus":
				want["status"] = append(f.Enum.List(), "appStatus")
			}
		}
	}
	for _, r := range wire.Rules() {
		want["rule"] = append(want["rule"], string(r.ID))
	}
	for _, r := range diagnose.Rules() {
		want["fault"] = append(want["fault"], r.Key)
	}
	for _, p := range madeParams() {
		if name := string(p.Name); !strings.HasPrefix(name, "HTTP_") && !slices.Contains(want["parameter"], name) {
			want["parameter"] = append(want["parameter"], name)
		}
	}
	have := map[string][]string{}
	for _, topic := range all {
		have[topic.kind] = append(have[topic.kind], topic.name)
	}
	for _, k := range topicKinds {
		if len(want[k.word]) == 0 {
			t.Errorf("nothing is asked of the %s", k.plural)
		}
		for _, name := range want[k.word] {
			if !slices.Contains(have[k.word], name) {
				t.Errorf("%s %s has no topic", k.word, name)
			}
		}
		sorted := slices.Sorted(slices.Values(have[k.word]))
		if len(slices.Compact(sorted)) != len(have[k.word]) {
			t.Errorf("a topic is twice among the %s", k.plural)
		}
	}
	for key := range faultExamples() {
		if diagnose.Lookup(key) == nil {
			t.Errorf("an example is for the fault %s, which there is not", key)
		}
	}
}

// TestExplainExamples: send takes each example, and an application gets it. What
// is about a record or a parameter has it, and what is about a rule breaks it.
func TestExplainExamples(t *testing.T) {
	t.Parallel()
	for _, topic := range topics() {
		t.Run(topic.kind+":"+topic.name, func(t *testing.T) {
			t.Parallel()
			printed := runMain(t, "", "explain", strings.Trim(topic.reference(), "'"), "--example")
			if printed.stdout != topic.example {
				t.Fatalf("--example prints %q and %q, want %q", printed.stdout, printed.stderr, topic.example)
			}
			// What the application makes of it may be bad, or nothing, for which it is
			// not worth to wait; what we make of it may not.
			got := runMain(t, topic.example, "send", "app:echo", "-", "--wait", "0.02", "--stable")
			if !slices.Contains([]int{0, 3, 4, 6}, got.code) || !strings.Contains(got.stdout, "> ") {
				t.Errorf("send: exit code %d, stdout %s, stderr %s", got.code, got.stdout, got.stderr)
			}
			var sent string
			switch topic.kind {
			case "record":
				sent = " " + topic.name + " "
			case "role":
				sent = "role=" + topic.name
			case "value", "status":
				sent = strings.TrimPrefix(topic.name, "FCGI_")
			case "parameter":
				sent = strings.TrimSuffix(topic.name, "*")
			case "rule":
				sent = `"rule":"` + topic.name + `"`
				conversation := topic.example
				if !strings.Contains(conversation, "! ") { // what send does at the end
					conversation += "> ! fin\n"
				}
				got = runMain(t, conversation, "dump", "-", "-f", "jsonl", "--events", "finding")
				if !strings.Contains(got.stdout, sent) {
					t.Errorf("the example does not break the rule:\n%s%s%s", topic.example, got.stdout, got.stderr)
				}
				return
			}
			if !strings.Contains(topic.example, sent) {
				t.Errorf("%q is not in the example:\n%s", sent, topic.example)
			}
		})
	}
}

// TestExplainParamExamples: applications get the parameters that the examples are
// about, and web servers are said to send what they do.
func TestExplainParamExamples(t *testing.T) {
	t.Parallel()
	for _, topic := range paramTopics() {
		got := runMain(t, topic.example, "send", "app:echo", "-", "--wait", "10", "--stable")
		if got.code != 0 || strings.Contains(got.stdout, "# must") {
			t.Errorf("%s: exit code %d, stdout %s, stderr %s", topic.name, got.code, got.stdout, got.stderr)
		}
	}
	for topic, want := range map[string]string{
		"parameter:PATH": "\n  cgi-fcgi     what is in its environment\n  not sent by  nginx, lighttpd, caddy\n",
		"REMOTE_USER":    "\n  apache       \"alice\" (to an AUTHORIZER), ",
		"SERVER_PORT":    "\n  lighttpd     \"8443\", where the connection came in\n  caddy        as apache\n",
	} {
		if got := runMain(t, "", "explain", topic); !strings.Contains(got.stdout, want) {
			t.Errorf("explain %s lacks %q:\n%s", topic, want, got.stdout)
		}
	}
	if s := askWith(wire.Authorizer, "", "A", "b"); strings.Contains(s, "STDIN") || !strings.Contains(askWith(wire.Responder, "", "A", "b"), "STDIN") {
		t.Errorf("an authorizer gets input, which it must not, or others get none:\n%s", s)
	}
	got := runMain(t, "", "explain", "request-uri")
	for _, want := range []string{"nginx ", "apache ", "lighttpd ", "caddy ", "not sent by  cgi-fcgi"} {
		if !strings.Contains(got.stdout, "\n  "+want) {
			t.Errorf("explain request-uri lacks %q:\n%s", want, got.stdout)
		}
	}
}

// unshownFaults are the faults whose examples do not show them: what there is to
// be seen is no part of a conversation, or too long for a screen.
var unshownFaults = []string{
	"sock-missing", "sock-perm", "refused", "backlog-full", "pool-pinned", "allowed-clients", "silent-close", // what a probe sees
	"timeout-504",                                                  // the same as pool-busy, but for the ping page
	"params-pad", "big-header", "big-header-apache", "big-garbage", // thousands of bytes
	"finish-request", // its second answer
}

// TestExplainFaultExamples: diagnose finds in the example of a fault just that.
func TestExplainFaultExamples(t *testing.T) {
	t.Parallel()
	ping := map[string]bool{}
	for _, topic := range faultTopics() {
		if topic.example == exPing {
			ping[topic.name] = true
		}
		got := runMain(t, topic.example, "diagnose", "--capture", "-")
		shown := strings.Contains(got.stdout, " "+topic.label()+", ")
		if unshown := slices.Contains(unshownFaults, topic.name); shown == unshown {
			t.Errorf("%s is shown by its example: %v, want %v:\n%s%s%s", topic.label(), shown, !unshown, topic.example, got.stdout, got.stderr)
		}
	}
	// Without a connection there is nothing else to be sent.
	for _, r := range diagnose.Rules() {
		if want := r.Class == diagnose.Unreachable; ping[r.Key] != want {
			t.Errorf("the example of %s is that of the ping page: %v, want %v", r.Key, ping[r.Key], want)
		}
	}
	for _, name := range unshownFaults {
		if diagnose.Lookup(name) == nil {
			t.Errorf("there is no fault %s", name)
		}
	}
}

// TestExplainFacts: what a topic says is what the tables of the protocol have.
func TestExplainFacts(t *testing.T) {
	t.Parallel()
	want := map[string][]string{} // by reference: what is in it
	for _, s := range wire.Specs() {
		sender, id := "the application", "that of the request, 1 to 65535"
		if s.Dir == wire.ToApp {
			sender = "the web server"
		}
		if s.Management {
			id = "0: it belongs to no request"
		}
		want["record:"+s.Name] = []string{
			fmt.Sprintf("  type         %d, in section %s of", s.Type, s.Section), "  sent by      " + sender + "\n", "  request id   " + id + "\n",
		}
		if s.Stream {
			want["record:"+s.Name] = append(want["record:"+s.Name], "  ended by     an empty "+s.Name+" record\n")
		}
	}
	want["record:STDIN"] = append(want["record:STDIN"], "  content      any bytes\n")
	want["record:END_REQUEST"] = append(want["record:END_REQUEST"], "  rules        unknown-status, ")
	for _, s := range []wire.ProtocolStatus{wire.RequestComplete, wire.CantMultiplex, wire.Overloaded, wire.UnknownRole} {
		want["status:"+s.String()] = []string{fmt.Sprintf("%v: protocolStatus %d: ", s, uint8(s))}
	}
	for _, r := range wire.Rules() {
		want["rule:"+string(r.ID)] = []string{"  level        " + r.Level.String() + ": ", "  section      " + r.Section + " of the FastCGI specification\n"}
	}
	for _, r := range diagnose.Rules() {
		want["fault:"+r.Key] = []string{"  class        " + r.Class.String() + "\n"}
	}
	seen := 0
	for _, topic := range topics() {
		var b bytes.Buffer
		topic.append(&b)
		for _, line := range want[topic.kind+":"+topic.name] {
			seen++
			if !strings.Contains(b.String(), line) {
				t.Errorf("explain %s lacks %q:\n%s", topic.reference(), line, b.String())
			}
		}
		if r := diagnose.Lookup(topic.name); topic.kind == "fault" && (r.Field != "") != strings.Contains(b.String(), "\n  unproved     ") {
			t.Errorf("explain %s does not say that it is unproved, or says it and it is not", topic.reference())
		}
	}
	if seen < len(want) {
		t.Errorf("%d of %d topics were looked at", seen, len(want))
	}
}
