package commands

import (
	"fmt"
	"strconv"
	"strings"
)

// splitCommand splits a command line into words like a POSIX shell: at blanks,
// but for what stands in '…', in "…" (where a backslash escapes $, `, " and
// itself), or behind a backslash. Nothing is expanded; what a shell would do
// more about is a *splitError.
func splitCommand(s string) ([]string, error) {
	placed, err := splitPlaces(s)
	var words []string
	for _, w := range placed {
		words = append(words, w.text)
	}
	return words, err
}

// A splitError says why a command line cannot be split.
type splitError struct {
	at   int    // the byte, from 1
	mark string // what stands there
	what string // is wrong with it
}

func (e *splitError) Error() string { return fmt.Sprintf("the %s at byte %d %s", e.mark, e.at, e.what) }

const forShell = "is for a shell, and there is none"

// splitPlaces is splitCommand with the byte, from 1, at which each word begins.
// There are no words with an error.
func splitPlaces(s string) ([]typed, error) {
	var words []typed
	var word strings.Builder
	start := -1 // of the word, perhaps an empty one; -1: there is none
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == ' ' || c == '\t' {
			if start >= 0 {
				words = append(words, typed{word.String(), start + 1})
				word.Reset()
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
		switch c := s[i]; c {
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, &splitError{i + 1, "'", "is not closed"}
			}
			word.WriteString(s[i+1 : i+1+end])
			i += end + 1
		case '"':
			end, err := doubleQuoted(&word, s, i)
			if err != nil {
				return nil, err
			}
			i = end
		case '\\':
			if i+1 == len(s) {
				return nil, &splitError{i + 1, "\\", "escapes nothing"}
			}
			i++
			word.WriteByte(s[i])
		case '|', '&', ';', '<', '>', '(', ')', '$', '`', '\n':
			return nil, &splitError{i + 1, strconv.QuoteRune(rune(c)), forShell}
		default:
			word.WriteByte(c)
		}
	}
	if start >= 0 {
		words = append(words, typed{word.String(), start + 1})
	}
	return words, nil
}

// doubleQuoted reads the "…" that begins at s[start] and returns where it ends.
func doubleQuoted(word *strings.Builder, s string, start int) (end int, err error) {
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i, nil
		case c == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\", s[i+1]) >= 0:
			i++
			word.WriteByte(s[i])
		case c == '$' || c == '`':
			return 0, &splitError{i + 1, strconv.QuoteRune(rune(c)), forShell}
		default:
			word.WriteByte(c)
		}
	}
	return 0, &splitError{start + 1, `"`, "is not closed"}
}
