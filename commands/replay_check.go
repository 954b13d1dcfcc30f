package commands

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A conversationTest is what a file of --check expects beside answers, and a
// sink that sees what happens.
type conversationTest struct {
	mu     sync.Mutex
	expect []expectation
	found  []expectation // findings, in the order of their making
}

// An expectation is a rule that is broken.
type expectation struct {
	rule   wire.RuleID
	dir    string // "" where it does not matter
	offset int64  // -1 likewise
	line   int    // of the file
	detail string // of what was found
}

// String is the line in the file.
func (x expectation) String() string {
	s := "finding " + string(x.rule)
	if x.dir != "" {
		s += " dir=" + x.dir
	}
	if x.offset >= 0 {
		s += " offset=" + strconv.FormatInt(x.offset, 10)
	}
	return s
}

// parseTest takes a test apart, which is a txtar archive. The records that it
// returns stand on the same lines as in the file.
func parseTest(b []byte, name string) (*conversationTest, []byte, error) {
	t := &conversationTest{}
	var records bytes.Buffer
	var wrong []error
	seen := map[string]bool{}
	section, number := "", 0
	for line := range bytes.Lines(b) {
		number++
		if title, ok := sectionTitle(line); ok {
			section = title
			switch {
			case section != "expect" && section != "records":
				wrong = append(wrong, fmt.Errorf("%s: line %d: section %q, and there are expect and records", name, number, section))
			case seen[section]:
				wrong = append(wrong, fmt.Errorf("%s: line %d: a second section %s", name, number, section))
			}
			seen[section] = true
			records.WriteByte('\n')
			continue
		}
		if section == "records" {
			records.Write(line)
			continue
		}
		records.WriteByte('\n')
		if section != "expect" {
			continue
		}
		x, ok, err := parseExpectation(string(line))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: line %d: %w", name, number, err))
		}
		if x.line = number; ok {
			t.expect = append(t.expect, x)
		}
	}
	if !seen["records"] && len(wrong) == 0 {
		wrong = append(wrong, withHint(fmt.Errorf("%s: there is no section records", name), "a line -- records -- begins it"))
	}
	return t, records.Bytes(), errors.Join(wrong[:min(len(wrong), maxScriptErrors)]...)
}

// sectionTitle returns the name in a line such as "-- records --".
func sectionTitle(line []byte) (string, bool) {
	s := strings.TrimRight(string(line[:min(len(line), 100)]), "\r\n")
	if len(s) < 7 || !strings.HasPrefix(s, "-- ") || !strings.HasSuffix(s, " --") {
		return "", false
	}
	return strings.TrimSpace(s[3 : len(s)-3]), true
}

// parseExpectation reads a line of the section expect; ok is false for one that
// says nothing.
func parseExpectation(line string) (x expectation, ok bool, err error) {
	words := strings.Fields(line)
	if len(words) == 0 || words[0][0] == '#' {
		return x, false, nil
	}
	form := errors.New("want finding RULE, with dir=to-app or dir=to-server, and offset=N, if they matter")
	if words[0] != "finding" || len(words) < 2 {
		return x, false, form
	}
	x = expectation{rule: wire.RuleID(words[1]), offset: -1}
	if x.rule.Rule() == nil {
		return x, false, fmt.Errorf("no rule %q (fcgiscope rules lists them)", words[1])
	}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case key == "dir" && (value == wire.ToApp.String() || value == wire.ToServer.String()):
			x.dir = value
		case key == "offset":
			n, err := strconv.ParseUint(value, 10, 62)
			if err != nil {
				return x, false, form
			}
			x.offset = int64(n)
		default:
			return x, false, form
		}
	}
	return x, true, nil
}

// maxFound is how many findings are remembered.
const maxFound = 1000

// Event implements pretty.Sink.
func (t *conversationTest) Event(e *flow.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Kind == flow.KindFinding && len(t.found) < maxFound {
		t.found = append(t.found, expectation{rule: e.Finding.Rule, dir: e.Dir.String(), offset: e.Offset, detail: e.Finding.Detail})
	}
	return nil
}

// Close implements pretty.Sink.
func (t *conversationTest) Close() error { return nil }

// judge returns what is not as it was expected. Notes need not be expected.
func (t *conversationTest) judge() (wrong []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := slices.Clone(t.found)
	for _, x := range t.expect {
		i := slices.IndexFunc(found, func(y expectation) bool {
			return x.rule == y.rule && (x.dir == "" || x.dir == y.dir) && (x.offset < 0 || x.offset == y.offset)
		})
		if i < 0 {
			wrong = append(wrong, fmt.Sprintf("expected on line %d, did not come: %v", x.line, x))
			continue
		}
		found = slices.Delete(found, i, i+1)
	}
	for _, y := range found {
		if y.rule.Rule().Level == wire.Note {
			continue
		}
		line := fmt.Sprintf("not expected: %v", y)
		if y.detail != "" {
			line += ": " + y.detail
		}
		wrong = append(wrong, line)
	}
	return wrong
}
