package commands

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
)

// classErrors is the failure, and with it the exit code, of each class of faults.
var classErrors = map[diagnose.Class]func(error) error{
	diagnose.Unreachable: func(err error) error { return connectError{err} },
	diagnose.Mute:        func(err error) error { return timeoutError{err} },
	diagnose.Broken:      func(err error) error { return peerError{err} },
	diagnose.Negative:    func(err error) error { return answerError{err} },
}

// A diagnosis is what probing an application has shown, as --format json
// prints it.
type diagnosis struct {
	env     *Env
	json    bool
	started time.Time // the step under way
	broken  error     // stdout's first

	Address  string      `json:"address"`
	Healthy  bool        `json:"healthy"`
	Steps    []step      `json:"probes"`
	Verdicts []judgement `json:"verdicts"`
	Works    string      `json:"works,omitempty"` // the SCRIPT_FILENAME that does
}

// A step is one probe.
type step struct {
	What    string  `json:"probe"`
	Outcome string  `json:"outcome"`
	OK      bool    `json:"ok"`
	Millis  float64 `json:"ms"`
}

// A judgement is a verdict as JSON has it.
type judgement struct {
	ID         string `json:"id"`
	Key        string `json:"key"`
	Class      string `json:"class"`
	Confidence string `json:"confidence,omitempty"`
	Symptom    string `json:"symptom"`
	Evidence   string `json:"evidence"`
	Cause      string `json:"cause"`
	Check      string `json:"check"`
	Remedy     string `json:"remedy"`
	Field      string `json:"unproved,omitempty"` // why no test provokes it

	rule diagnose.Rule
}

func judgementOf(r diagnose.Rule) judgement {
	return judgement{r.ID, r.Key, r.Class.String(), "", r.Symptom, r.Wire, r.Cause, r.Check, r.Remedy, r.Field, r}
}

// say tells a step before it is taken.
func (d *diagnosis) say(what string) {
	d.started = d.env.Now()
	d.Steps = append(d.Steps, step{What: pretty.Clean(what)})
	if d.json {
		complain(d.env, what)
		return
	}
	d.write(fmt.Sprintf("%s ... ", pretty.Clean(what)))
}

// outcome tells what came of the step under way.
func (d *diagnosis) outcome(ok bool, format string, args ...any) {
	s := &d.Steps[len(d.Steps)-1]
	s.Outcome, s.OK = pretty.Clean(fmt.Sprintf(format, args...)), ok
	s.Millis = float64(d.env.Now().Sub(d.started).Microseconds()) / 1000
	if !d.json {
		d.write(s.Outcome + "\n")
	}
}

func (d *diagnosis) write(s string) {
	if d.broken == nil {
		d.broken = write(d.env.Stdout, []byte(s))
	}
}

// found adds verdicts, each fault once.
func (d *diagnosis) found(verdicts []diagnose.Verdict) {
	for _, v := range verdicts {
		known := false
		for _, old := range d.Verdicts {
			known = known || old.ID == v.ID
		}
		if !known {
			f := judgementOf(v.Rule)
			f.Confidence = v.Confidence.String()
			d.Verdicts = append(d.Verdicts, f)
		}
	}
}

// worst is the fault that decides on the exit code, nil if there is none.
func (d *diagnosis) worst() *diagnose.Rule {
	for i := range d.Verdicts {
		if r := &d.Verdicts[i].rule; r.Class != diagnose.Caution {
			return r
		}
	}
	return nil
}

// print tells what was found.
func (d *diagnosis) print() error {
	if d.broken != nil {
		return d.broken
	}
	if d.json {
		if d.Verdicts == nil {
			d.Verdicts = []judgement{}
		}
		b, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return fmt.Errorf("diagnose: %w", err)
		}
		return write(d.env.Stdout, append(b, '\n'))
	}
	var b bytes.Buffer
	for _, f := range d.Verdicts {
		b.WriteByte('\n')
		f.append(&b)
	}
	if d.Works != "" {
		fmt.Fprintf(&b, "\nIt works with SCRIPT_FILENAME %s.\n", pretty.Quote([]byte(d.Works), 0))
	}
	if d.Healthy {
		b.WriteString("\nAll is well.\n")
	}
	return write(d.env.Stdout, b.Bytes())
}

// append writes a verdict for a reader.
func (f *judgement) append(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s %s: %s", f.ID, f.Key, f.Class)
	if f.Confidence != "" {
		fmt.Fprintf(b, ", %s", f.Confidence)
	}
	b.WriteByte('\n')
	for _, line := range [][2]string{
		{"symptom", f.Symptom}, {"evidence", f.Evidence}, {"cause", f.Cause}, {"check", f.Check}, {"remedy", f.Remedy}, {"unproved", f.Field},
	} {
		if line[1] != "" {
			writeEntry(b, 12, line[0], pretty.Clean(line[1]))
		}
	}
}

// listCauses prints the table.
func listCauses(env *Env, format string) error {
	var rows [][]string
	var all []judgement
	for _, r := range diagnose.Rules() {
		r = r.Text()
		all = append(all, judgementOf(r))
		mark := ""
		if r.Field != "" {
			mark = "*"
		}
		rows = append(rows, []string{r.ID + mark, r.Key, r.Class.String(), r.Symptom})
	}
	if format == "json" {
		return printJSON(env, all)
	}
	if err := writeTable(env, nil, rows); err != nil {
		return err
	}
	note := pretty.Wrap("* known from reports only: no test of fcgiscope provokes it", env.Terminal.columns())
	return write(env.Stdout, []byte("\n"+strings.Join(note, "\n")+"\n"))
}

// tellCause prints one row of the table in full.
func tellCause(env *Env, format, name string) error {
	r := cmp.Or(diagnose.Lookup(name), diagnose.Lookup(strings.ToUpper(name)), diagnose.Lookup(strings.ToLower(name)))
	if r == nil {
		var names []string
		for _, r := range diagnose.Rules() {
			names = append(names, r.ID, r.Key)
		}
		err := usagef("diagnose: unknown fault %q", name)
		if near := wire.Nearest(name, names); near != "" {
			err = usagef("diagnose: unknown fault %q (did you mean %s?)", name, near)
		}
		return withHint(err, "fcgiscope diagnose --rules lists them")
	}
	f := judgementOf(r.Text())
	if format == "json" {
		return printJSON(env, f)
	}
	var b bytes.Buffer
	f.append(&b)
	return write(env.Stdout, fit(b.Bytes(), helpColumns(env.Terminal)))
}

func printJSON(env *Env, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("diagnose: %w", err)
	}
	return write(env.Stdout, append(b, '\n'))
}
