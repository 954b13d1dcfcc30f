package text

import (
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// didYouMean is the hint for a word that is none of names: the nearest of them,
// or all of them when there are few.
func didYouMean(word string, names []string) string {
	if near := wire.Nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) == 1:
		return "only " + names[0] + " is known"
	}
	last := len(names) - 1
	return "one of " + strings.Join(names[:last], ", ") + " or " + names[last] + " was expected"
}
