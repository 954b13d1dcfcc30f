package commands

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/redact"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

type dumpOptions struct {
	output
	recording
	choosing
	redaction
	pairFiles
	iface  string
	from   choice
	ports  ports
	strict bool
	totals bool
	silent bool // no totals
	files  []string
}

func (o *dumpOptions) flags() []cli.Flag {
	const input = "Input"
	o.from = choice{"", nil}
	for _, f := range capture.Formats() {
		o.from.words = append(o.from.words, f.Name)
	}
	shown := o.output.flags("text", "show it as `FORMAT`, one of those above", "f")
	return append([]cli.Flag{
		choiceFlag(input, "from", nil, "read the input as `FORMAT`, one of those above, instead of finding out", &o.from),
		&cli.StringFlag{Name: "interface", Category: input, Usage: "decode what passes the network interface `NAME` (any: all of them), until Ctrl-C", Destination: &o.iface},
		&cli.GenericFlag{Name: "port", Category: input, Usage: "decode what goes to the TCP port `N`, whatever it looks like; with --interface, only that; may come several times", Value: &o.ports},
		&cli.StringFlag{Name: "to-app", Category: input, Usage: "read the bytes that were sent to the application from `FILE`", Destination: &o.toApp},
		&cli.StringFlag{Name: "to-server", Category: input, Usage: "read the bytes that the application sent from `FILE`", Destination: &o.toServer},
		&cli.BoolFlag{Name: "strict", Category: input, Usage: "exit with 3 when a rule is broken or something is missing (notes do not count) in what is shown", Destination: &o.strict},
	}, slices.Concat(o.choosing.flags(), []cli.Flag{o.limitFlag()}, shown, []cli.Flag{o.partFlag(), o.inflateFlag(),
		&cli.BoolFlag{Name: "totals", Category: outputFlags, Usage: "say at the end, on stderr, what was shown in all: requests, statuses, findings, the slowest; on a terminal that is the default", Destination: &o.totals},
		&cli.BoolFlag{Name: "no-totals", Category: outputFlags, Usage: "do not", Destination: &o.silent},
	}, o.redaction.flags(outputFlags), o.recording.flags(outputFlags))...)
}

// inputHelp explains the kinds of input, a line each.
func inputHelp() string {
	var b bytes.Buffer
	for _, f := range capture.Formats() {
		writeEntry(&b, 12, f.Name, f.Help)
	}
	return b.String()
}

func dumpCommand(env *Env) *cli.Command {
	var o dumpOptions
	return &cli.Command{
		Name:      "dump",
		Usage:     "decode a capture or a hex dump",
		ArgsUsage: "[FILE...]",
		Description: `
Decodes FastCGI from packet captures, raw bytes, hex dumps, traces and what else people paste.
Which it is, which connections speak FastCGI, and which end is the application, is found out from
the bytes. Without FILE, or where it is -, standard input is read, and shown as it comes.
With --interface the packets of a network interface are (on Linux, with CAP_NET_RAW).

Packet captures of which each begins when the one before it ends, as the files of tcpdump -C and of
tap --rotate-size, are one input: connections go on in the next file. Name them in order of time.

Bytes of both directions in one file, without a capture around them, are told apart by the types of
the records: what one end sends that only the other may is shown on the wrong side. Where that
matters, keep the directions in two files, for --to-app and --to-server.

--record keeps the conversations that are shown, whatever they were read from, as packets:
where there was no TCP/IP around them, as with Unix sockets, it is made up.

Exit codes: 3 when the input is empty or holds no FastCGI, and with --strict when a rule is broken.

Examples:
  fcgiscope dump php.pcap
  tcpdump -i lo -U -w - 'tcp port 9000' | fcgiscope dump -f table
  sudo fcgiscope dump --interface lo --port 9000 -f summary --record php.pcapng
  fcgiscope dump php.pcap -f jsonl --events request | jq .uri
  fcgiscope dump php.pcap -f requests --where 'status >= 500 && took > 1'
  xclip -o | fcgiscope dump

Formats of input:
` + inputHelp() + `
Formats of output:
` + formatHelp() + whereHelp() + redactHelp,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.files = c.Args().Slice()
			return dump(c.Context, env, o)
		},
	}
}

// dump decodes the files one after the other.
func dump(ctx context.Context, env *Env, o dumpOptions) error {
	if o.totals && o.silent {
		return usagef("dump: either --totals or --no-totals")
	}
	if err := cmp.Or(o.output.check(), o.recording.check(), o.checkLive(), o.checkPair()); err != nil {
		return err
	}
	if len(o.files) == 0 && o.iface == "" && !o.pairFiles.given() {
		if env.Terminal.Stdin {
			return withHint(usagef("dump: no file given"), "to read from the terminal: fcgiscope dump -")
		}
		o.files = []string{"-"}
	}
	d, err := newDumper(env, o)
	if err != nil {
		return err
	}
	d.all(ctx)
	d.keep(d.sink.Close())
	if d.broken != nil {
		return outputError{d.broken}
	}
	d.tellAll()
	err = d.verdict()
	if err != nil && o.iface != "" {
		return ended{err}
	}
	return err
}

// A dumper shows several inputs through one sink.
type dumper struct {
	env    *Env
	o      dumpOptions
	whole  bool             // records have to be passed on whole
	sink   pretty.Sink      // what shows, and keeps
	chosen *pretty.Chooser  // nil if all is
	mask   *redact.Redactor // nil if nothing is to be masked
	totals *pretty.Totals   // nil if they are not wanted
	bar    *progress        // nil if there is none
	broken error            // the sink's first
	failed []error

	input    string             // what is being decoded: a file, or FIRST to LAST
	file     string             // of that, the file that is being read
	told     int                // what was said of damage in it
	conns    int                // of the files before
	records  int                // that were shown, as all that follows
	findings int                // without notes
	damages  int                // gaps, bytes that are no record, records that are cut
	stop     context.CancelFunc // ends the decoding
}

// newDumper opens what the user wants to be written.
func newDumper(env *Env, o dumpOptions) (*dumper, error) {
	format, sink, err := o.sink(env, o.format.word, env.Stdout, env.Terminal.Stdout)
	if err != nil {
		return nil, err
	}
	choice := o.choice()
	if err := checkChoice("dump", choice, format); err != nil {
		return nil, err
	}
	if o.recording.file != "" {
		r, err := o.recording.open(append(o.pairFiles.names(), o.files...))
		if err != nil {
			return nil, err
		}
		sink = pretty.Tee(sink, r)
	}
	d := &dumper{env: env, o: o, whole: format.NeedsWhole || choice.NeedsWhole(), sink: sink, mask: o.redactor()}
	if o.sumsUp(env, format) {
		d.totals = &pretty.Totals{}
		d.sink = pretty.Tee(sink, d.totals)
	}
	if !choice.All() {
		d.chosen = pretty.Choose(choice, showing{d})
	}
	return d, nil
}

// sumsUp reports whether totals are wanted: where nobody has said so, if someone
// looks on who sees them behind the result, and not in the middle of what the
// program prints that the result is piped into.
func (o *dumpOptions) sumsUp(env *Env, format pretty.Format) bool {
	return o.totals || !o.silent && env.Terminal.Stdout && env.Terminal.Stderr && format.Name != rawFormat
}

// all decodes all inputs.
func (d *dumper) all(ctx context.Context) {
	if d.o.iface != "" {
		d.failed = append(d.failed, d.live(ctx, d.o.iface))
	}
	if d.o.pairFiles.given() {
		d.failed = append(d.failed, d.pair(ctx))
	}
	d.files(ctx, d.o.files)
}

// regular returns r as a file whose end is known to come, nil if it is none.
func regular(r io.Reader) *os.File {
	f, ok := r.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return f
}

// decode shows what a source yields.
func (d *dumper) decode(ctx context.Context, src capture.Source) error {
	stats, err := capture.Decode(ctx, src, capture.DecodeOptions{
		Ports: d.o.ports, Whole: d.whole, Warn: d.warn,
	}, d.event)
	err = errors.Join(err, src.Close())
	d.unwatch()
	d.conns += stats.Connections
	if d.full() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %s", d.file, plain(err))
	}
	return d.tell(d.input, stats)
}

// openInput opens a file for reading.
func openInput(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			return nil, fmt.Errorf("%s: %w", name, path.Err)
		}
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s: is a directory", name)
	}
	return f, nil
}

func (d *dumper) openError(name string, err error) error {
	var unknown *capture.UnknownError
	switch {
	case errors.Is(err, capture.ErrEmpty):
		return peerError{fmt.Errorf("%s: is empty", name)}
	case errors.As(err, &unknown):
		return withHint(fmt.Errorf("%s: %s", name, plain(err)), "if it is one after all, say so with --from: "+orList(d.o.from.words))
	}
	return fmt.Errorf("%s: %s", name, plain(err))
}

// maxWarnings is how many places that are damaged are told of in one input.
const maxWarnings = 20

// warn tells of damage in an input, a line each.
func (d *dumper) warn(err error) {
	d.keep(pretty.Flush(d.sink))
	d.damages++
	d.bar.hide()
	switch d.told++; {
	case d.told <= maxWarnings:
		complain(d.env, d.file+": "+d.damage(err))
	case d.told == maxWarnings+1:
		complain(d.env, d.file+": there is more damage, which is not told one by one")
	}
}

// damage says what is wrong in an input, and where. Only the messages about the
// text form quote it: not if it may hold what is to be masked.
func (d *dumper) damage(err error) string {
	var syntax *text.SyntaxError
	switch {
	case !errors.As(err, &syntax):
		return plain(err)
	case d.mask != nil:
		return fmt.Sprintf("line %d, column %d: no line of the text form (what it says is masked)", syntax.Line, syntax.Column)
	}
	return plain(syntax)
}

// event takes an event of an input. Connections are counted over all files.
func (d *dumper) event(e *flow.Event) {
	if d.full() {
		return
	}
	if d.conns > 0 && e.Conn != nil {
		info := *e.Conn
		info.N += d.conns
		e.Conn = &info
	}
	if d.mask != nil {
		d.mask.Event(e)
	}
	if d.chosen != nil {
		d.keep(d.chosen.Event(e))
	} else {
		d.keep(showing{d}.Event(e))
	}
	if d.full() {
		d.stop()
	}
}

// showing is the dumper as the sink of what is chosen.
type showing struct{ *dumper }

// Event shows an event.
func (d showing) Event(e *flow.Event) error {
	if d.full() {
		return d.broken
	}
	switch e.Kind {
	case flow.KindRecord:
		d.records++
	case flow.KindFinding:
		if rule := e.Finding.Rule.Rule(); rule == nil || rule.Level != wire.Note {
			d.findings++
		}
	case flow.KindGap, flow.KindDesync, flow.KindTruncated:
		d.damages++
	}
	return d.sink.Event(e)
}

// Close implements pretty.Sink: the dumper closes the sink itself.
func (d showing) Close() error { return nil }

// full reports whether no more is to be shown.
func (d *dumper) full() bool {
	return d.broken != nil || d.o.limit > 0 && d.records >= int(d.o.limit)
}

func (d *dumper) keep(err error) {
	if d.broken == nil {
		d.broken = err
	}
	if d.broken != nil && d.stop != nil {
		d.stop()
	}
}

// flushing shows what has been decoded before more is read, because reading
// may wait.
type flushing struct {
	io.Reader
	d *dumper
}

func (f flushing) Read(p []byte) (int, error) {
	f.d.keep(pretty.Flush(f.d.sink))
	if f.d.broken != nil {
		return 0, f.d.broken
	}
	return f.Reader.Read(p)
}

// ports is the value of a flag: TCP ports.
type ports []uint16

// Set implements flag.Value.
func (p *ports) Set(s string) error {
	for _, one := range strings.Split(s, ",") {
		n, err := strconv.ParseUint(one, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("want a port, 1 to 65535")
		}
		*p = append(*p, uint16(n))
	}
	return nil
}

// String returns "": there is no default.
func (p *ports) String() string { return "" }
