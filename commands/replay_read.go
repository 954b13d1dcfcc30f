package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/replay"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// read shows p what is in the file; with --check it returns what the file tests.
func (o *replayOptions) read(ctx context.Context, env *Env, p *replay.Plan) (*conversationTest, error) {
	in, name := env.Stdin, "standard input"
	if o.args[0] != "-" {
		name = o.args[0]
		f, err := orDone(ctx, func() (io.ReadCloser, error) { return openInput(name) })
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	warn := &inputWarnings{env: env, name: name}
	in, from, test, err := o.text(bufio.NewReader(until(ctx, in)), name, warn)
	if err != nil {
		return nil, err
	}
	src, _, err := capture.Open(in, capture.Options{From: from})
	if err != nil {
		return nil, replayOpenError(name, err, o.from.words)
	}
	stats, err := o.decode(ctx, src, p, warn)
	err = errors.Join(err, src.Close())
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%s: %s", name, plain(err))
	case stats.Connections == 0:
		return nil, noFastCGI(name, stats)
	case stats.Others > 0:
		complain(env, fmt.Sprintf("%s: left out %s", name, others(stats)))
	}
	return test, p.Finish()
}

// text checks all of the input if it is in the text form: nothing is sent when
// something of it cannot be read. Otherwise it returns the input as it is.
func (o *replayOptions) text(in *bufio.Reader, name string, warn *inputWarnings) (io.Reader, string, *conversationTest, error) {
	from := o.from.word
	head, _ := in.Peek(4 << 10) // an error is there for the next who reads
	if !o.check && from != "text" && (from != "" || !looksLikeText(head)) {
		return in, from, nil, nil
	}
	all, err := readText(in, name)
	if err != nil {
		return nil, "", nil, err
	}
	var test *conversationTest
	if o.check {
		if test, all, err = parseTest(all, name); err != nil {
			return nil, "", nil, err
		}
	}
	if warn.lines, err = checkText(all, name); err != nil {
		return nil, "", nil, err
	}
	if o.check {
		warn.lines = nil // a test may break rules, and says which
	}
	return bytes.NewReader(all), "text", test, nil
}

func replayOpenError(name string, err error, formats []string) error {
	var unknown *capture.UnknownError
	switch {
	case errors.Is(err, capture.ErrEmpty):
		return peerError{fmt.Errorf("%s: is empty", name)}
	case errors.As(err, &unknown):
		return withHint(fmt.Errorf("%s: %s", name, plain(err)), "if it is one after all, say so with --from: "+orList(formats))
	}
	return fmt.Errorf("%s: %s", name, plain(err))
}

// decode passes on to p what is chosen.
func (o *replayOptions) decode(ctx context.Context, src capture.Source, p *replay.Plan, warn *inputWarnings) (capture.Stats, error) {
	decodeCtx, stop := context.WithCancel(ctx)
	defer stop()
	choice := o.choice()
	if err := checkChoice("replay", choice, pretty.Format{Name: "table"}); err != nil {
		return capture.Stats{}, err
	}
	var chooser *pretty.Chooser
	chosen := chosenRequests{}
	if !choice.All() {
		chooser = pretty.Choose(choice, chosen)
		p.Chosen = func(conn, seq int) bool { return chosen[[2]int{conn, seq}] }
	}
	var failed error
	stats, err := capture.Decode(decodeCtx, src, capture.DecodeOptions{Ports: o.ports, Whole: true, Warn: warn.damage}, func(e *flow.Event) {
		if failed != nil {
			return
		}
		if chooser != nil {
			_ = chooser.Event(e) // chosen keeps everything
		}
		warn.event(e)
		if failed = p.Event(e); failed != nil {
			stop()
		}
	})
	if chooser != nil && chooser.Unclear > 0 {
		tellChosen(warn.env, chooser)
	}
	if failed != nil {
		return stats, failed
	}
	return stats, err
}

// chosenRequests is a sink that notes which requests it is shown.
type chosenRequests map[[2]int]bool

// Event implements pretty.Sink.
func (c chosenRequests) Event(e *flow.Event) error {
	if e.Kind == flow.KindRequestEnded {
		c[[2]int{e.Conn.N, e.Request.Seq}] = true
	}
	return nil
}

// Close implements pretty.Sink.
func (c chosenRequests) Close() error { return nil }

// readText reads all of a text.
func readText(r io.Reader, name string) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(r, maxScript+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(all) > maxScript:
		return nil, fmt.Errorf("%s: more than %d MiB of text: --record FILE of dump makes packets of it, which take less room", name, maxScript>>20)
	}
	return all, nil
}

// textLines says on which lines of a text the bytes of a direction of a
// connection begin.
type textLines map[[2]int][]textLine

type textLine struct {
	offset int64
	number int
}

// checkText reads the text form and returns where what is, or what is wrong with
// it: a line each, up to maxScriptErrors.
func checkText(b []byte, name string) (textLines, error) {
	lines, sizes := textLines{}, map[[2]int]int64{}
	conns := map[int]int{} // numbers in the text, to those in order of appearance
	conn := -1
	at := func(n int) int {
		if _, ok := conns[n]; !ok {
			conns[n] = len(conns)
		}
		return conns[n]
	}
	var wrong []error
	var buf []byte
	for r := text.NewReader(bytes.NewReader(b)); len(wrong) < maxScriptErrors; {
		line, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil && line.Kind == text.KindCut {
			err = fmt.Errorf("line %d: the content of records was cut to %d bytes when this was printed", line.Number, line.Count)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %s", name, plain(err)))
			continue
		}
		switch line.Kind {
		case text.KindConn:
			conn = line.Conn
		case text.KindRecord, text.KindRaw:
			if conn < 0 {
				conn = 0
			}
			key := [2]int{at(conn), int(line.Dir)}
			lines[key] = append(lines[key], textLine{sizes[key], line.Number})
			buf = line.AppendWire(buf[:0])
			sizes[key] += int64(len(buf))
		}
	}
	return lines, errors.Join(wrong...)
}

// An inputWarnings tells what is wrong with an input.
type inputWarnings struct {
	env   *Env
	name  string
	lines textLines // of the text form; nil otherwise
	told  int
}

// tell tells one, unless that were too many.
func (w *inputWarnings) tell(what string) {
	switch w.told++; {
	case w.told <= maxWarnings:
		complain(w.env, w.name+": "+what)
	case w.told == maxWarnings+1:
		complain(w.env, w.name+": there is more of that, which is not told one by one")
	}
}

func (w *inputWarnings) damage(err error) { w.tell(plain(err)) }

// event tells which rules the text breaks in what is sent, and where: that may be
// what an edit broke.
func (w *inputWarnings) event(e *flow.Event) {
	if w.lines == nil || e.Kind != flow.KindFinding || e.Dir != wire.ToApp {
		return
	}
	if rule := e.Finding.Rule.Rule(); rule == nil || rule.Level == wire.Note {
		return
	}
	number := 0
	for _, line := range w.lines[[2]int{e.Conn.N, int(e.Dir)}] {
		if line.offset <= e.Offset {
			number = line.number
		}
	}
	detail := ""
	if e.Finding.Detail != "" {
		detail = ": " + e.Finding.Detail
	}
	w.tell(fmt.Sprintf("line %d: %s%s", number, e.Finding.Rule, detail))
}

// why is what is said of requests that are not sent.
var whyLeft = map[replay.Reason]struct{ what, hint string }{
	replay.Incomplete: {"not all of it is in the file, or it makes no sense", ""},
	replay.Unsafe:     {"it may change something", "--unsafe sends it"},
	replay.Unanswered: {"its answer is not in the file, or not all of it", "--all sends it"},
	replay.Aborted:    {"it was aborted", "--all sends it"},
}

// namedLeft is how many requests are named that are not sent.
const namedLeft = 5

// tellLeft says what is not sent, and fails if that is all.
func (o *replayOptions) tellLeft(env *Env, p *replay.Plan) error {
	for _, why := range []replay.Reason{replay.Incomplete, replay.Unsafe, replay.Unanswered, replay.Aborted} {
		var names []string
		n := 0
		for _, l := range p.Left() {
			if l.Why != why {
				continue
			}
			if n++; n <= namedLeft {
				names = append(names, fmt.Sprintf("%d/%d %s", l.Conn, l.ID, l.Name()))
			}
		}
		if n == 0 {
			continue
		}
		if n > namedLeft {
			names = append(names, "…")
		}
		said := whyLeft[why]
		line := fmt.Sprintf("left out: %s: %s: %s", plural(n, "request", ""), said.what, strings.Join(names, ", "))
		if said.hint != "" {
			line += " (" + said.hint + ")"
		}
		complain(env, line)
	}
	if n := p.Records(); n > 0 {
		complain(env, plural(n, "record", "that belong to no request left out (--exact sends them)"))
	}
	if p.Sends() {
		return nil
	}
	err := errors.New("there is nothing to send")
	if p.Unchosen() > 0 {
		err = fmt.Errorf("there is nothing to send: %s not chosen", plural(p.Unchosen(), "request", ""))
	}
	return peerError{err}
}
