package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/replay"
)

// A replayFormat writes what became of requests.
type replayFormat interface {
	// add tells of one.
	add(*replay.Result) error
	// rules tells of rules that were broken and should not, or the other way
	// round, in a test.
	rules(wrong []string) error
	// close ends it.
	close() error
}

// A replayReport counts what becomes of requests, and reports it.
type replayReport struct {
	format      replayFormat
	out         *lateWriter
	onlyChanged bool
	total       int
	changed     int
	unsure      int // without an answer to compare with
	wrong       int // rules that were broken or not against what was expected
}

// reporter makes the report that the user wants.
func (o *replayOptions) reporter(env *Env) *replayReport {
	r := &replayReport{onlyChanged: o.onlyChanged, out: &lateWriter{w: env.Stdout}}
	switch o.format.word {
	case "jsonl":
		r.format = &replayLines{w: r.out, stable: o.stable}
	case "junit":
		r.format = &replayJUnit{w: r.out, stable: o.stable, now: env.Now(), suite: pretty.Clean(o.args[0])}
	default:
		r.format = &replayTable{w: r.out, stable: o.stable}
	}
	return r
}

// result takes one.
func (r *replayReport) result(x *replay.Result) error {
	r.total++
	same := x.Same()
	switch {
	case !same:
		r.changed++
	case x.Request.Unsure():
		r.unsure++
	}
	if same && r.onlyChanged {
		return nil
	}
	return r.format.add(x)
}

// rules tells what was expected of rules and is not so.
func (r *replayReport) rules(wrong []string) error {
	r.wrong = len(wrong)
	return r.format.rules(wrong)
}

func (r *replayReport) close() error { return errors.Join(r.format.close(), r.out.Close()) }

// sum says what there was in all, on stderr.
func (r *replayReport) sum(env *Env, took time.Duration, stable bool) {
	line := fmt.Sprintf("%s: %d the same, %d different", plural(r.total, "answer", ""), r.total-r.changed-r.unsure, r.changed)
	if r.unsure > 0 {
		line += fmt.Sprintf(", %d with nothing to compare with", r.unsure)
	}
	if !stable {
		line += fmt.Sprintf("; %s", shortTime(took))
		if seconds := took.Seconds(); seconds > 0 {
			line += fmt.Sprintf(", %.0f requests/s", float64(r.total)/seconds)
		}
	}
	complain(env, line)
}

// verdict is the result of the command.
func (r *replayReport) verdict() error {
	if r.changed == 0 && r.wrong > 0 {
		return peerError{fmt.Errorf("%s not as expected", plural(r.wrong, "rule", ""))}
	}
	if r.changed == 0 {
		return nil
	}
	return peerError{fmt.Errorf("there are differences in %d of %s", r.changed, plural(r.total, "answer", ""))}
}

// A replayTable writes a line for each request, and what is different below.
type replayTable struct {
	w      io.Writer
	stable bool
	buf    bytes.Buffer
}

func (t *replayTable) add(x *replay.Result) error {
	b := &t.buf
	b.Reset()
	q := x.Request
	status := "-"
	if x.Status != 0 {
		status = strconv.Itoa(x.Status)
	}
	fmt.Fprintf(b, "%d/%d %s %s %s", q.Conn, q.ID, pretty.Clean(q.Name()), status, verdictWord(x))
	if !t.stable {
		fmt.Fprintf(b, " %s", shortTime(x.Took))
		if q.Took >= 0 {
			fmt.Fprintf(b, " (was %s)", shortTime(q.Took))
		}
	}
	b.WriteByte('\n')
	if x.Err != nil && q.Unsure() {
		fmt.Fprintf(b, "    %s\n", plain(x.Err))
	}
	for _, d := range x.Differences {
		writeDifference(b, &d)
	}
	if x.More > 0 {
		fmt.Fprintf(b, "    and %s\n", plural(x.More, "difference", "more"))
	}
	return write(t.w, b.Bytes())
}

func (t *replayTable) rules(wrong []string) error {
	t.buf.Reset()
	for _, line := range wrong {
		fmt.Fprintln(&t.buf, pretty.Clean(line))
	}
	return write(t.w, t.buf.Bytes())
}

func (t *replayTable) close() error { return nil }

// verdictWord is what became of an answer in a word.
func verdictWord(x *replay.Result) string {
	switch {
	case !x.Same() && len(x.Differences) == 0:
		return "failed"
	case !x.Same():
		return "differs"
	case x.Request.Unsure():
		return "new"
	}
	return "same"
}

// writeDifference writes what differs: short values on one line, pieces of
// streams one below the other.
func writeDifference(b *bytes.Buffer, d *replay.Difference) {
	b.WriteString("    " + differencePlace(d) + ": ")
	want, got := valueOn(d, d.Want, replay.InWant), valueOn(d, d.Got, replay.InGot)
	if d.At < 0 {
		fmt.Fprintf(b, "was %s, is %s\n", want, got)
		return
	}
	fmt.Fprintf(b, "from byte %d on, line %d\n      was %s\n      is  %s\n", d.At, d.Line, want, got)
}

// differencePlace names what differs.
func differencePlace(d *replay.Difference) string {
	if d.Name == "" {
		return d.What
	}
	return d.What + " " + pretty.Clean(d.Name)
}

// valueOn is the value of one side.
func valueOn(d *replay.Difference, value string, side replay.Side) string {
	if d.Absent == side {
		return "none"
	}
	switch d.What {
	case "header", "body", "stderr", "answer":
		more := ""
		if d.Cut {
			more = " …"
		}
		if d.What == "body" && d.Name != "" {
			return pretty.Clean(value) + more
		}
		return pretty.Quote([]byte(value), 0) + more
	}
	return pretty.Clean(value)
}

// A replayLines writes a JSON object for each request.
type replayLines struct {
	w      io.Writer
	stable bool
	buf    []byte
}

func (l *replayLines) add(x *replay.Result) error {
	q := x.Request
	b := append(l.buf[:0], '{')
	b = fmt.Appendf(b, `"conn":%d,"request_id":%d,"seq":%d`, q.Conn, q.ID, q.Seq)
	b = pretty.AppendText(b, "type_name", []byte(q.Type.String()))
	if q.Type == wire.TypeBeginRequest {
		b = pretty.AppendText(b, "role", []byte(q.Role.String()))
		b = pretty.AppendText(b, "method", []byte(q.Method))
		b = pretty.AppendText(b, "uri", []byte(q.URI))
	}
	b = pretty.AppendText(b, "result", []byte(verdictWord(x)))
	b = fmt.Appendf(b, `,"status":%d,"stdout_bytes":%d,"stderr_bytes":%d,"complete":%t`, x.Status, x.Stdout, x.Stderr, x.Ending == replay.Complete)
	if x.Ending == replay.Complete {
		b = fmt.Appendf(b, `,"app_status":%d`, x.End.AppStatus)
		b = pretty.AppendText(b, "protocol_status", []byte(x.End.Status.String()))
	}
	if !l.stable {
		b = fmt.Appendf(b, `,"took":%.6f`, x.Took.Seconds())
		if q.Took >= 0 {
			b = fmt.Appendf(b, `,"took_before":%.6f`, q.Took.Seconds())
		}
	}
	if x.Err != nil {
		b = pretty.AppendText(b, "error", []byte(plain(x.Err)))
	}
	b = append(b, `,"differences":[`...)
	for i, d := range x.Differences {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDifference(b, &d)
	}
	b = fmt.Appendf(b, `],"more_differences":%d}`, x.More)
	l.buf = append(b, '\n')
	return write(l.w, l.buf)
}

func (l *replayLines) rules(wrong []string) error {
	var b []byte
	for _, line := range wrong {
		b = append(pretty.AppendText(append(b, '{'), "rule", []byte(line)), "}\n"...)
	}
	return write(l.w, b)
}

func (l *replayLines) close() error { return nil }

func appendDifference(b []byte, d *replay.Difference) []byte {
	b = pretty.AppendText(append(b, '{'), "what", []byte(d.What))
	if d.Name != "" {
		b = pretty.AppendText(b, "name", []byte(d.Name))
	}
	if d.At >= 0 {
		b = fmt.Appendf(b, `,"at":%d,"line":%d`, d.At, d.Line)
	}
	if d.Absent != replay.InWant {
		b = pretty.AppendText(b, "was", []byte(d.Want))
	}
	if d.Absent != replay.InGot {
		b = pretty.AppendText(b, "is", []byte(d.Got))
	}
	return fmt.Appendf(b, `,"cut":%t}`, d.Cut)
}
