package commands

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// listFaults prints what --fault takes.
func listFaults(env *Env) error {
	var b bytes.Buffer
	for _, f := range server.Faults() {
		writeEntry(&b, 21, f.ID, f.Help)
	}
	return write(env.Stdout, fit(b.Bytes(), helpColumns(env.Terminal)))
}

// fault is the value of a flag: NAME, and behind an @ when.
type fault struct{ chosen *server.Fault }

// Set implements flag.Value.
func (f *fault) Set(s string) error {
	name, when, limited := strings.Cut(s, "@")
	chosen, err := server.FindFault(name)
	if err != nil {
		return faultUnknown(name)
	}
	if limited {
		if chosen.When, err = faultWhen(when); err != nil {
			return err
		}
	}
	f.chosen = chosen
	return nil
}

// faultWhen reads which requests are meant: N, N-M, N-, or a pattern of paths.
func faultWhen(when string) (func(x *server.Exchange, number int) bool, error) {
	if pattern := server.PathPattern(when); strings.HasPrefix(when, "/") || strings.HasPrefix(when, "*") {
		return func(x *server.Exchange, _ int) bool {
			path, err := x.Path()
			return err == nil && pattern.Match(path)
		}, nil
	}
	from, to, several := strings.Cut(when, "-")
	first, last := count(0), count(math.MaxInt32)
	err := first.Set(from)
	switch {
	case err != nil:
	case !several:
		last = first
	case to != "":
		err = last.Set(to)
	}
	if err != nil || first == 0 || last < first {
		return nil, errors.New("behind the @: want the number of a request, from 1 on, numbers such as 2-5 or 2-, or a path such as /a.php")
	}
	return func(_ *server.Exchange, number int) bool { return int(first) <= number && number <= int(last) }, nil
}

func faultUnknown(name string) error {
	var names []string
	for _, f := range server.Faults() {
		names = append(names, f.ID)
	}
	if near := wire.Nearest(name, names); near != "" {
		return errors.New("did you mean " + near + "?")
	}
	return errors.New("no such fault, --faults lists them")
}

// String returns "": there is no default.
func (f *fault) String() string { return "" }

// offer prints the names that complete current.
func (f *fault) offer(w io.Writer, current string) {
	for _, known := range server.Faults() {
		candidate(w, current, known.ID, known.Help)
	}
}
