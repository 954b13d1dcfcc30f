package commands

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// begin ID ROLE keep FIELD=VALUE…
func (s *shellSession) begin(ctx context.Context, l *shellLine) error {
	c, err := s.using()
	if err != nil {
		return err
	}
	d := newDraft(l, wire.TypeBeginRequest)
	bytes := false
	for _, w := range l.words() {
		switch {
		case isNumber(w.text) && !d.given["id"]:
			d.add("id=", w.text, w.at)
		case strings.EqualFold(w.text, "keep"):
			d.add("flags=KEEP_CONN", "", w.at)
		case strings.Contains(w.text, "=") || strings.Contains(w.text, `"`):
			bytes = bytes || !strings.Contains(w.text, "=")
			d.add("", w.text, w.at)
		default:
			if _, err := wire.ParseRole(w.text); err != nil {
				return l.fail(w.at, near(w.text, append(roleWords(), "keep")), "unknown role %q", w.text)
			}
			d.add("role=", w.text, w.at)
		}
	}
	if !d.given["id"] {
		s.mu.Lock()
		id := c.freeID(s.settings.id)
		s.mu.Unlock()
		d.add("id="+strconv.Itoa(int(id)), "", l.nameAt)
	}
	if !d.given["role"] && !bytes {
		d.add("role="+wire.Responder.String(), "", l.nameAt)
	}
	return s.sendDraft(ctx, c, d)
}

func roleWords() []string {
	var words []string
	for _, f := range wire.TypeBeginRequest.Spec().Body {
		if f.Name == "role" {
			for _, name := range f.Enum.List() {
				words = append(words, strings.ToLower(name))
			}
		}
	}
	return words
}

// near is the hint for a word that is none of words.
func near(word string, words []string) string { return nearOr(word, words, "want ") }

// nearOr is near, which says otherwise where it knows nothing near.
func nearOr(word string, words []string, otherwise string) string {
	if n := wire.Nearest(word, words); n != "" {
		return "did you mean " + n + "?"
	}
	return otherwise + orList(words)
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// stream sends what params, stdin and data do: ID, and pairs or strings, or
// @FILE, or nothing.
func (s *shellSession) stream(ctx context.Context, l *shellLine, t wire.Type) error {
	c, err := s.using()
	if err != nil {
		return err
	}
	d := newDraft(l, t)
	words := l.words()
	file, fileAt := "", 0
	for i, w := range words {
		switch {
		case i == 0 && isNumber(w.text):
			d.add("id=", w.text, w.at)
		case t != wire.TypeParams && strings.HasPrefix(w.text, "@"):
			if file != "" {
				return l.fail(w.at, "another line for the other", "two files for one record")
			}
			if file, fileAt = strings.Trim(w.text[1:], `"`), w.at; file == "" {
				return l.fail(w.at, "such as: "+l.name+" @body.txt", "no file behind the @")
			}
		default:
			d.add("", w.text, w.at)
		}
	}
	s.defaultID(c, d)
	if file == "" {
		return s.sendDraft(ctx, c, d)
	}
	rec, err := d.record()
	if err != nil {
		return err
	}
	if len(rec.Content) > 0 || d.given["len"] {
		return l.fail(fileAt, "another line for the one or the other", "a file, and something else, for one record")
	}
	return s.sendFile(ctx, c, d, rec, file)
}

// defaultID gives a record that has no id that of the last record.
func (s *shellSession) defaultID(c *shellConn, d *draft) {
	if d.given["id"] {
		return
	}
	s.mu.Lock()
	id := c.lastID
	s.mu.Unlock()
	if id == 0 {
		id = s.settings.id
	}
	d.add("id="+strconv.Itoa(int(id)), "", d.line.nameAt)
}

// sendFile sends what a file holds in records of the size that is set.
func (s *shellSession) sendFile(ctx context.Context, c *shellConn, d *draft, rec wire.Record, name string) error {
	f, err := orDone(ctx, func() (io.ReadCloser, error) { return openInput(name) })
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, s.settings.chunk)
	in := until(ctx, f)
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 {
			part := rec
			part.Content = buf[:n]
			if err := s.sendRecord(ctx, c, d, part); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// abort ID
func (s *shellSession) abort(ctx context.Context, l *shellLine) error {
	return s.simple(ctx, l, wire.TypeAbortRequest, "")
}

// end ID APPSTATUS STATUS
func (s *shellSession) endRequest(ctx context.Context, l *shellLine) error {
	return s.simple(ctx, l, wire.TypeEndRequest, "appStatus")
}

// simple sends a record of an id and, if it has one, a number and a name.
func (s *shellSession) simple(ctx context.Context, l *shellLine, t wire.Type, number string) error {
	c, err := s.using()
	if err != nil {
		return err
	}
	d := newDraft(l, t)
	for i, w := range l.words() {
		switch {
		case i == 0 && isNumber(w.text):
			d.add("id=", w.text, w.at)
		case number != "" && isNumber(w.text):
			d.add(number+"=", w.text, w.at)
		case number != "" && !strings.ContainsAny(w.text, `="`):
			d.add("protocolStatus=", w.text, w.at)
		case !strings.ContainsAny(w.text, `="`):
			return l.fail(w.at, l.name+" takes the id of a request, such as: "+l.name+" 1", "unexpected %q", w.text)
		default:
			d.add("", w.text, w.at)
		}
	}
	s.defaultID(c, d)
	return s.sendDraft(ctx, c, d)
}

// getValues NAME…: the question of section 4.1. It is padded, by at least one
// byte, or libfcgi holds its answer back.
func (s *shellSession) getValues(ctx context.Context, l *shellLine) error {
	c, err := s.using()
	if err != nil {
		return err
	}
	d := newDraft(l, wire.TypeGetValues)
	for _, w := range l.words() {
		d.add("", w.text, w.at)
	}
	if l.rest == "" {
		for _, name := range wire.ValueNames() {
			d.add("", name, l.nameAt)
		}
	}
	rec, err := d.record()
	if err != nil {
		return err
	}
	if !d.given["pad"] && !d.given["padding"] {
		rec.Padding = make([]byte, 8-len(rec.Content)%8)
		rec.PaddingLength = uint8(len(rec.Padding))
	}
	s.settings.apply(&rec, d)
	return c.write(ctx, appendAsIs(nil, rec))
}

// sendDraft sends what a draft says, in several records where it is more than
// one is to hold.
func (s *shellSession) sendDraft(ctx context.Context, c *shellConn, d *draft) error {
	rec, err := d.record()
	if err != nil {
		return err
	}
	if d.given["len"] || !rec.Type.Spec().Stream {
		s.settings.apply(&rec, d)
		return c.write(ctx, appendAsIs(nil, rec))
	}
	for rest := rec.Content; ; {
		part := rec
		n := s.settings.piece(rec.Type, rest)
		part.Content, rest = rest[:n], rest[n:]
		if err := s.sendRecord(ctx, c, d, part); err != nil || len(rest) == 0 {
			return err
		}
	}
}

// sendRecord sends a record with its lengths as they are and the padding that is
// set.
func (s *shellSession) sendRecord(ctx context.Context, c *shellConn, d *draft, rec wire.Record) error {
	rec.ContentLength = uint16(len(rec.Content))
	if n := s.settings.padding.bytes(rec.Type, len(rec.Content)); n > 0 && !d.given["pad"] && !d.given["padding"] {
		rec.Padding, rec.PaddingLength = make([]byte, n), uint8(n)
	}
	s.settings.apply(&rec, d)
	return c.write(ctx, appendAsIs(nil, rec))
}

// appendAsIs appends a record with the lengths that its header has, right or
// wrong.
func appendAsIs(dst []byte, r wire.Record) []byte {
	l := text.Line{Kind: text.KindRecord, Record: r}
	return l.AppendWire(dst)
}

// raw sends bytes: hex digits, and strings.
func (s *shellSession) raw(ctx context.Context, l *shellLine) error {
	if l.rest == "" {
		return l.fail(l.restAt, `such as: raw 01 02, or raw "text"`, "nothing to send")
	}
	d := &draft{line: l, text: []byte("> raw"), given: map[string]bool{}}
	for _, w := range l.words() {
		d.add("", w.text, w.at)
	}
	lines, err := text.Parse(append(d.text, '\n'))
	if err != nil {
		return d.fail(err)
	}
	return s.sendBytes(ctx, lines[0].Raw)
}

// hex sends the bytes of lines of a dump.
func (s *shellSession) hex(ctx context.Context, l *shellLine) error {
	var all []byte
	canonical := false // the line before was of hexdump -C, which ends with a line that is an offset
	for line := range strings.Lines(l.rest) {
		if canonical && len(strings.TrimSpace(line)) == 8 {
			continue
		}
		canonical = strings.Contains(line, "|")
		b, err := hexLine(line)
		if err != nil {
			return err
		}
		all = append(all, b...)
	}
	return s.sendBytes(ctx, all)
}

func (s *shellSession) sendBytes(ctx context.Context, p []byte) error {
	c, err := s.using()
	if err != nil {
		return err
	}
	return c.write(ctx, p)
}

// send is a line of the text form behind the word.
func (s *shellSession) send(ctx context.Context, l *shellLine) error {
	if l.rest == "" {
		return l.fail(l.restAt, "such as: send > ABORT_REQUEST id=1", "nothing to send")
	}
	if l.rest[0] == '<' {
		return l.fail(l.restAt, "what goes to the application begins with >", "this line goes to the web server")
	}
	return s.entry(ctx, l)
}

// entry sends an entry of the text form. Those of the other direction are left
// out, so that a whole conversation can be pasted.
func (s *shellSession) entry(ctx context.Context, l *shellLine) error {
	rest, shift := l.rest, l.restAt-1
	if l.name == "send" && strings.IndexByte(">@!#", rest[0]) < 0 {
		rest, shift = "> "+rest, shift-2
	}
	if l.name == textName {
		trimmed := strings.TrimLeft(rest, " \t")
		rest, shift = trimmed, shift+len(rest)-len(trimmed)
	}
	lines, err := text.Parse([]byte(rest + "\n"))
	if err != nil {
		var wrong *text.SyntaxError
		if !errors.As(err, &wrong) {
			return err
		}
		column, what := wrong.Column+shift, wrong.What
		if wrong.Line > 1 {
			column, what = wrong.Column, "line "+strconv.Itoa(wrong.Line)+" of the entry: "+what
		}
		return l.fail(column, wrong.Hint, "%s", what)
	}
	p := scriptParser{conn: -1}
	for i := range lines {
		if err := p.take(&lines[i]); err != nil {
			return l.fail(l.restAt, "", "%v", err)
		}
	}
	for _, x := range p.steps {
		c, err := s.using()
		if err != nil {
			return err
		}
		switch x.kind {
		case capture.ChunkFin:
			err = c.halfClose()
		case capture.ChunkRst:
			err = s.reset(c)
		default:
			err = c.write(ctx, x.data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reset resets a connection.
func (s *shellSession) reset(c *shellConn) error {
	if c.target.addr.Network != "tcp" {
		return usagef("only a TCP connection can be reset")
	}
	c.hangUp(flow.ResetByServer)
	return nil
}
