package commands

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/capture"
)

// This file is about what dump says on stderr, and how it ends.

// tell says what there was beside FastCGI.
func (d *dumper) tell(name string, stats capture.Stats) error {
	d.keep(pretty.Flush(d.sink))
	if stats.Connections > 0 {
		if stats.Others > 0 {
			complain(d.env, fmt.Sprintf("%s: left out %s", name, others(stats)))
		}
		return nil
	}
	return noFastCGI(name, stats)
}

// noFastCGI says what there is instead.
func noFastCGI(name string, stats capture.Stats) error {
	if stats.Others == 1 && stats.Bare == 1 {
		what := ""
		for hint := range stats.Hints {
			what = hint
		}
		return peerError{fmt.Errorf("%s: no FastCGI%s", name, cmp.Or(strings.Replace(what, "looks", ": it looks", 1), " in these bytes"))}
	}
	if stats.Others > 0 {
		err := peerError{fmt.Errorf("%s: no FastCGI, only %s", name, others(stats))}
		return withHint(err, "to decode a connection all the same, name the application's port with --port")
	}
	if stats.Silent > 0 {
		return peerError{fmt.Errorf("%s: no FastCGI: %s", name, plural(stats.Silent, "connection", "without data"))}
	}
	return peerError{fmt.Errorf("%s: no FastCGI, and no connection at all", name)}
}

// others says how many connections spoke something else, and what.
func others(stats capture.Stats) string {
	s := plural(stats.Others, "connection", "with something else")
	var kinds []string
	for hint, n := range stats.Hints {
		if hint != "" {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, strings.Replace(hint, "looks like", "like", 1)))
		}
	}
	slices.Sort(kinds)
	if len(kinds) > 0 {
		s += " (" + strings.Join(kinds, ", ") + ")"
	}
	return s
}

// plural returns "1 connection with …", "2 connections with …".
func plural(n int, what, with string) string {
	if n != 1 {
		what += "s"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", n, what, with))
}

// verdict is the result over all files.
func (d *dumper) verdict() error {
	err := errors.Join(d.failed...)
	if err != nil || !d.o.strict || d.findings+d.damages == 0 {
		return err
	}
	var found []string
	if d.findings > 0 {
		found = append(found, plural(d.findings, "finding", "of a broken rule"))
	}
	if d.damages > 0 {
		found = append(found, plural(d.damages, "place", "where bytes are missing or no record"))
	}
	return peerError{fmt.Errorf("--strict: %s", strings.Join(found, ", "))}
}

// tellAll says at the end what there is to say about all inputs together.
func (d *dumper) tellAll() {
	if d.chosen != nil {
		tellChosen(d.env, d.chosen)
	}
	if d.totals != nil && (d.o.totals || d.totals.Connections > 0) {
		// A stderr that cannot be written to changes no result.
		d.totals.Report(d.env.Stderr, pretty.Options{Stable: d.o.stable, Width: d.env.Terminal.columns()})
	}
}
