package commands

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/fcgiscope/fcgiscope/wire/capture"
)

// pairFiles are two files with a direction of one connection each.
type pairFiles struct{ toApp, toServer string }

func (o *pairFiles) given() bool { return o.toApp != "" || o.toServer != "" }

func (o *pairFiles) names() []string {
	var names []string
	for _, name := range []string{o.toApp, o.toServer} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// checkPair refuses what does not go together with --to-app and --to-server.
func (o *dumpOptions) checkPair() error {
	switch {
	case !o.pairFiles.given():
		return nil
	case o.iface != "" || len(o.files) > 0:
		return usagef("dump: either --to-app and --to-server, or another input")
	case o.from.word != "" && o.from.word != rawFormat:
		return usagef("dump: --to-app and --to-server are the bytes as they were sent, and not --from %s", o.from.word)
	case o.toApp == "-" && o.toServer == "-":
		return usagef("dump: standard input is one of --to-app and --to-server, not both")
	}
	return nil
}

// pair decodes the two directions of a connection.
func (d *dumper) pair(ctx context.Context) error {
	decodeCtx, stop := context.WithCancel(ctx)
	defer stop()
	d.stop = stop
	var in [2]io.Reader
	empty := true
	for i, name := range []string{d.o.toApp, d.o.toServer} {
		if name == "" {
			continue
		}
		f := d.env.Stdin
		if name != "-" {
			file, err := orDone(ctx, func() (*os.File, error) { return openInput(name) })
			if err != nil {
				return err
			}
			defer file.Close()
			f = file
		}
		in[i] = f
		if file := regular(f); file == nil {
			in[i] = flushing{patient(ctx, f), d}
			empty = false
		} else if info, err := file.Stat(); err != nil || info.Size() > 0 {
			empty = false
		}
	}
	d.file = cmp.Or(d.o.toApp, d.o.toServer)
	d.input = d.file
	if empty {
		return peerError{fmt.Errorf("%s: is empty", d.file)}
	}
	return d.decode(decodeCtx, capture.OpenPair(in[0], in[1]))
}
