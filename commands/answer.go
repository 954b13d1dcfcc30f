package commands

import (
	"errors"
	"fmt"
	"io"
	"os"

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

// An answer is the CGI response of the application, on its way to the user.
type answer struct {
	env    *Env
	o      *answerOptions
	events bool // stdout belongs to the conversation
	header *cgi.Header
	size   int64 // bytes of the body
	out    bodyWriter
}

// copy prints the response as it comes. The error is one of writing; those of
// reading are response.Wait's. A header that is not complete is printed too.
func (a *answer) copy(response *client.Response) error {
	a.out = bodyWriter{env: a.env, name: a.o.file}
	if a.events && a.o.file == "" {
		a.out.discard = true
	}
	a.header, _ = response.Header() // its error comes again
	if a.o.include || a.o.head {
		a.out.Write(a.header.Bytes()[:a.header.BodyStart()])
	}
	if a.o.head || a.o.fail && a.header.Status() >= 400 {
		a.out.close(false)
		return a.out.err
	}
	counted := &counter{w: &a.out}
	_, err := io.Copy(counted, response.Stdout)
	a.size = counted.n
	a.out.close(err == nil && a.header.BodyStart() > 0)
	return a.out.err
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
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

// A bodyWriter writes a body where the user wants it. The first error stays.
type bodyWriter struct {
	env     *Env
	name    string // "": stdout, as text if that is a terminal; "-": stdout
	discard bool
	w       io.Writer // nil before the first byte
	text    *escaper
	file    *os.File
	err     error
}

func (b *bodyWriter) Write(p []byte) (int, error) {
	if b.err != nil || b.discard || len(p) == 0 {
		return len(p), b.err
	}
	if b.w == nil {
		b.open()
	}
	if b.err == nil {
		_, err := b.w.Write(p)
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
		f, err := os.Create(b.name)
		b.keep(err)
		b.file, b.w = f, f
	}
}

func (b *bodyWriter) keep(err error) {
	if b.err != nil || err == nil {
		return
	}
	var path *os.PathError
	if errors.As(err, &path) && path.Path == b.name {
		err = fmt.Errorf("write %s: %w", b.name, path.Err)
	}
	b.err = outputError{err}
}

// close ends the writing. A complete answer without a body makes the file
// empty.
func (b *bodyWriter) close(complete bool) {
	if complete && b.w == nil && b.err == nil && !b.discard && b.name != "" && b.name != "-" {
		b.open()
	}
	if b.text != nil && b.err == nil {
		b.keep(b.text.Flush())
	}
	if b.file != nil {
		b.keep(b.file.Close())
	}
}
