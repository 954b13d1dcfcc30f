package commands

import (
	"errors"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// A draft is a line of the text form that is made of words of the user's: so
// begin, params and the others understand what that form does, and what is
// wrong with a word is said in the column where it was typed.
type draft struct {
	line  *shellLine
	text  []byte
	marks []draftMark
	given map[string]bool // keys of the words with an =
}

// A draftMark says where a word of the draft comes from.
type draftMark struct {
	at     int // its column in the draft
	key    int // how many bytes of it the user has not typed
	column int // of the rest in the line
}

func newDraft(l *shellLine, t wire.Type) *draft {
	d := &draft{line: l, given: map[string]bool{}}
	d.text = append(d.text, "> "...)
	d.text = append(d.text, t.String()...)
	return d
}

// add adds one of the user's words, behind a key= that it was typed without.
func (d *draft) add(key, word string, column int) {
	text := key + word
	d.text = append(d.text, ' ')
	d.marks = append(d.marks, draftMark{len(d.text) + 1, len(key), column})
	d.text = append(d.text, text...)
	if key, _, ok := strings.Cut(text, "="); ok && key != "" && key[0] != '"' {
		d.given[strings.ToLower(key)] = true
	}
}

// record reads the draft.
func (d *draft) record() (wire.Record, error) {
	lines, err := text.Parse(append(d.text, '\n'))
	if err != nil {
		return wire.Record{}, d.fail(err)
	}
	return lines[0].Record, nil
}

// fail translates the column of a mistake.
func (d *draft) fail(err error) error {
	var wrong *text.SyntaxError
	if !errors.As(err, &wrong) {
		return err
	}
	column := d.line.restAt
	for i, m := range d.marks {
		if m.at > wrong.Column {
			break
		}
		column = m.column + max(0, wrong.Column-m.at-m.key)
		if i+1 < len(d.marks) {
			column = min(column, m.column+d.marks[i+1].at-m.at)
		}
	}
	hint := wrong.Hint
	if at := column - d.line.restAt; at < len(d.line.rest) && strings.Contains(wordAt(d.line.rest, at), "'") {
		hint = `quotes are "…"; a ' is nothing special here`
	}
	return d.line.fail(column, hint, "%s", wrong.What)
}

// wordAt is the word of s, between blanks, in which byte i is.
func wordAt(s string, i int) string {
	word, _, _ := strings.Cut(s[i:], " ")
	return s[strings.LastIndexByte(s[:i], ' ')+1:i] + word
}
