package pretty

import (
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// appendFinding appends a finding on one line: level, rule, section, detail, or
// where there is none what the rule says.
func appendFinding(dst []byte, f *flow.Finding) []byte {
	level, section, detail := wire.Note, "", f.Detail
	if r := f.Rule.Rule(); r != nil {
		level, section = r.Level, r.Section
		if detail == "" {
			detail = r.Text
		}
	}
	dst = append(dst, level.String()...)
	dst = appendClean(append(dst, ": "...), []byte(f.Rule))
	if section != "" {
		dst = append(append(append(dst, " (section "...), section...), ')')
	}
	if detail != "" {
		dst = appendClean(append(dst, ": "...), []byte(detail))
	}
	return dst
}

// levelOf returns the level that a line of appendFinding begins with.
func levelOf(line string) (wire.Level, bool) {
	for l := wire.Must; l <= wire.Note; l++ {
		if name := l.String(); len(line) > len(name) && line[:len(name)] == name && line[len(name)] == ':' {
			return l, true
		}
	}
	return 0, false
}
