package commands

import (
	"slices"
	"strings"
)

// nearest returns the one of names that a user may have meant by word: the one
// that it begins, or the one with the fewest wrong, missing, additional or
// swapped letters. It returns "" where none is near.
func nearest(word string, names []string) string {
	word = strings.ToLower(word)
	names = slices.Sorted(slices.Values(names))
	best, least := "", max(1, len(word)/3)+1
	for _, name := range names {
		if len(word) >= 3 && strings.HasPrefix(strings.ToLower(name), word) {
			return name
		}
		if d := distance(word, strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of letters to change, add, leave out or swap with
// their neighbour that make a into b.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
