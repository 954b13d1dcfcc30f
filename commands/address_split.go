package commands

import (
	"fmt"
	"strings"
)

// splitCommand splits a command line into words like a POSIX shell: at blanks,
// but for what stands in '…', in "…" (where a backslash escapes $, `, " and
// itself), or behind a backslash. Nothing is expanded; what a shell would do
// more about is an error that says where. The error names the byte, from 1.
func splitCommand(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	open := false // there is a word, perhaps an empty one
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t':
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
			continue
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, fmt.Errorf("the ' at byte %d is not closed", i+1)
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
				return nil, fmt.Errorf("the \\ at byte %d escapes nothing", i+1)
			}
			i++
			word.WriteByte(s[i])
		case '|', '&', ';', '<', '>', '(', ')', '$', '`', '\n':
			return nil, fmt.Errorf("the %q at byte %d is for a shell, and there is none", c, i+1)
		default:
			word.WriteByte(c)
		}
		open = true
	}
	if open {
		words = append(words, word.String())
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
			return 0, fmt.Errorf("the %q at byte %d is for a shell, and there is none", c, i+1)
		default:
			word.WriteByte(c)
		}
	}
	return 0, fmt.Errorf("the \" at byte %d is not closed", start+1)
}
