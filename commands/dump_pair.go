package commands

import (
	"context"
	"fmt"
	"io"

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

// pair decodes the two directions of a connection. All of a file is read
// before the other one only as far as the records allow.
func (d *dumper) pair(ctx context.Context) error {
	decodeCtx, stop := context.WithCancel(ctx)
	defer stop()
	d.stop = stop
	var in [2]io.Reader
	empty := true
	for i, name := range []string{d.o.toApp, d.o.toServer} {
		switch name {
		case "":
		case "-":
			in[i] = flushing{patient(ctx, d.env.Stdin), d}
			empty = false
		default:
			f, err := openInput(name)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			empty = empty && err == nil && info.Mode().IsRegular() && info.Size() == 0
			in[i] = f
		}
	}
	name := d.o.toApp
	if name == "" {
		name = d.o.toServer
	}
	if empty {
		return peerError{fmt.Errorf("%s: is empty", name)}
	}
	return d.decode(decodeCtx, name, capture.OpenPair(in[0], in[1]))
}
