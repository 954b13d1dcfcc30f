package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

const (
	maxScript       = 64 << 20 // bytes of what is sent, and of what it is read from
	maxScriptErrors = 10       // told of one input
)

// A script is what send sends: steps in order.
type script struct {
	steps    []scriptStep
	ignored  int  // records that the application would send
	answered bool // by the last of these, what is before it in steps
}

// A scriptStep is sent at once.
type scriptStep struct {
	kind capture.ChunkKind // data, fin or rst
	data []byte
	at   time.Time // zero where the input has no times
	line int       // or packet; 0 where the input has none
}

// readScript reads what is to be sent from r, which is called name. Nothing of
// it is usable if there is an error: a line each, up to maxScriptErrors.
func readScript(ctx context.Context, r io.Reader, name, from string) (*script, error) {
	all, err := io.ReadAll(io.LimitReader(until(ctx, r), maxScript+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(all) > maxScript:
		return nil, fmt.Errorf("%s: more than %d MiB, which is as much as can be sent at once", name, maxScript>>20)
	case from == "" && looksLikeText(all):
		from = "text"
	}
	if from == "text" {
		return parseScript(all, name)
	}
	src, _, err := capture.Open(bytes.NewReader(all), capture.Options{From: from})
	if err != nil {
		return nil, scriptError(name, err)
	}
	defer src.Close()
	return takeChunks(src, name)
}

func scriptError(name string, err error) error {
	var unknown *capture.UnknownError
	if errors.Is(err, capture.ErrEmpty) {
		return peerError{fmt.Errorf("%s: is empty", name)}
	}
	if errors.As(err, &unknown) {
		return withHint(fmt.Errorf("%s: %s", name, plain(err)), "the text form begins lines with >, such as: > ABORT_REQUEST id=1")
	}
	return fmt.Errorf("%s: %s", name, plain(err))
}

// looksLikeText reports whether b begins as the text form does, right or wrong:
// what is wrong with it is more than that it is not known.
func looksLikeText(b []byte) bool {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		return strings.IndexByte("<>@!", line[0]) >= 0
	}
	return false
}

// parseScript reads the text form.
func parseScript(b []byte, name string) (*script, error) {
	p := scriptParser{conn: -1}
	var wrong []error
	for r := text.NewReader(bytes.NewReader(b)); ; {
		line, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			if err = p.take(&line); err != nil {
				err = fmt.Errorf("line %d: %w", line.Number, err)
			}
		}
		if err == nil {
			continue
		}
		wrong = append(wrong, fmt.Errorf("%s: %s", name, plain(err)))
		if len(wrong) == maxScriptErrors {
			break
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return &p.script, nil
}

// A scriptParser makes steps of lines.
type scriptParser struct {
	script
	conn int // of the input, -1 before it names one
	at   time.Time
	base time.Time // what @at + is relative to
}

func (p *scriptParser) take(line *text.Line) error {
	switch line.Kind {
	case text.KindConn:
		if p.conn >= 0 && p.conn != line.Conn {
			return errSecondConnection
		}
		p.conn = line.Conn
		return nil
	case text.KindCut:
		return fmt.Errorf("the content of records was cut to %d bytes when this was printed", line.Count)
	case text.KindAt:
		p.moment(line)
		return nil
	case text.KindComment:
		return nil
	}
	if line.Dir == wire.ToServer && (line.Directed || line.Kind == text.KindRecord || line.Kind == text.KindRaw) {
		p.ignore()
		return nil
	}
	s := scriptStep{at: p.at, line: line.Number}
	switch line.Kind {
	case text.KindFin:
		s.kind = capture.ChunkFin
	case text.KindRst:
		s.kind = capture.ChunkRst
	case text.KindGap:
		return errGap
	default:
		s.data = line.AppendWire(nil)
	}
	return p.add(s)
}

// moment notes an @at.
func (p *scriptParser) moment(line *text.Line) {
	if p.base.IsZero() {
		p.base = time.Unix(0, 0)
		if !line.Time.IsZero() {
			p.base = line.Time
		}
	}
	p.at = line.Time
	if line.Time.IsZero() {
		p.at = p.base.Add(line.After)
	}
}

var (
	errSecondConnection = errors.New("a second connection, and send makes one: fcgiscope dump FILE --conn N | fcgiscope send ADDR - sends one of several")
	errGap              = errors.New("bytes are missing here, so it cannot be sent")
	errAfterEnd         = errors.New("nothing can be sent after ! fin or ! rst")
)

func (s *script) ignore() { s.ignored, s.answered = s.ignored+1, true }

// add adds a step; after the end there is none. Where the input has an answer
// before the end, that is the usual one, and not to be sent before the answer.
func (s *script) add(x scriptStep) error {
	if x.kind != capture.ChunkData && s.answered {
		return nil
	}
	s.answered = false
	if n := len(s.steps); n > 0 && s.steps[n-1].kind != capture.ChunkData && (x.kind == capture.ChunkData || x.kind == s.steps[n-1].kind) {
		return errAfterEnd
	}
	s.steps = append(s.steps, x)
	return nil
}

// takeChunks makes steps of what any other format holds.
func takeChunks(src capture.Source, name string) (*script, error) {
	s := &script{}
	var conn *flow.ConnInfo
	for {
		ch, err := src.Next()
		switch {
		case err == io.EOF:
			return s, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %s", name, plain(err))
		case conn == nil:
			conn = ch.Conn
		case conn != ch.Conn:
			return nil, fmt.Errorf("%s: %w", name, errSecondConnection)
		}
		if ch.Kind == capture.ChunkEnd {
			continue
		}
		if ch.Side == capture.B {
			s.ignore()
			continue
		}
		if ch.Kind == capture.ChunkGap {
			return nil, fmt.Errorf("%s: %w", name, errGap)
		}
		if ch.Kind == capture.ChunkData && len(s.steps) > 0 && ch.Frame == 0 && s.steps[len(s.steps)-1].at.Equal(ch.At) {
			last := &s.steps[len(s.steps)-1] // one stream that comes in pieces
			last.data = append(last.data, ch.Data...)
			continue
		}
		if err := s.add(scriptStep{kind: ch.Kind, data: bytes.Clone(ch.Data), at: ch.At, line: ch.Frame}); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// split makes each whole record a step of its own.
func (s *script) split() {
	var steps []scriptStep
	for _, x := range s.steps {
		for len(x.data) > 0 {
			_, n := wire.Split(x.data)
			if n == 0 || x.data[0] != wire.Version1 {
				break
			}
			one := x
			one.data, x.data = x.data[:n], x.data[n:]
			steps = append(steps, one)
		}
		if len(x.data) > 0 || x.kind != capture.ChunkData {
			steps = append(steps, x)
		}
	}
	s.steps = steps
}
