package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A recording is where conversations are kept, for a command that has --record.
type recording struct {
	file  string
	force bool
}

func (o *recording) flags(category string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "record", Category: category, Usage: "keep what is shown as a pcapng file, for Wireshark and for dump, in `FILE`", Destination: &o.file},
		&cli.BoolFlag{Name: "force", Category: category, Usage: "let --record write over a file", Destination: &o.force},
	}
}

func (o *recording) check() error {
	if o.force && o.file == "" {
		return usagef("--force is for --record")
	}
	return nil
}

// A recorder is a sink that keeps conversations in a file. Only its owner may
// read that, as it can hold secrets.
type recorder struct {
	*capture.Writer
	file *os.File
	old  bool // the file was there before
	used bool
}

// open makes the file, which must be none of the inputs. What it holds already
// stays until there is something to record.
func (o *recording) open(inputs []string) (*recorder, error) {
	r := &recorder{}
	var err error
	r.file, err = os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if !o.force {
			return nil, existsAlready(o.file)
		}
		if isOneOf(o.file, inputs) {
			return nil, usagef("--record: %s is read from", o.file)
		}
		r.old = true
		r.file, err = os.OpenFile(o.file, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, cannotWrite(o.file, err)
	}
	r.Writer = capture.NewWriter(r.file)
	return r, nil
}

// existsAlready says that a recording would write over a file.
func existsAlready(file string) error {
	return withHint(fmt.Errorf("%s: exists already", file), "to write over it: --force")
}

// isOneOf reports whether name is the same file as one of others.
func isOneOf(name string, others []string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	for _, other := range others {
		if o, err := os.Stat(other); err == nil && os.SameFile(info, o) {
			return true
		}
	}
	return false
}

// Event implements pretty.Sink.
func (r *recorder) Event(e *flow.Event) error {
	if !r.used {
		r.used = true
		if err := r.empty(); err != nil {
			return err
		}
	}
	return r.Writer.Event(e)
}

// Flush writes what is held back, if there is anything.
func (r *recorder) Flush() error {
	if !r.used {
		return nil
	}
	return r.Writer.Flush()
}

// empty takes out what is in an old file, and what lets others read it.
func (r *recorder) empty() error {
	if !r.old {
		return nil
	}
	if info, err := r.file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return errors.Join(r.file.Chmod(0o600), r.file.Truncate(0))
}

// Close implements pretty.Sink. A new file in which nothing was recorded is
// taken away.
func (r *recorder) Close() error {
	err := errors.Join(r.Flush(), r.file.Close())
	if !r.used && !r.old {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	return err
}
