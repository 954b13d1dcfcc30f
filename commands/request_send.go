package commands

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// maxMux is the most requests at once on a connection.
const maxMux = 1000

// sending is how a request goes out, and how often.
type sending struct {
	keep       bool
	id         count
	pad        padding
	chunk      byteSize
	splitPairs bool
	noStdinEnd bool
	abort      moment
	linger     duration
	repeat     count
	mux        count
	offline    bool
}

func (o *sending) flags() []cli.Flag {
	o.id, o.repeat, o.mux = 1, 1, 1
	const category = protocolFlags
	return []cli.Flag{
		&cli.BoolFlag{Name: "keep-conn", Category: category, Usage: "set KEEP_CONN: the application does not close; with --repeat, one connection for all", Destination: &o.keep},
		&cli.GenericFlag{Name: "id", Category: category, Usage: "request id `N`, 1 to 65535; with --mux, the first one", Value: &o.id},
		&cli.GenericFlag{Name: "pad", Category: category, Usage: "pad records that have content: `N` bytes each (0 to 255), none, or 8, to a multiple of eight (default)", Value: &o.pad},
		&cli.GenericFlag{Name: "chunk", Category: category, Usage: "at most `BYTES` of content in a record of PARAMS, STDIN or DATA; a larger pair is not split", Value: &o.chunk},
		&cli.BoolFlag{Name: "split-pairs", Category: category, Usage: "fill PARAMS records to --chunk, and split pairs that do not fit (php-fpm resets the connection)", Destination: &o.splitPairs},
		&cli.BoolFlag{Name: "no-stdin-eof", Category: category, Usage: "leave out the empty record that ends STDIN", Destination: &o.noStdinEnd},
		&cli.GenericFlag{Name: "abort-after", Category: category, Usage: "send ABORT_REQUEST when the answer is not complete after `TIME`, and show what comes then", Value: &o.abort},
		durationFlag(category, "linger", nil, "go on reading for `TIME` after END_REQUEST, to see what should not come", &o.linger),
		&cli.GenericFlag{Name: "repeat", Category: category, Usage: "send it `N` times, one after the other", Value: &o.repeat},
		&cli.GenericFlag{Name: "mux", Category: category, Usage: "send it `N` times at once on one connection, under N request ids; that all are answered is no proof that they ran at once: see get-values --verify", Value: &o.mux},
		&cli.BoolFlag{Name: "offline", Category: category, Usage: "send nothing, and print the records that would be sent", Destination: &o.offline},
	}
}

// check refuses what cannot be, or would do nothing.
func (o *sending) check() error {
	switch {
	case o.id < 1 || o.id > 1<<16-1:
		return usagef("request: --id %d is not from 1 to 65535", o.id)
	case o.mux < 1 || o.mux > maxMux:
		return usagef("request: --mux %d is not from 1 to %d", o.mux, maxMux)
	case o.repeat < 1:
		return usagef("request: --repeat 0 sends nothing; to see the records: --offline")
	case o.id+o.mux-1 > 1<<16-1:
		return usagef("request: --mux %d from --id %d goes beyond 65535", o.mux, o.id)
	case o.chunk > wire.MaxContent:
		return usagef("request: --chunk %d is more than the %d bytes that a record takes", o.chunk, wire.MaxContent)
	case o.splitPairs && o.chunk == 0:
		return withHint(usagef("request: --split-pairs needs --chunk"), "such as --chunk 64: records of 64 bytes, whatever they cut")
	case o.mux > 1 && o.repeat > 1:
		return withHint(usagef("request: --mux and --repeat do not go together"), "--mux N sends at once on one connection, --repeat N one after the other")
	case o.mux > 1 && o.linger > 0:
		return usagef("request: --linger is for one request at a time, not for --mux")
	}
	if !o.offline {
		return nil
	}
	for _, other := range []struct {
		flag  string
		given bool
	}{
		{"--repeat", o.repeat > 1}, {"--mux", o.mux > 1}, {"--linger", o.linger > 0}, {"--abort-after", o.abort.given},
	} {
		if other.given {
			return usagef("request: --offline sends nothing, so there is no %s", other.flag)
		}
	}
	return nil
}

// apply makes req one that is sent so, if it is sent at all, and returns what
// the user should know.
func (o *sending) apply(req *client.Request, sends bool) (notes []string) {
	req.Keep, req.ID, req.NoStdinEnd = req.Keep || o.keep, uint16(o.id), req.NoStdinEnd || o.noStdinEnd
	notes = o.warnings(req.Params, sends)
	if !o.pad.given && o.chunk == 0 {
		return notes
	}
	layout := client.Layout{}
	if req.Layout != nil {
		layout = *req.Layout
	}
	if o.pad.given {
		layout.Pad = o.pad.bytes
	}
	if o.chunk > 0 {
		layout.Body, layout.Params, layout.SplitPairs = int(o.chunk), int(o.chunk), o.splitPairs
		if !o.splitPairs {
			layout.Params = max(layout.Params, longest(req.Params))
		}
	}
	if n := int(o.chunk); n > 0 && layout.Pad != nil && n+layout.Pad(wire.TypeStdin, n) > wire.MaxContent {
		notes = append(notes, "warning: php-fpm resets the connection when content and padding of a record are more than 65535 bytes together")
	}
	req.Layout = &layout
	return notes
}

// warnings are what cgi.Lint cannot know: it is in the way the request goes out.
func (o *sending) warnings(params []wire.Pair, sends bool) (notes []string) {
	if o.splitPairs && cutsPair(params, int(o.chunk)) {
		notes = append(notes, "warning: php-fpm resets the connection when a pair is split over records")
	}
	if o.keep && o.repeat == 1 && o.mux == 1 && o.linger == 0 && sends {
		notes = append(notes, "warning: --keep-conn and a single request: the connection is closed after it (--repeat N sends more, --linger shows whether the application closes)")
	}
	if o.noStdinEnd && !o.abort.given && sends {
		notes = append(notes, "warning: --no-stdin-eof: an application that waits for the end of STDIN does not answer before --timeout")
	}
	return notes
}

// cutsPair reports whether one of pairs crosses the border of two records that
// are filled to chunk bytes.
func cutsPair(pairs []wire.Pair, chunk int) bool {
	at := 0
	for i := range pairs {
		end := at + pairs[i].Len()
		if at/chunk != (end-1)/chunk {
			return true
		}
		at = end
	}
	return false
}

// longest is the length of the longest pair, at most that of a record.
func longest(pairs []wire.Pair) int {
	n := 1
	for i := range pairs {
		n = max(n, pairs[i].Len())
	}
	return min(n, wire.MaxContent)
}

// padding is the value of a flag: how records that have content are padded.
type padding struct {
	given bool
	to8   bool
	n     int
}

// Set implements flag.Value.
func (p *padding) Set(s string) error {
	n, err := strconv.Atoi(s)
	switch {
	case s == "none":
		n = 0
	case err != nil || n < 0 || n > wire.MaxPadding:
		return fmt.Errorf("want 0 to %d bytes, none, or 8 for a multiple of eight", wire.MaxPadding)
	}
	*p = padding{given: true, to8: n == 8, n: n}
	return nil
}

// String returns "": the default is in the help.
func (p *padding) String() string { return "" }

// bytes is client.Layout.Pad. What is empty, and BEGIN_REQUEST, is not padded:
// libfcgi and php-fpm lose their place there.
func (p padding) bytes(t wire.Type, content int) int {
	switch {
	case content == 0 || !t.Known() || !t.Spec().Stream:
		return 0
	case p.to8:
		return wire.PadTo8(content)
	}
	return p.n
}

// A moment is the value of a flag: a length of time, which may be none at all.
type moment struct {
	given bool
	after duration
}

// Set implements flag.Value.
func (m *moment) Set(s string) error {
	m.given = true
	return m.after.Set(s)
}

// String returns "": there is no default.
func (m *moment) String() string { return "" }

// Retrying is when a request that failed is sent again.
type retrying struct {
	times   count
	delay   duration
	refused bool
	all     bool
}

func (o *retrying) flags() []cli.Flag {
	const category = "Retrying"
	return []cli.Flag{
		&cli.GenericFlag{Name: "retry", Category: category, Usage: "send again, up to `N` times, what failed for now: no answer in time, OVERLOADED, HTTP status 408, 429, 500, 502, 503 or 504; once it was sent, only with a method that may be repeated", Value: &o.times},
		durationFlag(category, "retry-delay", nil, "wait for `TIME` in between, instead of 1s, 2s, 4s …", &o.delay),
		&cli.BoolFlag{Name: "retry-connrefused", Category: category, Usage: "with --retry, also where nobody listens yet", Destination: &o.refused},
		&cli.BoolFlag{Name: "retry-all-errors", Category: category, Usage: "with --retry, whatever failed, and with any method, as long as nothing was printed", Destination: &o.all},
	}
}

func (o *retrying) check() error {
	switch {
	case o.times > 0:
		return nil
	case o.delay > 0:
		return usagef("request: --retry-delay is for --retry")
	case o.refused:
		return usagef("request: --retry-connrefused is for --retry")
	case o.all:
		return usagef("request: --retry-all-errors is for --retry")
	}
	return nil
}

// pause is how long to wait before a try, the second one being 1: as curl does.
func (o *retrying) pause(try int) time.Duration {
	const longest = 10 * time.Minute
	return cmp.Or(time.Duration(o.delay), min(longest, time.Second<<min(try-1, 10)))
}
