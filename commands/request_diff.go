package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// A difference is what two servers do differently in a request.
type difference struct {
	kind string // parameter, order or records
	name string
	side [2]*string // nil: it has none
}

// printDiff prints how the requests of two servers differ.
func printDiff(env *Env, json bool, servers [2]*cgi.Preset, requests [2]made) error {
	found := append(paramDifferences(requests), recordDifferences(servers, requests)...)
	if order := orders(servers, requests); order[0] != order[1] {
		found = append(found, difference{"order", "", [2]*string{&order[0], &order[1]}})
	}
	switch {
	case json:
		return write(env.Stdout, differenceLines(found))
	case len(found) == 0:
		return write(env.Stdout, []byte("no difference\n"))
	}
	return differenceTable(env, found, servers)
}

// paramDifferences are the parameters whose values differ, and those that one
// side has not. The nth of a name is compared with the nth of the other side.
func paramDifferences(requests [2]made) (found []difference) {
	values := map[string][]string{} // of the right side, those without a partner yet
	for _, p := range requests[1].pairs {
		values[string(p.Name)] = append(values[string(p.Name)], string(p.Value))
	}
	partners := map[string]int{}
	for _, p := range requests[0].pairs {
		name, value := string(p.Name), string(p.Value)
		d := difference{"parameter", name, [2]*string{&value, nil}}
		if left := values[name]; len(left) > 0 {
			d.side[1], values[name] = &left[0], left[1:]
			partners[name]++
		}
		if d.side[1] == nil || *d.side[1] != value {
			found = append(found, d)
		}
	}
	for _, p := range requests[1].pairs {
		name, value := string(p.Name), string(p.Value)
		if partners[name]--; partners[name] < 0 {
			found = append(found, difference{"parameter", name, [2]*string{nil, &value}})
		}
	}
	return found
}

// orders are the names that both sides have, in the order of each.
func orders(servers [2]*cgi.Preset, requests [2]made) (order [2]string) {
	for side := range order {
		if servers[side].Unordered {
			order[side] = "another one in every request"
			continue
		}
		var names []string
		for _, p := range requests[side].pairs {
			if _, both := wire.Lookup(requests[1-side].pairs, string(p.Name)); both && !slices.Contains(names, string(p.Name)) {
				names = append(names, string(p.Name))
			}
		}
		order[side] = strings.Join(names, " ")
	}
	return order
}

// recordDifferences are those of flags and records.
func recordDifferences(servers [2]*cgi.Preset, requests [2]made) (found []difference) {
	for _, row := range []struct {
		name string
		of   func(*cgi.Preset, *made) string
	}{
		{"flags", func(s *cgi.Preset, m *made) string {
			if s.Keep(&m.request) {
				return wire.KeepConn.String()
			}
			return "0"
		}},
		{"padding of PARAMS", func(s *cgi.Preset, _ *made) string { return paddingOf(s, wire.TypeParams) }},
		{"padding of STDIN", func(s *cgi.Preset, _ *made) string { return paddingOf(s, wire.TypeStdin) }},
		{"a PARAMS record", func(s *cgi.Preset, _ *made) string { return atMost(s.Layout.Params) }},
		{"a STDIN record", func(s *cgi.Preset, m *made) string {
			if s.NoStdin(m.request.Role) {
				return "none"
			}
			return atMost(s.Layout.Body)
		}},
	} {
		a, b := row.of(servers[0], &requests[0]), row.of(servers[1], &requests[1])
		if a != b {
			found = append(found, difference{"records", row.name, [2]*string{&a, &b}})
		}
	}
	return found
}

func paddingOf(s *cgi.Preset, t wire.Type) string {
	if s.Layout.Pad != nil && s.Layout.Pad(t, 1) == 0 {
		return "none"
	}
	return "to 8 bytes"
}

func atMost(n int) string {
	if n == 0 {
		n = wire.MaxContent &^ 7 // what package client fits into a record
	}
	return fmt.Sprintf("%d bytes", n)
}

// valueMax is how much of a value a cell shows.
const valueMax = 48

// differenceTable prints the differences, and the orders below.
func differenceTable(env *Env, found []difference, servers [2]*cgi.Preset) error {
	rows := [][]string{}
	var below []byte
	for _, d := range found {
		switch d.kind {
		case "order":
			for side, s := range servers {
				order := fmt.Sprintf("order of %s: %s", s.Name, pretty.Clean(*d.side[side]))
				for _, line := range pretty.Wrap(order, env.Terminal.columns()) {
					below = append(append(below, line...), '\n')
				}
			}
		case "records":
			rows = append(rows, []string{"(" + d.name + ")", *d.side[0], *d.side[1]})
		default:
			rows = append(rows, []string{pretty.Clean(d.name), valueCell(d.side[0]), valueCell(d.side[1])})
		}
	}
	if len(rows) > 0 {
		if err := writeTable(env, []string{"parameter", servers[0].Name, servers[1].Name}, rows); err != nil {
			return err
		}
	}
	return write(env.Stdout, below)
}

func valueCell(value *string) string {
	if value == nil {
		return "-"
	}
	return pretty.Quote([]byte(*value), valueMax)
}

// differenceLines are the differences as lines of JSON; what a side has not is
// left out.
func differenceLines(found []difference) (lines []byte) {
	for _, d := range found {
		lines = pretty.AppendText(append(lines, '{'), "kind", []byte(d.kind))
		if d.name != "" {
			lines = pretty.AppendText(lines, "name", []byte(d.name))
		}
		for side, key := range []string{"as", "diff"} {
			if d.side[side] != nil {
				lines = pretty.AppendText(lines, key, []byte(*d.side[side]))
			}
		}
		lines = append(lines, "}\n"...)
	}
	return lines
}
