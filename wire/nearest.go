package wire

import (
	"strings"
	"unicode"
)

// Nearest returns the one of names that somebody may have meant by word: the
// one that word is the beginning of, or the one with the fewest wrong, missing,
// additional or swapped letters; "" where none is near. Case, - and _ do not
// count.
func Nearest(word string, names []string) string {
	word = fold(word)
	if word == "" {
		return ""
	}
	best, most := "", max(1, len(word)/3)
	for _, name := range names {
		folded := fold(name)
		if len(word) >= 3 && strings.HasPrefix(folded, word) {
			return name
		}
		if d := distance(word, folded); d <= most {
			best, most = name, d-1
		}
	}
	return best
}

// fold makes the ways of writing a name equal: case, - and _.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// distance is how many bytes must be put in, left out, changed or swapped with
// their neighbour to make b of a.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	var before, last, row [65]int
	for j := range len(b) {
		last[j+1] = j + 1
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
