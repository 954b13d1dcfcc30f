package pretty

import (
	"strings"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// Events is a set of kinds of events; the empty set stands for all.
type Events uint32

// eventKinds are the kinds that the machine-readable output knows.
var eventKinds = []flow.Kind{
	flow.KindConnection, flow.KindRecord, flow.KindPair, flow.KindRequestEnded, flow.KindFinding,
	flow.KindGap, flow.KindDesync, flow.KindTruncated, flow.KindClosed, flow.KindLost,
}

// EventNames returns the names that ParseEvents knows.
func EventNames() []string {
	names := make([]string, len(eventKinds))
	for i, k := range eventKinds {
		names[i] = k.String()
	}
	return names
}

// ParseEvents reads names of events, separated by commas: "record,pair". The
// error names the nearest one.
func ParseEvents(list string) (Events, error) {
	var set Events
	for _, name := range strings.Split(list, ",") {
		k, ok := eventKind(strings.TrimSpace(name))
		if !ok {
			return 0, unknown("event", strings.TrimSpace(name), EventNames())
		}
		set |= 1 << k
	}
	return set, nil
}

func eventKind(name string) (flow.Kind, bool) {
	for _, k := range eventKinds {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// Has reports whether k is in the set.
func (s Events) Has(k flow.Kind) bool { return s == 0 || s&(1<<k) != 0 }
