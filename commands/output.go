package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// An output is how events are shown.
type output struct {
	format  choice
	color   choice
	maxBody byteSize
	stable  bool
	events  events
	part    choice // of the format raw
	inflate bool
}

const outputFlags = "Output"

// flags returns the flags; format is what is shown where the user does not say,
// usage and aliases are those of --format.
func (o *output) flags(format, usage string, aliases ...string) []cli.Flag {
	o.format = choice{format, formatNames()}
	flags := []cli.Flag{choiceFlag(outputFlags, "format", aliases, usage, &o.format)}
	flags = append(flags, o.viewFlags()...)
	return append(flags,
		&cli.GenericFlag{Name: "events", Category: outputFlags, Usage: "with jsonl, only these `KINDS` of events: record,pair,request …", Value: &o.events})
}

// viewFlags returns the flags that all formats know.
func (o *output) viewFlags() []cli.Flag {
	o.color = choice{"auto", []string{"auto", "always", "never"}}
	return []cli.Flag{
		choiceFlag(outputFlags, "color", nil, "colours: auto (on a terminal), always or never as `WHEN`", &o.color),
		&cli.GenericFlag{Name: "max-body", Category: outputFlags, Usage: "show at most `BYTES` of a body or value; 0: all", Value: &o.maxBody},
		&cli.BoolFlag{Name: "stable", Category: outputFlags, Usage: stableUsage, Destination: &o.stable},
	}
}

// stableUsage is what --stable does in every command.
const stableUsage = "leave out times, addresses and what else differs from run to run"

func formatNames() []string {
	var names []string
	for _, f := range pretty.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// check refuses flags that would do nothing.
func (o *output) check() error {
	switch {
	case o.events.set != 0 && o.format.word != "jsonl":
		return usagef("--events is for --format jsonl")
	case o.part.word != string(pretty.PartBody) && o.part.word != "" && o.format.word != rawFormat:
		return usagef("--part is for --format %s", rawFormat)
	case o.inflate && o.format.word != "requests":
		return usagef("--inflate is for --format requests")
	}
	return nil
}

// sink makes the format called name write to w, which is a terminal or not.
func (o *output) sink(env *Env, name string, w io.Writer, terminal bool) (pretty.Format, pretty.Sink, error) {
	format, err := pretty.Lookup(name)
	if err != nil {
		return format, nil, usageError{err}
	}
	options := pretty.Options{
		Color:   o.colors(env, terminal),
		Stable:  o.stable,
		MaxBody: int(o.maxBody),
		Events:  o.events.set,
		Part:    pretty.Part(o.part.word),
		Inflate: o.inflate,
	}
	if terminal {
		options.Width = env.Terminal.columns()
	}
	if terminal && format.Name == rawFormat {
		text := &escaper{w: w}
		return format, escapedSink{format.New(text, options), text}, nil
	}
	return format, format.New(w, options), nil
}

// rawFormat is the format that writes what a peer sent as it is.
const rawFormat = "raw"

// An escapedSink writes through an escaper.
type escapedSink struct {
	pretty.Sink
	text *escaper
}

func (s escapedSink) Flush() error { return pretty.Flush(s.Sink) }

func (s escapedSink) Close() error { return errors.Join(s.Sink.Close(), s.text.Flush()) }

// partFlag chooses what the format raw writes.
func (o *output) partFlag() cli.Flag {
	o.part = choice{word: string(pretty.PartBody)}
	for _, p := range pretty.Parts() {
		o.part.words = append(o.part.words, string(p))
	}
	return choiceFlag(outputFlags, "part", nil, "with raw, the bytes of `PART`: "+orList(o.part.words), &o.part)
}

// inflateFlag shows bodies in gzip for what they hold.
func (o *output) inflateFlag() cli.Flag {
	return &cli.BoolFlag{Name: "inflate", Category: outputFlags, Usage: "with requests, show what bodies in gzip hold", Destination: &o.inflate}
}

// formatHelp explains the formats, a line each.
func formatHelp() string {
	var b bytes.Buffer
	for _, f := range pretty.Formats() {
		writeEntry(&b, 12, f.Name, f.Help)
	}
	return b.String()
}

// colors decides whether there are colours. See https://no-color.org.
func (o *output) colors(env *Env, terminal bool) bool {
	switch o.color.word {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal && env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb"
}

// A count is the value of a flag: a number that is not negative.
type count int

// Set implements flag.Value.
func (c *count) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return fmt.Errorf("want a number from 0 to %d", 1<<31-1)
	}
	*c = count(n)
	return nil
}

// String returns "" for 0, which is the default.
func (c *count) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

// events is the value of a flag: kinds of events.
type events struct{ set pretty.Events }

// Set implements flag.Value.
func (e *events) Set(s string) (err error) {
	e.set, err = pretty.ParseEvents(s)
	if err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "pretty: "))
	}
	return nil
}

// String returns "": all is the default.
func (e *events) String() string { return "" }
