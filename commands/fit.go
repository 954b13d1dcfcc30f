package commands

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire"
)

// minColumns is the narrowest terminal that text is fitted to.
const minColumns = 30

// belowTerm is where the explanation of a term begins that has no room beside it.
const belowTerm = 8

// helpColumns returns how many columns a help text that goes to stdout has.
func helpColumns(t Terminal) int {
	if n := room(t.Width); t.Stdout && n > 0 {
		return min(max(n, minColumns), helpWidth)
	}
	return helpWidth
}

// fit lays out anew, for so many columns, a text that was laid out for
// helpWidth: paragraphs, the explanations behind terms, and examples, which
// stay ones that can be copied. It goes by the form of the text:
//
//   - What is not indented is a paragraph, up to an empty line or one that is.
//   - At least two blanks lie between a term and its explanation, whose further
//     lines begin in the same column.
//   - Below "Examples:" are commands of the shell.
//   - "> ", "< " and "@" begin lines of the text form.
//
// Nothing is left out: what has no place to be broken stays as wide as it is.
func fit(text []byte, columns int) []byte {
	if columns >= helpWidth {
		return text
	}
	f := fitter{columns: columns}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for len(lines) > 0 {
		n := f.size(lines)
		f.block(lines[:n])
		lines = lines[n:]
	}
	return f.b.Bytes()
}

// A fitter writes text for so many columns.
type fitter struct {
	b        bytes.Buffer
	columns  int
	examples bool // the lines are commands of the shell
}

// size returns how many lines belong together, from the first one on.
func (f *fitter) size(lines []string) int {
	_, column := termOf(lines)
	n := 1
	for ; n < len(lines) && lines[n-1] != "" && lines[n] != ""; n++ {
		first, at := indentOf(lines[0]), indentOf(lines[n])
		switch {
		case first == 0 && at == 0, column > 0 && at == column, isText(lines[0]) && at > first:
		case column == 0 && at == first && !f.examples && !isText(lines[0]) && isFull(lines[n-1], lines[n]):
		default:
			return n
		}
	}
	return n
}

// isFull reports whether the first word of next had no room in the line before.
func isFull(line, next string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(next), " ")
	return columnsOf(line)+1+columnsOf(word) > helpWidth
}

// isText reports whether a line is one of the text form.
func isText(line string) bool {
	line = strings.TrimLeft(line, " ")
	return strings.HasPrefix(line, "> ") || strings.HasPrefix(line, "< ") || strings.HasPrefix(line, "@")
}

// block writes lines that belong together.
func (f *fitter) block(lines []string) {
	indent := strings.Repeat(" ", indentOf(lines[0]))
	whole := strings.TrimSpace(lines[0])
	for _, line := range lines[1:] {
		whole += " " + strings.TrimSpace(line)
	}
	term, column := termOf(lines)
	switch {
	case whole == "":
		f.examples = false
		f.b.WriteByte('\n')
	case indent == "":
		f.examples = whole == "Examples:"
		hanging := ""
		if strings.HasPrefix(whole, "usage: ") || strings.HasPrefix(whole, "Example (") {
			hanging = "    "
		}
		f.fill("", hanging, strings.Fields(whole), "")
	case f.examples:
		f.fill(indent, indent+"  ", withValues(splitOutside(whole, `'"`)), ` \`)
	case isText(whole):
		f.fill(indent, indent+"   ", textArguments(splitOutside(whole, `"`)), "")
	case column > 0:
		f.entry(term, column, strings.Fields(strings.TrimPrefix(whole, strings.TrimSpace(term))))
	default:
		f.fill(indent, indent, strings.Fields(whole), "")
	}
}

// entry writes a term and its explanation, which begins in a column. If the
// column leaves it less than half of the width, it begins below the term.
func (f *fitter) entry(term string, column int, words []string) {
	further := ""
	if words[0] == "#" { // a comment, in each of its lines
		words, further = words[1:], "# "
	}
	if column > f.columns/2 {
		column = belowTerm
	}
	hanging := strings.Repeat(" ", column)
	if columnsOf(term)+2 > column {
		indent := strings.Repeat(" ", indentOf(term))
		f.fill(indent, indent+"    ", strings.Fields(term), "")
		term = ""
	}
	f.fill(term+hanging[columnsOf(term):]+further, hanging+further, words, "")
}

// fill writes words in lines that begin with first, and the further ones with
// hanging; end is behind each that goes on.
func (f *fitter) fill(first, hanging string, words []string, end string) {
	line, empty := first, true
	for i, word := range words {
		room := f.columns
		if i < len(words)-1 {
			room -= columnsOf(end)
		}
		if !empty && columnsOf(line)+1+columnsOf(word) > room {
			f.b.WriteString(line + end + "\n")
			line, empty = hanging, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	f.b.WriteString(line + "\n")
}

// termOf returns the term that lines begin with, and the column in which its
// explanation does, behind it or on the next line; 0 if they are no such thing.
func termOf(lines []string) (term string, column int) {
	indent := indentOf(lines[0])
	if indent == 0 || isText(lines[0]) {
		return "", 0
	}
	if term, _, ok := strings.Cut(lines[0][indent:], "  "); ok {
		term = lines[0][:indent+len(term)]
		return term, columnsOf(term) + indentOf(lines[0][len(term):])
	}
	if len(lines) > 1 && indentOf(lines[1]) > indent {
		return lines[0], indentOf(lines[1])
	}
	return "", 0
}

// splitOutside splits s at blanks that are in no quotes of the given kinds.
func splitOutside(s, quotes string) []string {
	var words []string
	var open rune
	begun, escaped := 0, false
	for i, r := range s {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && open != '\'':
			escaped = true
		case r == open:
			open = 0
		case open == 0 && strings.ContainsRune(quotes, r):
			open = r
		case open == 0 && r == ' ':
			if i > begun {
				words = append(words, s[begun:i])
			}
			begun = i + 1
		}
	}
	return append(words, s[begun:])
}

// withValues joins flags, and redirections, with the words behind them, which
// may be what they are about.
func withValues(words []string) []string {
	var joined []string
	for i, word := range words {
		if i > 0 && words[i-1] != "-" && strings.ContainsRune("-<>", rune(words[i-1][0])) && (word == "-" || !strings.ContainsRune("-|;<>&", rune(word[0]))) {
			joined[len(joined)-1] += " " + word
		} else {
			joined = append(joined, word)
		}
	}
	return joined
}

// textArguments joins those words of a line of the text form that have to be on
// its first line. Further ones can begin with a string or a pair: what is a field
// here would be a pair there.
func textArguments(words []string) []string {
	pairs := false
	if len(words) > 1 {
		t, err := wire.ParseType(words[1])
		pairs = err == nil && t.Spec() != nil && t.Spec().Shape == wire.Pairs
	}
	joined := words[:1:1]
	for _, word := range words[1:] {
		key, _, isPair := strings.Cut(word, "=")
		isPair = isPair && pairs && !slices.Contains(recordKeys, key)
		if isPair || word[0] == '"' && words[1] != "raw" {
			joined = append(joined, word)
		} else {
			joined[len(joined)-1] += " " + word
		}
	}
	return joined
}

// recordKeys are the fields that any record has in the text form.
var recordKeys = []string{"id", "version", "reserved", "len", "pad", "padding"}

// indentOf returns how many blanks s begins with.
func indentOf(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// columnsOf returns how many columns s takes.
func columnsOf(s string) int { return utf8.RuneCountInString(s) }
