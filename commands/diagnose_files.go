package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// This file judges what others have recorded.

// A causeCount counts faults.
type causeCount struct {
	ids   []string // in order of appearance
	count map[string]int
	best  map[string]diagnose.Verdict // the first of each
	where map[string]string           // the first of each
}

func (t *causeCount) add(v diagnose.Verdict, where string) {
	if t.count == nil {
		t.count, t.best, t.where = map[string]int{}, map[string]diagnose.Verdict{}, map[string]string{}
	}
	if t.count[v.ID]++; t.count[v.ID] == 1 {
		t.ids = append(t.ids, v.ID)
		t.best[v.ID], t.where[v.ID] = v, where
	}
}

// A countedJudgement is a fault as --capture and --log sum it up in JSON.
type countedJudgement struct {
	judgement
	Count int    `json:"count"`
	First string `json:"first"`
}

// list returns the faults, the most frequent first.
func (t *causeCount) list() []countedJudgement {
	all := []countedJudgement{}
	for _, id := range t.ids {
		v := t.best[id]
		f := judgementOf(v.Rule)
		if v.Confidence > 0 {
			f.Confidence = v.Confidence.String()
		}
		all = append(all, countedJudgement{f, t.count[id], t.where[id]})
	}
	slices.SortStableFunc(all, func(a, b countedJudgement) int { return b.Count - a.Count })
	return all
}

// table sums up for a reader; what is counted are requests or lines.
func (t *causeCount) table(b *bytes.Buffer, columns int, what string) error {
	rows := [][]string{}
	for _, f := range t.list() {
		rows = append(rows, []string{strconv.Itoa(f.Count), f.ID, f.Key, f.Class, pretty.Clean(f.First)})
	}
	if len(rows) == 0 {
		return nil
	}
	b.WriteByte('\n')
	if err := pretty.TableIn(b, columns, []string{what, "fault", "name", "class", "first"}, rows); err != nil {
		return err
	}
	fmt.Fprintf(b, "\nfcgiscope diagnose --rule %s says what to check and what to do.\n", t.list()[0].ID)
	return nil
}

// A captureJudge judges the requests of a capture.
type captureJudge struct {
	*diagnose.Collector
	env      *Env
	json     bool
	requests int
	well     int
	faults   causeCount
	broken   error
}

// diagnoseCapture judges every request in a file.
func diagnoseCapture(ctx context.Context, env *Env, o diagnoseOptions) error {
	j := &captureJudge{env: env, json: o.format.word == "json"}
	j.Collector = diagnose.NewCollector(j.judge)
	d := &dumper{env: env, o: dumpOptions{from: o.from}, sink: j}
	d.files(ctx, []string{o.capture})
	if err := errors.Join(append(d.failed, j.Close(), j.broken)...); err != nil {
		return err
	}
	if j.json {
		return printJSON(env, struct {
			Requests int                `json:"requests"`
			Well     int                `json:"well"`
			Faults   []countedJudgement `json:"faults"`
		}{j.requests, j.well, j.faults.list()})
	}
	var b bytes.Buffer
	if err := j.faults.table(&b, j.env.Terminal.columns(), "requests"); err != nil {
		return err
	}
	fmt.Fprintf(&b, "%s, %d without a fault\n", plural(j.requests, "request", ""), j.well)
	return write(env.Stdout, b.Bytes())
}

// judge tells what is wrong with one request: the likely causes, or else the
// possible ones.
func (j *captureJudge) judge(c *flow.ConnInfo, f *diagnose.Facts) {
	verdicts := diagnose.Diagnose(f)
	if f.Sent {
		j.requests++
	}
	if len(verdicts) == 0 {
		if f.Sent {
			j.well++
		}
		return
	}
	where := fmt.Sprintf("%d/%d", c.N, f.Request.ID)
	for i, v := range verdicts {
		if i > 0 && v.Confidence < diagnose.Likely {
			continue
		}
		j.faults.add(v, where)
		if j.json || j.broken != nil {
			continue
		}
		line := fmt.Sprintf("%s %s %s: %s %s, %v: %s\n", where, word(f.Request.Method), word(f.Request.URI), v.ID, v.Key, v.Confidence, v.Hint)
		j.broken = write(j.env.Stdout, []byte(pretty.Clean(strings.TrimSuffix(line, "\n"))+"\n"))
	}
}

// word is a part of a request line, which may be missing.
func word(b []byte) string {
	if len(b) == 0 {
		return "-"
	}
	return string(b[:min(len(b), 200)])
}

// maxLogLine is how many bytes of a line of a log are looked at.
const maxLogLine = 64 << 10

// diagnoseLog judges the lines of an error log.
func diagnoseLog(ctx context.Context, env *Env, o diagnoseOptions) error {
	in := env.Stdin
	if o.log != "-" {
		f, err := orDone(ctx, func() (*os.File, error) { return openInput(o.log) })
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	var faults causeCount
	lines, known := 0, 0
	r := bufio.NewReaderSize(patient(ctx, in), maxLogLine)
	for {
		line, tooLong, err := r.ReadLine()
		for tooLong && err == nil {
			_, tooLong, err = r.ReadLine()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.log, err)
		}
		lines++
		if entry, ok := diagnose.Log(string(line)); ok {
			known++
			rule := diagnose.Lookup(entry.IDs[0]).Text()
			where := fmt.Sprintf("line %d: %s", lines, entry.Text)
			if len(entry.IDs) > 1 {
				where += " (or " + orList(entry.IDs[1:]) + ")"
			}
			faults.add(diagnose.Verdict{Rule: rule}, where)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if o.format.word == "json" {
		return printJSON(env, struct {
			Lines  int                `json:"lines"`
			Known  int                `json:"known"`
			Faults []countedJudgement `json:"faults"`
		}{lines, known, faults.list()})
	}
	var b bytes.Buffer
	if err := faults.table(&b, env.Terminal.columns(), "lines"); err != nil {
		return err
	}
	fmt.Fprintf(&b, "%s, %d of them a sign of a fault\n", plural(lines, "line", ""), known)
	return write(env.Stdout, b.Bytes())
}
