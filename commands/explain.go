package commands

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
)

type explainOptions struct {
	example bool
	topics  []string
}

func (o *explainOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "example", Usage: "print only the example, for send", Destination: &o.example},
	}
}

func explainCommand(env *Env) *cli.Command {
	var o explainOptions
	return &cli.Command{
		Name:      "explain",
		Usage:     "teach a record type, a role, a status, a rule, a fault or a parameter",
		ArgsUsage: "[TOPIC...]",
		Description: `
Says in a screenful what something of FastCGI is, where the specification has it, what the programs
that exist make of it, and shows an example in the text form. A parameter is shown as nginx, Apache,
lighttpd, Caddy and cgi-fcgi make it of the same HTTP request.

Without TOPIC it lists all topics, and with the name of a kind those of that kind. Where two kinds
have a topic of the same name both are shown; KIND:NAME, such as rule:content-length, is one.

Examples:
  fcgiscope explain
  fcgiscope explain REQUEST_URI
  fcgiscope explain pair-split D13 roles
  fcgiscope explain GET_VALUES --example | fcgiscope send app:echo`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.topics = c.Args().Slice()
			return explainTopics(env, o)
		},
	}
}

// explainTopics prints the topics that were named, or what there are.
func explainTopics(env *Env, o explainOptions) error {
	all := topics()
	if len(o.topics) == 0 {
		if o.example {
			return withHint(usagef("explain: --example: of which topic?"), "fcgiscope explain lists them")
		}
		return write(env.Stdout, fit(listTopics(all), helpColumns(env.Terminal)))
	}
	var b bytes.Buffer
	for _, word := range o.topics {
		if kind := topicKindOf(word); kind != "" && !o.example {
			separate(&b)
			listKind(&b, all, kind)
			continue
		}
		found, err := findTopics(all, word)
		if err != nil {
			return err
		}
		for _, t := range found {
			if o.example {
				b.WriteString(t.example)
				continue
			}
			separate(&b)
			t.append(&b)
		}
	}
	if o.example { // for send, and not for a reader
		return write(env.Stdout, b.Bytes())
	}
	return write(env.Stdout, fit(b.Bytes(), helpColumns(env.Terminal)))
}

// separate puts an empty line between what is printed one after the other.
func separate(b *bytes.Buffer) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
}

// findTopics returns the topics that word names: those of exactly that name, or
// else those that differ in case, in - and _, or in FCGI_ before it.
func findTopics(all []topic, word string) ([]topic, error) {
	name := word
	if kind, rest, ok := strings.Cut(word, ":"); ok && topicKindOf(kind) != "" {
		kind, name = topicKindOf(kind), rest
		all = slices.DeleteFunc(slices.Clone(all), func(t topic) bool { return t.kind != kind })
	}
	for _, same := range []func(a string) bool{
		func(a string) bool { return a == name },
		func(a string) bool { return topicKey(a) == topicKey(name) },
	} {
		var found []topic
		for _, t := range all {
			if slices.ContainsFunc(t.names(), same) {
				found = append(found, t)
			}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	// Any field of an HTTP header is a parameter.
	if strings.HasPrefix(topicKey(name), topicKey("HTTP_")) {
		if found, err := findTopics(all, anyField); err == nil {
			return found, nil
		}
	}
	return nil, unknownTopic(all, word, name)
}

// topicKey makes the ways of writing a name equal.
func topicKey(name string) string {
	return strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(name), "-", "_"), "fcgi_")
}

func unknownTopic(all []topic, word, name string) error {
	var names []string
	for _, t := range all {
		names = append(names, t.names()...)
	}
	for _, k := range topicKinds {
		names = append(names, k.plural)
	}
	if kind, rest, ok := strings.Cut(word, ":"); ok && topicKindOf(kind) == "" {
		if near := topicKindOf(wire.Nearest(kind, names[len(names)-len(topicKinds):])); near != "" {
			return usagef("explain: unknown topic %q (did you mean %s:%s?)", word, near, rest)
		}
	}
	if near := wire.Nearest(name, names); near != "" {
		return usagef("explain: unknown topic %q (did you mean %s?)", word, near)
	}
	return withHint(usagef("explain: unknown topic %q", word), "fcgiscope explain lists the topics")
}

// listTopics lists the names of all topics.
func listTopics(all []topic) []byte {
	var b bytes.Buffer
	b.WriteString("usage: fcgiscope explain TOPIC...\n\nTopics, by kind:\n")
	for _, k := range topicKinds {
		var names []string
		for _, t := range all {
			if t.kind == k.word {
				names = append(names, t.name)
			}
		}
		fmt.Fprintf(&b, "\n%s (%s):\n", k.plural, k.help)
		appendWrapped(&b, "  ", strings.Join(names, ", "))
	}
	return b.Bytes()
}

// listKind lists the topics of a kind with a line each.
func listKind(b *bytes.Buffer, all []topic, kind string) {
	width := 0
	for _, t := range all {
		if t.kind == kind {
			width = max(width, len(t.label()))
		}
	}
	for _, t := range all {
		if t.kind == kind {
			writeEntry(b, width+4, t.label(), t.brief)
		}
	}
}

// completeTopics prints the topics, and the kinds of them.
func completeTopics(env *Env, current string) {
	for _, k := range topicKinds {
		candidate(env.Stdout, current, k.plural, k.help)
	}
	for _, t := range topics() {
		candidate(env.Stdout, current, t.name, t.brief)
		if t.also != "" {
			candidate(env.Stdout, current, t.also, t.brief)
		}
	}
}
