package commands

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// exports are the forms that --export prints a request in.
var exports = []struct {
	name  string
	write func(ctx context.Context, e *export, w io.Writer) error
}{
	{"curl", exportCurl},
	{"cgi-fcgi", exportCgiFcgi},
	{"fcgiscope", exportOwn},
	{"nginx", exportNginx},
	{"go", exportGo},
	{"hex", exportHex},
	{"pcapng", exportPcapng},
}

func exportNames() (names []string) {
	for _, row := range exports {
		names = append(names, row.name)
	}
	return names
}

// exportFlag is --export.
func exportFlag(c *choice) cli.Flag {
	c.words = exportNames()
	return choiceFlag(savingFlags, "export", nil,
		"print the request, secrets and all, for another `TOOL` and send nothing: "+orList(c.words)+"; -o names a file", c)
}

// An export is a request on its way to another tool.
type export struct {
	env     *Env
	o       *requestOptions
	target  target
	given   []setting
	in      *input
	request client.Request
}

// exported prints the request as --export wants it.
func exported(ctx context.Context, env *Env, o *requestOptions, t target, in *input, req client.Request) error {
	e := &export{env: env, o: o, target: t, given: o.given, in: in, request: req}
	for _, row := range exports {
		if row.name != o.export.word {
			continue
		}
		out := &bodyWriter{env: env, name: o.answer.file, private: true}
		err := row.write(ctx, e, out)
		out.close()
		if out.err != nil {
			return out.err
		}
		return err
	}
	return nil
}

// param returns the value of a parameter, "" if it is missing.
func (e *export) param(name string) string {
	value, _ := wire.Lookup(e.request.Params, name)
	return string(value)
}

// warn tells of what the other tool does differently.
func (e *export) warn(format string, args ...any) {
	complain(e.env, "warning: "+fmt.Sprintf(format, args...))
}

// address is where another program finds the application.
func (e *export) address() (network, address string, err error) {
	if e.target.addr.Network == "" || e.target.addr.Network == "fd" {
		return "", "", withHint(usagef("request: --export %s: another program cannot connect to %v", e.o.export.word, e.target),
			"give the address of a socket: HOST:PORT or the path of a Unix socket; nobody has to listen there")
	}
	return e.target.addr.Network, e.target.addr.Address, nil
}

// responder refuses other roles for tools that know none.
func (e *export) responder() error {
	if e.request.Role != wire.Responder {
		return usagef("request: --export %s: it knows the role RESPONDER only", e.o.export.word)
	}
	return nil
}

// maxInline is the most bytes of a body that are written into a command or a
// program.
const maxInline = 64 << 10

// bodyFile is the file that is the whole body, "" if there is none.
func (e *export) bodyFile() string {
	body := &e.o.params.body
	if body.upload != "" && body.upload != "-" {
		return body.upload
	}
	if len(body.data) == 1 && (body.data[0].flag == "data-binary" || body.data[0].flag == "json") && !body.get {
		if name, ok := strings.CutPrefix(body.data[0].value, "@"); ok && name != "-" {
			return name
		}
	}
	return ""
}

// inline returns a body that is none of a file.
func (e *export) inline() ([]byte, error) {
	if e.request.Stdin == nil {
		return nil, nil
	}
	if e.in.stdin.size > maxInline {
		return nil, withHint(fmt.Errorf("--export %s: a body of %d bytes is too large to be written down", e.o.export.word, e.in.stdin.size),
			"put it into a file, and name that with --data-binary @FILE")
	}
	return io.ReadAll(e.in.stdin.reader())
}

// exportHex prints the bytes that are sent, as hexdump -C does.
func exportHex(ctx context.Context, e *export, w io.Writer) error {
	d := hex.Dumper(w)
	if err := client.Write(ctx, d, e.request, nil); err != nil {
		return err
	}
	return d.Close()
}

// exportPcapng prints the bytes that are sent as a capture.
func exportPcapng(ctx context.Context, e *export, w io.Writer) error {
	if e.o.answer.file == "" && e.env.Terminal.Stdout {
		return withHint(usagef("request: --export pcapng: stdout is a terminal"), "-o FILE")
	}
	info := &flow.ConnInfo{Network: e.target.addr.Network, Server: e.target.addr.Address, Fd: -1, Opened: e.env.Now()}
	out := capture.NewWriter(w)
	chunk := func(kind capture.ChunkKind, data []byte) error {
		return out.Chunk(capture.Chunk{Conn: info, Side: capture.A, Kind: kind, At: e.env.Now(), Data: data})
	}
	err := client.Write(ctx, writerFunc(func(p []byte) (int, error) { return len(p), chunk(capture.ChunkData, p) }), e.request, nil)
	if err != nil {
		return err
	}
	if err := chunk(capture.ChunkEnd, nil); err != nil {
		return err
	}
	return out.Flush()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// put writes what was put together.
func (e *export) put(w io.Writer, b *bytes.Buffer) error {
	_, err := w.Write(b.Bytes())
	return err
}
