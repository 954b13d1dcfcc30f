package replay

import (
	"bytes"
	"cmp"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// A playing is a request whose answer is coming.
type playing struct {
	request *Request
	store   *store
	compare *Comparison
	result  Result

	began bool          // something of the answer has come
	came  chan struct{} // closed then; nil if nobody waits
	head  cgi.Header
	body  follower
	errs  follower
	json  []byte // the body, up to MaxJSON bytes
	shape []Shape

	renamed [2]*renamer // of STDOUT and STDERR; nil: nothing has another name
}

// newPlaying returns one for a request that is about to be sent.
func newPlaying(r *Request, s *store, c *Comparison) *playing {
	x := &playing{request: r, store: s, compare: c, result: Result{Request: r, At: time.Now()}}
	if len(c.Paths) > 0 {
		x.renamed = [2]*renamer{newRenamer(c.Paths), newRenamer(c.Paths)}
	}
	return x
}

// answers reports whether rec belongs to the answer.
func (x *playing) answers(rec wire.Record) bool {
	if x.request.Type != wire.TypeBeginRequest {
		return rec.RequestID == 0
	}
	return rec.RequestID == x.request.ID
}

// take takes a record of the answer, and reports whether it was the last. The
// error is one of the store.
func (x *playing) take(rec wire.Record) (over bool, err error) {
	if x.compare.Layout {
		x.shape = append(x.shape, shapeOf(rec.Header))
	}
	if x.request.Type != wire.TypeBeginRequest {
		x.result.Ending = Complete
		return true, x.management(rec)
	}
	switch rec.Type {
	case wire.TypeStdout:
		x.result.Stdout += int64(len(rec.Content))
		return false, x.stdout(rec.Content, false)
	case wire.TypeStderr:
		x.result.Stderr += int64(len(rec.Content))
		return false, x.stderr(rec.Content, false)
	case wire.TypeEndRequest:
		if end, err := wire.ParseEndRequest(rec.Content); err == nil {
			x.result.End = end
		}
		x.result.Ending = Complete
		return true, nil
	}
	return false, nil
}

// stderr takes a piece of STDERR, or its end.
func (x *playing) stderr(p []byte, end bool) error {
	if x.errs.want == nil {
		x.errs.begin(x.store, x.request.want.stderr)
	}
	if r := x.renamed[1]; r != nil {
		p = r.feed(p, end)
	}
	return x.errs.feed(p)
}

// stdout takes a piece of STDOUT, or its end.
func (x *playing) stdout(p []byte, end bool) error {
	if r := x.renamed[0]; r != nil {
		p = r.feed(p, end)
	}
	if len(p) > 0 && !x.head.Done() {
		n, done := x.head.Feed(p)
		p = p[n:]
		if !done {
			x.head.Detach()
			return nil
		}
		if err := x.headerOver(); err != nil {
			return err
		}
	}
	if end && !x.head.Done() {
		x.head.End()
		return x.headerOver()
	}
	return x.bodyPiece(p)
}

// headerOver goes on with the body: what the header took of it, too.
func (x *playing) headerOver() error {
	x.head.Detach()
	x.result.Status = statusOf(&x.head)
	x.body.begin(x.store, x.request.want.stdout.from(x.request.want.header))
	return x.bodyPiece(x.head.Bytes()[x.head.BodyStart():])
}

func (x *playing) bodyPiece(p []byte) error {
	if x.compare.JSON && len(x.json) <= MaxJSON {
		x.json = append(x.json, p[:min(len(p), MaxJSON+1-len(x.json))]...)
	}
	return x.body.feed(p)
}

// management compares the answer to a management record: it is one record.
func (x *playing) management(rec wire.Record) error {
	want, err := x.store.bytes(x.request.want.stdout, wire.MaxRecord)
	if err != nil || x.request.want.how == Missing {
		return err
	}
	if w, n := wire.Split(want); n == 0 || w.Type != rec.Type || !bytes.Equal(w.Content, rec.Content) {
		x.result.differ(Difference{What: "answer", At: -1, Want: w.Type.String() + " " + string(w.Content), Got: rec.Type.String() + " " + string(rec.Content)})
	}
	return nil
}

// judge compares what can be compared only when the answer is over.
func (x *playing) judge() error {
	want, r, c := &x.request.want, &x.result, x.compare
	if x.request.Type == wire.TypeBeginRequest {
		if err := cmp.Or(x.stdout(nil, true), x.stderr(nil, true)); err != nil {
			return err
		}
	}
	if want.how == Missing {
		return nil
	}
	if want.how != r.Ending {
		r.differ(Difference{What: "end", At: -1, Want: want.how.String(), Got: x.ending()})
	}
	if x.request.Type != wire.TypeBeginRequest {
		return nil
	}
	if !x.request.aborted { // how much of an answer there is depends on when it was
		if err := x.judgeStreams(); err != nil {
			return err
		}
	}
	if want.how == Complete && r.Ending == Complete {
		if !c.Ignore["protocolstatus"] && want.end.Status != r.End.Status {
			r.differ(valued("protocolStatus", want.end.Status, r.End.Status))
		}
		if !c.Ignore["appstatus"] && want.end.AppStatus != r.End.AppStatus {
			r.differ(valued("appStatus", want.end.AppStatus, r.End.AppStatus))
		}
	}
	if c.Layout && !x.request.aborted {
		compareLayout(want.layout, x.shape, r)
	}
	if c.Slower > 0 && x.request.Took > 0 && float64(r.Took) > c.Slower*float64(x.request.Took) {
		r.differ(valued("time", x.request.Took.Round(time.Microsecond), r.Took.Round(time.Microsecond)))
	}
	return nil
}

// judgeStreams compares what came before the end.
func (x *playing) judgeStreams() error {
	want, r, c := &x.request.want, &x.result, x.compare
	if !c.Ignore["status"] && want.status != r.Status {
		r.differ(valued("status", want.status, r.Status))
	}
	if err := x.judgeHeader(); err != nil {
		return err
	}
	if err := x.judgeBody(); err != nil {
		return err
	}
	if c.Ignore["stderr"] {
		return nil
	}
	return x.errs.report(x.store, "stderr", r)
}

// judgeHeader compares the fields, unless the bytes are equal.
func (x *playing) judgeHeader() error {
	want := &x.request.want
	header, err := x.store.bytes(want.stdout, want.header)
	if err != nil {
		return err
	}
	got := x.head.Bytes()[:x.head.BodyStart()]
	if !bytes.Equal(header, got) {
		compareFields(header, got, x.compare.Ignore, &x.result)
	}
	return nil
}

// judgeBody compares bodies: by what they say, where that is wanted and both are
// JSON that is not too long.
func (x *playing) judgeBody() error {
	want := &x.request.want
	if x.compare.Ignore["body"] {
		return nil
	}
	if size := want.stdout.size() - want.header; x.compare.JSON && !x.body.same() && size <= MaxJSON && len(x.json) <= MaxJSON {
		body, err := x.store.bytes(want.stdout.from(want.header), MaxJSON)
		if err != nil || compareJSON(body, x.json, x.compare.Ignore, &x.result) {
			return err
		}
	}
	return x.body.report(x.store, "body", &x.result)
}

// ending says how the answer ended.
func (x *playing) ending() string {
	if x.result.Err != nil {
		return x.result.Err.Error()[len("replay: "):]
	}
	return x.result.Ending.String()
}

// String returns such as "END_REQUEST".
func (e Ending) String() string {
	return [...]string{"unknown", "END_REQUEST", "closed without END_REQUEST"}[e]
}
