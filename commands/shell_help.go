package commands

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// help [TOPIC]: the commands of a session, one of them, or what explain tells.
func (s *shellSession) helpLine(_ context.Context, l *shellLine) error {
	words := l.words()
	var b bytes.Buffer
	switch {
	case len(words) == 0:
		listVerbs(&b)
	case len(words) > 1:
		return l.fail(words[1].at, "help takes one topic", "unexpected %q", words[1].text)
	default:
		if err := explainWord(&b, l, words[0]); err != nil {
			return err
		}
	}
	return s.say(string(fit(b.Bytes(), helpColumns(s.env.Terminal))))
}

func listVerbs(b *bytes.Buffer) {
	for _, v := range shellVerbs() {
		writeEntry(b, flagColumn, strings.TrimSpace(v.name+" "+v.args), v.help)
	}
	b.WriteString(`
A line that begins with > is sent as it is; see fcgiscope send --help for the form. Without ID,
records have that of the last one. What follows a # is a comment, and "; " separates commands.
help COMMAND says more, and help TOPIC what explain does: a record, role, rule, fault or parameter.
`)
}

// explainWord writes what is to be said of a command of the session, and of the
// record that it sends; or of any other topic.
func explainWord(b *bytes.Buffer, l *shellLine, w typed) error {
	v := findVerb(w.text)
	if v != nil && v.args+v.help != "" {
		fmt.Fprintf(b, "%s\n\n%s\n", strings.TrimSpace(v.name+" "+v.args), upperFirst(v.help)+".")
		if v.more != "" {
			appendWrapped(b, "", v.more)
		}
		if v.record == 0 {
			return nil
		}
		b.WriteByte('\n')
		w.text = v.record.String()
	}
	if kind := topicKindOf(w.text); kind != "" {
		listKind(b, topics(), kind)
		return nil
	}
	found, err := findTopics(topics(), w.text)
	if err != nil {
		var names []string
		for _, v := range shellVerbs() {
			names = append(names, v.name)
		}
		for _, t := range topics() {
			names = append(names, t.names()...)
		}
		hint := "help lists the commands, help records, rules, parameters … the topics of a kind"
		if near := wire.Nearest(w.text, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return l.fail(w.at, hint, "unknown topic %q", w.text)
	}
	for i, t := range found {
		if i > 0 {
			b.WriteByte('\n')
		}
		t.append(b)
	}
	return nil
}

// upperFirst makes a sentence of a line of help. Names of records are upper case
// already.
func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
