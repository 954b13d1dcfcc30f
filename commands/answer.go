package commands

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// answerOptions are what is wanted of an answer.
type answerOptions struct {
	include      bool
	head         bool
	file         string
	fail         bool
	failWithBody bool
}

func (o *answerOptions) flags() []cli.Flag {
	const category = "Answer"
	return []cli.Flag{
		&cli.BoolFlag{Name: "include", Aliases: []string{"i"}, Category: category, Usage: "print the response header before the body", Destination: &o.include},
		&cli.BoolFlag{Name: "head", Aliases: []string{"I"}, Category: category, Usage: "ask with HEAD, and print the response header only", Destination: &o.head},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: category, Usage: "write the body to `FILE`; - is stdout, as it is even on a terminal", Destination: &o.file},
		&cli.BoolFlag{Name: "fail", Category: category, Usage: "HTTP status 400 or more: no body, exit with 4", Destination: &o.fail},
		&cli.BoolFlag{Name: "fail-with-body", Category: category, Usage: "HTTP status 400 or more: exit with 4", Destination: &o.failWithBody},
	}
}

// check refuses what cannot be meant together.
func (o *answerOptions) check() error {
	if o.fail && o.failWithBody {
		return usagef("request: --fail prints no body, and --fail-with-body prints it: choose one")
	}
	return nil
}

// An answer is the CGI response of the application, on its way to the user.
type answer struct {
	env       *Env
	o         *answerOptions
	out       io.Writer
	passing   bool // a status that may be another one in a moment is a *passingError
	header    *cgi.Header
	size      int64     // bytes of the body
	firstBody time.Time // when the first of them came
	printed   bool      // something was given to out
	complete  bool      // all of it was
}

// copy prints the response as it comes. The error is one of writing, or a
// passingError; those of reading are response.Wait's. A header that is not
// complete is printed too.
func (a *answer) copy(response *client.Response) error {
	a.header, _ = response.Header() // its error comes again
	if a.passing && slices.Contains(passing, a.header.Status()) {
		return passingError{a.header.Status()}
	}
	out := &counter{w: a.out, now: a.env.Now}
	if a.o.include || a.o.head {
		a.printed = true
		if _, err := out.Write(a.header.Bytes()[:a.header.BodyStart()]); err != nil {
			return err
		}
		*out = counter{w: a.out, now: a.env.Now}
	}
	if a.o.head || a.o.fail && a.header.Status() >= 400 {
		return nil
	}
	_, err := io.Copy(out, response.Stdout)
	a.complete = err == nil && a.header.BodyStart() > 0
	a.size, a.firstBody = out.n, out.first
	a.printed = a.printed || a.size > 0
	return out.err
}

// A counter counts what is written, and keeps the error of the writer apart
// from those of a reader.
type counter struct {
	w     io.Writer
	now   func() time.Time
	n     int64
	first time.Time
	err   error
}

func (c *counter) Write(p []byte) (int, error) {
	if c.n == 0 && len(p) > 0 {
		c.first = c.now()
	}
	c.n += int64(len(p))
	n, err := c.w.Write(p)
	if err != nil {
		c.err = err
	}
	return n, err
}

// judge says whether an answer that is complete is what the user wants.
func (a *answer) judge() error {
	switch status := a.header.Status(); {
	case (a.o.fail || a.o.failWithBody) && status >= 400:
		return answerError{fmt.Errorf("HTTP status %d", status)}
	case a.header.Problem() == cgi.OK, a.header.Problem() == cgi.StatusLine, a.header.Problem() == cgi.NoFields:
		return nil
	}
	return peerError{fmt.Errorf("the answer is no CGI response: %v", a.header.Problem())}
}

// A bodyWriter writes bodies, one behind the other, where the user wants them.
// The first error stays.
type bodyWriter struct {
	env     *Env
	name    string // "": stdout, as text if that is a terminal; "-": stdout
	discard bool
	private bool      // what is written may hold secrets
	empty   bool      // an answer without a body makes the file empty
	w       io.Writer // nil before the first byte
	text    *escaper
	file    *os.File
	size    int64
	err     error
	meter   *meter // nil: none is shown
	many    bool   // it counts requests
}

func (b *bodyWriter) Write(p []byte) (int, error) {
	if b.err != nil || b.discard || len(p) == 0 {
		return len(p), b.err
	}
	b.metered(len(p))
	if b.w == nil {
		b.open()
	}
	if b.err == nil {
		_, err := b.w.Write(p)
		b.size += int64(len(p))
		b.keep(err)
	}
	return len(p), b.err
}

// open opens what is written to: a file is touched only when there is
// something to put into it.
func (b *bodyWriter) open() {
	switch {
	case b.name == "-", b.name == "" && !b.env.Terminal.Stdout:
		b.w = b.env.Stdout
	case b.name == "":
		b.text = &escaper{w: b.env.Stdout}
		b.w = b.text
	default:
		mode := os.FileMode(0o666)
		if b.private {
			mode = 0o600
		}
		f, err := os.OpenFile(b.name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, mode)
		b.keep(err)
		b.file, b.w = f, f
	}
}

// check tells before anything is sent that the file cannot be made, as far as
// that can be known without making it.
func (b *bodyWriter) check() error {
	if b.name == "" || b.name == "-" || b.discard {
		return nil
	}
	return checkPlace(b.name)
}

// checkPlace returns an error if there cannot be a file called name.
func checkPlace(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("write %s: it is a directory", name)
	}
	if _, err := os.Stat(filepath.Dir(name)); err != nil {
		return cannotWrite(name, err)
	}
	return nil
}

// cannotWrite says why the file called name cannot be made or written.
func cannotWrite(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: there is no such directory", name)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("write %s: %w", name, err)
}

func (b *bodyWriter) keep(err error) {
	if b.err != nil || err == nil {
		return
	}
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == b.name {
		err = cannotWrite(b.name, err)
	}
	b.err = outputError{err}
}

// flush writes what is held back.
func (b *bodyWriter) flush() {
	if b.text != nil && b.err == nil {
		b.keep(b.text.Flush())
	}
}

// close ends the writing.
func (b *bodyWriter) close() {
	if b.empty && b.w == nil && b.err == nil && !b.discard && b.name != "" && b.name != "-" {
		b.open()
	}
	b.flush()
	if b.file != nil {
		b.keep(b.file.Close())
	}
}

// explain says, where err made an answer incomplete, that the file is, too.
func (b *bodyWriter) explain(err error) error {
	if err == nil || b.file == nil || b.size == 0 || b.err != nil || is[answerError](err) {
		return err
	}
	if info, statErr := os.Stat(b.name); statErr != nil || !info.Mode().IsRegular() {
		return err // such as /dev/null, which holds nothing
	}
	return withHint(err, fmt.Sprintf("%s holds what came: %d bytes", b.name, b.size))
}
