package diagnose

import (
	"cmp"
	"slices"
)

// A Confidence says how sure a rule is. 0 is not at all.
type Confidence uint8

// The confidences.
const (
	Possible Confidence = iota + 1 // one of several causes of what was seen
	Likely                         // the usual cause
	Certain                        // nothing else looks like it
)

// String returns "possible", "likely" or "certain".
func (c Confidence) String() string { return [...]string{"no", "possible", "likely", "certain"}[c] }

// A Class says what kind of failure a rule is about.
type Class uint8

// The classes.
const (
	Caution     Class = iota // the answer is good, but not everywhere or not always
	Unreachable              // there is no connection
	Mute                     // there is no answer in time
	Broken                   // one side broke the protocol, or left too early
	Negative                 // the application answered, but not with what was wanted
)

// String returns such as "no answer".
func (c Class) String() string {
	return [...]string{"caution", "no connection", "no answer", "broken", "negative answer"}[c]
}

// A Rule is a row of the table: a fault and how it shows. In its texts, words
// in braces stand for what was seen; see Rule.Text and Verdict.
type Rule struct {
	ID      string // D01 to D45; they never change
	Key     string // such as "script-missing"
	Class   Class
	Symptom string // what a user sees, mostly with nginx in front
	Wire    string // what there is to be seen of it
	Cause   string
	Check   string // what would prove it
	Remedy  string
	Hint    string // cause and remedy in one line; "" is Cause
	// Field says why no test provokes the fault; "" where one does. Such a rule
	// comes from reports, and was not seen to be right.
	Field string
	Match func(*Facts) Confidence
}

// Rules returns the table, in the order of the ids.
func Rules() []Rule {
	return slices.Concat(reachRules(), phpRules(), answerRules())
}

// Lookup returns the rule with that id or key, nil if there is none.
func Lookup(name string) *Rule {
	for _, r := range Rules() {
		if r.ID == name || r.Key == name {
			return &r
		}
	}
	return nil
}

// Text returns r with general words in place of what is in braces.
func (r Rule) Text() Rule { return r.filled(nil) }

func (r Rule) filled(f *Facts) Rule {
	for _, s := range []*string{&r.Symptom, &r.Wire, &r.Cause, &r.Check, &r.Remedy, &r.Hint} {
		*s = fill(*s, f)
	}
	if r.Hint == "" {
		r.Hint = r.Cause
	}
	return r
}

// A Verdict is a rule that fits what was seen, its texts filled in: bytes from
// peers are quoted in them, and long ones cut.
type Verdict struct {
	Rule
	Confidence Confidence
}

// Diagnose returns the rules that fit, the most certain first, and
// failures before cautions. It returns none where nothing is wrong, and
// where nothing is known. Of an incomplete request everything is only possible.
func Diagnose(f *Facts) []Verdict {
	var found []Verdict
	for _, r := range Rules() {
		c := r.Match(f)
		if f.Incomplete {
			c = min(c, Possible)
		}
		if c > 0 {
			found = append(found, Verdict{r.filled(f), c})
		}
	}
	slices.SortStableFunc(found, func(a, b Verdict) int {
		return cmp.Or(compareBool(a.Class == Caution, b.Class == Caution), cmp.Compare(b.Confidence, a.Confidence))
	})
	return found
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// when is c if all conditions hold.
func when(c Confidence, conditions ...bool) Confidence {
	if slices.Contains(conditions, false) {
		return 0
	}
	return c
}
