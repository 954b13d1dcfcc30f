package flow_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// found plays a fixture and returns its findings in the order of their making.
func found(f *wiretest.Fixture) (findings []flow.Event) {
	f.Play(&flow.Conn{Whole: true}, func(e *flow.Event) {
		if e.Kind == flow.KindFinding {
			findings = append(findings, e.Clone())
		}
	})
	return findings
}

// expectation is a line "finding RULE[ dir=…][ offset=N]" of a fixture, or the
// same about an event as far as the line goes into it.
func expectation(e *flow.Event, like string) string {
	s := "finding " + string(e.Finding.Rule)
	if strings.Contains(like, " dir=") {
		s += " dir=" + e.Dir.String()
	}
	if strings.Contains(like, " offset=") {
		s += " offset=" + strconv.FormatInt(e.Offset, 10)
	}
	return s
}

func compare(t *testing.T, f *wiretest.Fixture) {
	t.Helper()
	var got, told []string
	for i, e := range found(f) {
		like := ""
		if i < len(f.Expect) {
			like = f.Expect[i]
		}
		got = append(got, expectation(&e, like))
		told = append(told, fmt.Sprintf("%s dir=%v offset=%d: %s", e.Finding.Rule, e.Dir, e.Offset, e.Finding.Detail))
	}
	if diff := cmp.Diff(f.Expect, got); diff != "" {
		t.Errorf("(-want +got)\n%s\nfound:\n%s", diff, strings.Join(told, "\n"))
	}
}

// TestValid: nothing in a legal conversation breaks a rule, and what is worth
// a note is listed.
func TestValid(t *testing.T) {
	for _, name := range wiretest.Glob(t, "valid/*.txtar") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := wiretest.Load(t, name)
			compare(t, &f)
			for _, line := range f.Expect {
				if r := rule(line); r == nil || r.Level != wire.Note {
					t.Errorf("%q in a legal conversation", line)
				}
			}
		})
	}
}

// TestBroken: a conversation that breaks a rule breaks that one, and others only
// where they are listed.
func TestBroken(t *testing.T) {
	for _, name := range wiretest.Glob(t, "broken/*.txtar") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := wiretest.Load(t, name)
			compare(t, &f)
		})
	}
}

// TestEveryRuleHasAFixture: broken/RULE.txtar breaks RULE; broken/RULE-more.txtar
// may show another way.
func TestEveryRuleHasAFixture(t *testing.T) {
	names := map[string]bool{}
	for _, name := range wiretest.Glob(t, "broken/*.txtar") {
		names[name] = true
	}
	for _, r := range wire.Rules() {
		name := "broken/" + string(r.ID) + ".txtar"
		if !names[name] {
			t.Errorf("rule %s has no fixture %s", r.ID, name)
			continue
		}
		f := wiretest.Load(t, name)
		breaks := false
		for _, line := range f.Expect {
			if x := rule(line); x == nil {
				t.Errorf("%s: %q names no rule", name, line)
			} else if x.ID == r.ID {
				breaks = true
			}
		}
		if !breaks {
			t.Errorf("%s does not expect its rule", name)
		}
	}
}

// rule returns the rule of a line of expect, nil if there is none.
func rule(line string) *wire.Rule {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "finding" {
		return nil
	}
	return wire.RuleID(words[1]).Rule()
}
