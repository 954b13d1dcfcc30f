package commands

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// A topic is what explain can tell about, a screenful of it.
type topic struct {
	kind    string // a word of topicKinds
	name    string
	also    string // another name of it, such as D13; "" is none
	brief   string // what it is, in one line
	text    string // what is to be said of it
	facts   [][2]string
	section string // of the FastCGI specification; its rules are named. "" is none
	example string // lines of the text form; send takes them
}

// topicKinds are the kinds of topics, in the order in which they are listed.
var topicKinds = []struct {
	word, plural, help string
	topics             func() []topic
}{
	{"record", "records", "the types of records", recordTopics},
	{"role", "roles", "what an application is asked to be", roleTopics},
	{"status", "statuses", "how a request ended", statusTopics},
	{"value", "values", "flags, and what GET_VALUES asks for", valueTopics},
	{"parameter", "parameters", "what a web server tells about a request", paramTopics},
	{"rule", "rules", "what findings name", ruleTopics},
	{"fault", "faults", "what diagnose finds", faultTopics},
}

// topics returns all topics.
func topics() []topic {
	var all []topic
	for _, k := range topicKinds {
		all = append(all, k.topics()...)
	}
	return all
}

// topicKindOf returns the kind that word names, in singular or plural, "" if
// it names none.
func topicKindOf(word string) string {
	for _, k := range topicKinds {
		if strings.EqualFold(word, k.word) || strings.EqualFold(word, k.plural) {
			return k.word
		}
	}
	return ""
}

func (t *topic) names() []string {
	if t.also == "" {
		return []string{t.name}
	}
	return []string{t.name, t.also}
}

// label is the topic's names for a list.
func (t *topic) label() string { return strings.TrimSpace(t.also + " " + t.name) }

// append writes the topic for a reader.
func (t *topic) append(b *bytes.Buffer) {
	appendWrapped(b, "", t.label()+": "+t.brief)
	if t.text != "" {
		b.WriteByte('\n')
		appendWrapped(b, "", t.text)
	}
	facts := t.facts
	if rules := rulesOf(t); rules != "" {
		facts = append(facts, [2]string{"rules", rules})
	}
	if len(facts) > 0 {
		b.WriteByte('\n')
	}
	for _, fact := range facts {
		writeEntry(b, 15, fact[0], fact[1])
	}
	fmt.Fprintf(b, "\nExample (fcgiscope explain %s --example | fcgiscope send ADDR):\n", t.reference())
	for line := range strings.Lines(t.example) {
		b.WriteString("  " + line)
	}
}

// reference is what names the topic and no other one.
func (t *topic) reference() string {
	if t.also != "" {
		return t.also
	}
	if found, err := findTopics(topics(), t.name); err == nil && len(found) == 1 {
		return shellWord(t.name)
	}
	return t.kind + ":" + shellWord(t.name)
}

// rulesOf names the rules of the section that t is about.
func rulesOf(t *topic) string {
	if t.section == "" || t.kind == "rule" {
		return ""
	}
	var names []string
	for _, r := range wire.Rules() {
		if r.Section == t.section {
			names = append(names, string(r.ID))
		}
	}
	return strings.Join(names, ", ")
}

// appendWrapped writes text in lines of helpWidth columns at most.
func appendWrapped(b *bytes.Buffer, indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && columnsOf(line)+1+columnsOf(word) > helpWidth {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}

// The parts that examples are made of.
const (
	exBegin  = "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n"
	exParams = "> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_NAME=/a SCRIPT_FILENAME=/srv/a\n> PARAMS id=1\n"
	exAsked  = exBegin + exParams + "> STDIN id=1\n"
	exOutput = "< STDOUT id=1 \"Content-Type: text/plain\\r\\n\\r\\nhi\\n\"\n"
	exAnswer = exOutput + "< STDOUT id=1\n"
	exEnd    = "< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n"
)

// askWith is a request of the role with those pairs NAME VALUE... and a body.
func askWith(role wire.Role, body string, namesAndValues ...string) string {
	dst := text.Append(nil, wire.ToApp, wire.BeginRecord(1, role, 0))
	line := []byte("> PARAMS id=1")
	for i := 0; i < len(namesAndValues); i += 2 {
		pair := text.AppendPair([]byte{' '}, wire.NewPair(namesAndValues[i], namesAndValues[i+1]))
		if len(line)+len(pair) > helpWidth-2 {
			dst, line = append(append(dst, line...), '\n'), []byte("   ")
		}
		line = append(line, pair...)
	}
	dst = append(append(dst, line...), '\n')
	empty := func(t wire.Type) { dst = text.Append(dst, wire.ToApp, wire.NewRecord(t, 1, nil)) }
	empty(wire.TypeParams)
	if role == wire.Authorizer { // which gets no input. See FastCGI 1.0, section 6.3.
		return string(dst)
	}
	if body != "" {
		dst = text.Append(dst, wire.ToApp, wire.NewRecord(wire.TypeStdin, 1, []byte(body)))
	}
	empty(wire.TypeStdin)
	if role == wire.Filter {
		empty(wire.TypeData)
	}
	return string(dst)
}
