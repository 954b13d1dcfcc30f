package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/capture"
)

// checkLive refuses what does not go together with --interface.
func (o *dumpOptions) checkLive() error {
	switch {
	case o.iface == "":
		return nil
	case len(o.files) > 0:
		return usagef("dump: either --interface or a file")
	case o.from.word != "":
		return usagef("dump: --from is for files, and not for --interface")
	}
	return nil
}

// live decodes what passes an interface until ctx is done, which is its normal
// end, or as much as is wanted has come.
func (d *dumper) live(ctx context.Context, name string) error {
	liveCtx, stop := context.WithCancel(ctx)
	defer stop()
	d.stop = stop
	src, err := capture.OpenLive(liveCtx, name, capture.LiveOptions{
		Ports: d.o.ports, Waiting: func() { d.keep(pretty.Flush(d.sink)) },
	})
	if err != nil {
		return liveError(name, err)
	}
	complain(d.env, fmt.Sprintf("capturing on %s, %s, until Ctrl-C", name, d.o.ports.describe()))
	var broken error
	// The source ends when ctx does, and what it holds then is worth decoding.
	stats, err := capture.Decode(context.WithoutCancel(ctx), src, capture.DecodeOptions{
		Ports: d.o.ports, Whole: d.whole, Warn: func(err error) { broken = errors.Join(broken, err) },
	}, d.event)
	d.keep(pretty.Flush(d.sink))
	dropped, dropErr := src.Dropped()
	if dropped > 0 {
		d.damages++
		complain(d.env, fmt.Sprintf("%s: %s", name, plural(int(dropped), "packet", "came too fast and had to be dropped by the kernel")))
	}
	if err := errors.Join(broken, err, dropErr, src.Close()); err != nil {
		return errors.New(plain(err))
	}
	d.tellLive(name, stats)
	return nil
}

// liveError says what is to be done about an interface that cannot be captured.
func liveError(name string, err error) error {
	var privilege *capture.PrivilegeError
	if errors.As(err, &privilege) {
		return withHint(fmt.Errorf("interface %s: %s", name, plain(err)),
			"run it as root, or let the program capture: sudo setcap "+strings.ToLower(privilege.Capability)+`=ep "$(command -v fcgiscope)"`)
	}
	return errors.New(plain(err))
}

// tellLive says what there was beside FastCGI. That there was none is no
// failure: nobody may have sent a request.
func (d *dumper) tellLive(name string, stats capture.Stats) {
	var seen []string
	if stats.Connections == 0 {
		seen = append(seen, "no FastCGI was seen")
	}
	if stats.Others > 0 {
		seen = append(seen, "left out "+others(stats))
	}
	if len(seen) > 0 && !d.full() {
		complain(d.env, name+": "+strings.Join(seen, ", "))
	}
}

// describe returns "all TCP ports", "TCP port 9000" or "TCP ports 9000, 9001".
func (p *ports) describe() string {
	switch len(*p) {
	case 0:
		return "all TCP ports"
	case 1:
		return fmt.Sprintf("TCP port %d", (*p)[0])
	}
	return "TCP ports " + strings.Join(strings.Fields(strings.Trim(fmt.Sprint([]uint16(*p)), "[]")), ", ")
}
